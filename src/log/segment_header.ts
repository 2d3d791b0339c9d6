/**
 * The name and the header of a segment file. Little endian.
 *
 * A segment is named after the index of its first entry, 20 digits and ".segment", so that names
 * sort as entries do. Its first sector holds the header and nothing else:
 *
 * ```
 *  offset  size  field
 *       0     8  magic       "raft-log"
 *       8     4  formatVersion  1
 *      12     4  checksum    CRC-32 of all other bytes of the header
 *      16    16  logId       random, the same in all segments of a log
 *      32     8  firstIndex  as in the name
 *      40     8  sequence    larger than that of everything written to this log before
 *      48     4  previousChecksum  of the last unit of the segment before, 0 where none was
 *      52     4  flags       1: the log starts here, whatever is before is obsolete
 *      56     8  segmentBytes  the size of the file
 *      64   448  zero
 * ```
 *
 * The header is durable before the file gets its name in the log's directory, and it is never
 * changed. So a bad header is never the trace of a crash. Magic, version and checksum stay where
 * they are in every version, so that a newer one is not taken for damage.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { crc32 } from "../runtime/checksum.ts";
import { INTEGER_MAX } from "../types.ts";
import type { Index } from "../types.ts";
import { SECTOR_BYTES } from "./weak_sectors.ts";

/** The size of a segment header; the first unit starts behind it. */
export const SEGMENT_HEADER_BYTES = SECTOR_BYTES;

/** The version of the format of segments that this build writes, and the newest that it reads. */
export const SEGMENT_FORMAT_VERSION = 1;

const MAGIC = new TextEncoder().encode("raft-log");
const NAME_PATTERN = /^([0-9]{20})\.segment$/;
const FLAG_STARTS_LOG = 1;

/** What a segment header says. */
export interface SegmentHeader {
  readonly logId: Uint8Array;
  readonly firstIndex: Index;
  readonly sequence: number;
  readonly previousChecksum: number;
  /** Whether all segments with lower names are obsolete. */
  readonly startsLog: boolean;
  readonly segmentBytes: number;
}

/** A header that was read, and its checksum, which the first unit chains to. */
export interface DecodedSegmentHeader extends SegmentHeader {
  readonly checksum: number;
}

/** Why a header cannot be used. */
export interface SegmentHeaderFault {
  readonly fault: string;
}

/** A whole header of a format that this build does not know. */
export interface NewerSegmentHeader {
  readonly newerVersion: number;
}

/** The file name of the segment whose first entry has `firstIndex`. */
export function segmentName(firstIndex: Index): string {
  assert(firstIndex >= 1, () => `the first index is ${firstIndex}`);
  assert(firstIndex <= INTEGER_MAX, () => `the first index is ${firstIndex}`);
  return `${String(firstIndex).padStart(20, "0")}.segment`;
}

/** The first index that a file name stands for, or null where it names no segment. */
export function segmentFirstIndex(name: string): Index | null {
  const digits = NAME_PATTERN.exec(name)?.[1];
  if (digits === undefined) return null;
  const index = Number(digits);
  return index >= 1 && index <= INTEGER_MAX ? index : null;
}

/** Encodes a header. */
export function encodeSegmentHeader(
  header: SegmentHeader,
): { bytes: Uint8Array; checksum: number } {
  assert(header.logId.length === 16, () => `the log id has ${header.logId.length} bytes, want 16`);
  assert(header.segmentBytes > SEGMENT_HEADER_BYTES, () => `the size is ${header.segmentBytes}`);
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  bytes.set(MAGIC);
  putUint32(bytes, 8, SEGMENT_FORMAT_VERSION);
  bytes.set(header.logId, 16);
  putUint64(bytes, 32, header.firstIndex);
  putUint64(bytes, 40, header.sequence);
  putUint32(bytes, 48, header.previousChecksum);
  putUint32(bytes, 52, header.startsLog ? FLAG_STARTS_LOG : 0);
  putUint64(bytes, 56, header.segmentBytes);
  const checksum = headerChecksum(bytes);
  putUint32(bytes, 12, checksum);
  return { bytes, checksum };
}

/** Decodes a header, or says why it cannot be trusted, or that it is of a newer version. */
export function decodeSegmentHeader(
  bytes: Uint8Array,
): DecodedSegmentHeader | SegmentHeaderFault | NewerSegmentHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES) return { fault: `it is cut off at ${bytes.length}` };
  assert(bytes.length === SEGMENT_HEADER_BYTES, () => `the header has ${bytes.length} bytes`);
  if (MAGIC.some((byte, offset) => bytes[offset] !== byte)) return { fault: "it has no magic" };
  const checksum = getUint32(bytes, 12);
  const computed = headerChecksum(bytes);
  if (checksum !== computed) return { fault: `its checksum is ${checksum}, computed ${computed}` };
  const formatVersion = getUint32(bytes, 8);
  if (formatVersion > SEGMENT_FORMAT_VERSION) return { newerVersion: formatVersion };
  if (formatVersion < 1) return { fault: `its format version is ${formatVersion}` };
  const header: DecodedSegmentHeader = {
    checksum,
    logId: bytes.slice(16, 32),
    firstIndex: getUint64(bytes, 32),
    sequence: getUint64(bytes, 40),
    previousChecksum: getUint32(bytes, 48),
    startsLog: getUint32(bytes, 52) === FLAG_STARTS_LOG,
    segmentBytes: getUint64(bytes, 56),
  };
  assert(header.firstIndex >= 1, () => `the first index is ${header.firstIndex}`);
  assert(header.sequence >= 1, () => `the sequence is ${header.sequence}`);
  return header;
}

function headerChecksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12)));
}

/**
 * The bytes of a snapshot file: a header, the state in parts, and a trailer that says that it is
 * complete. The same bytes are sent to a follower. Little endian.
 *
 * ```
 * header    a checked message (checked_message.ts), magic "snapshot", with a SnapshotHeader of
 *           schema/storage.capnp
 * chunk 0   16 bytes in front, then some of the state
 * chunk 1   …
 * trailer   16 bytes in front, then what the file amounts to
 *
 * in front of every part
 * offset  size  field
 *      0     4  checksum  CRC-32 of the bytes from offset 4 to the end of the part, seeded with the
 *                         checksum of the part before; of the first part, with that of the header
 *      4     4  length    of the body
 *      8     4  number    0, 1, 2 …
 *     12     1  kind      1 a chunk, 2 the trailer
 *     13     3  zero
 *     16     n  body
 *
 * body of the trailer
 *     16     8  chunkCount
 *     24     8  stateBytes        of the bodies of all chunks
 *     32     8  totalBytes        of the file, this trailer included
 *     40     4  previousChecksum  of the part before, or of the header
 *     44     4  zero
 * ```
 *
 * The checksums are a chain: that of the trailer depends on every byte before it, so nothing can be
 * missing, doubled or moved. The trailer can be judged by itself, at the end of the file.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { SNAPSHOT_CHUNK_BYTES_MAX } from "../limits.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Configuration, Index, LogTimeMs, SnapshotId, Term } from "../types.ts";
import { decodeSnapshotHeader, encodeSnapshotHeader } from "../wire/storage_codec.ts";
import { checkedBytes, decodeChecked, encodeChecked } from "./checked_message.ts";

/** The version of snapshot files that this build writes, and the newest that it reads. */
export const SNAPSHOT_FORMAT_VERSION = 1;

/** The bytes in front of the body of a part. */
export const PART_HEADER_BYTES = 16;

/** The bytes of a trailer. */
export const TRAILER_BYTES: number = PART_HEADER_BYTES + 32;

/** The most bytes of a header; a larger one is none. */
export const SNAPSHOT_HEADER_BYTES_MAX: number = 64 * 1024;

const MAGIC = "snapshot";
const CHUNK = 1;
const TRAILER = 2;

/** What a snapshot covers. */
export interface SnapshotMeta {
  /** 16 random bytes in hexadecimal, made when it was taken. */
  readonly snapshotId: SnapshotId;
  /** The cluster that it was taken in. */
  readonly clusterId: string;
  /** The last entry that it covers. */
  readonly lastIncludedIndex: Index;
  /** The term of that entry. */
  readonly lastIncludedTerm: Term;
  /** The log time of that entry. */
  readonly logTimeMs: LogTimeMs;
  /** The index of the entry that carried `configuration`. */
  readonly configurationIndex: Index;
  /** The latest configuration at or before `lastIncludedIndex`. */
  readonly configuration: Configuration;
}

/** What is in front of the body of a part. */
export interface PartHeader {
  readonly kind: "chunk" | "trailer";
  readonly checksum: number;
  readonly length: number;
  readonly number: number;
}

/** What a trailer says. */
export interface Trailer {
  readonly chunkCount: number;
  readonly stateBytes: number;
  readonly totalBytes: number;
  readonly previousChecksum: number;
}

/** Bytes that are not a snapshot, or not what was there before. */
export class SnapshotFault extends Error {
  override readonly name = "SnapshotFault";
  /** Where in the file. */
  readonly offset: number;
  /** The format version of a file that a newer program wrote, else null. */
  readonly newerVersion: number | null;

  /** Says what is wrong at `offset`. */
  constructor(offset: number, fault: string, newerVersion: number | null = null) {
    super(fault);
    this.offset = offset;
    this.newerVersion = newerVersion;
  }
}

/** The header of a file. */
export function encodeHeader(meta: SnapshotMeta): Uint8Array {
  const { lastIncludedIndex, configurationIndex } = meta;
  assert(lastIncludedIndex >= 1, () => `the last included index is ${lastIncludedIndex}`);
  assert(
    configurationIndex <= lastIncludedIndex,
    () => `the configuration of ${configurationIndex} is later than ${lastIncludedIndex}`,
  );
  const message = encodeSnapshotHeader({ ...meta, formatVersion: SNAPSHOT_FORMAT_VERSION });
  const bytes = encodeChecked(
    { magic: MAGIC, formatVersion: SNAPSHOT_FORMAT_VERSION, generation: 0 },
    message,
  );
  assert(bytes.length <= SNAPSHOT_HEADER_BYTES_MAX, () => `the header has ${bytes.length} bytes`);
  return bytes;
}

/**
 * The length of the header at the start of `bytes`, of which the first 32 are enough.
 *
 * @throws {SnapshotFault} If there is none.
 */
export function headerBytes(bytes: Uint8Array): number {
  const length = checkedBytes(MAGIC, bytes);
  if (typeof length === "string") throw new SnapshotFault(0, `the header is bad: ${length}`);
  if (length <= SNAPSHOT_HEADER_BYTES_MAX) return length;
  throw new SnapshotFault(12, `the header has ${length} bytes`);
}

/**
 * Reads a whole header.
 *
 * @throws {SnapshotFault} If it is none, or one of a newer program.
 */
export function decodeHeader(bytes: Uint8Array): SnapshotMeta {
  const checked = decodeChecked(MAGIC, bytes);
  if (typeof checked === "string") throw new SnapshotFault(0, `the header is bad: ${checked}`);
  const { formatVersion, message } = checked;
  if (formatVersion > SNAPSHOT_FORMAT_VERSION) {
    throw new SnapshotFault(8, `its format version is ${formatVersion}`, formatVersion);
  }
  let header;
  try {
    header = decodeSnapshotHeader(message);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new SnapshotFault(0, `the header is bad: ${error.message}`);
  }
  const { formatVersion: _, ...meta } = header;
  const { lastIncludedIndex, configurationIndex, lastIncludedTerm } = meta;
  if (meta.snapshotId === "" || meta.clusterId === "") {
    throw new SnapshotFault(0, "the header names no snapshot or no cluster");
  }
  if (lastIncludedIndex >= configurationIndex && configurationIndex >= 1 && lastIncludedTerm >= 1) {
    return meta;
  }
  throw new SnapshotFault(
    0,
    `the header has index ${lastIncludedIndex} of term ${lastIncludedTerm}, and the ` +
      `configuration of ${configurationIndex}`,
  );
}

/** The bytes in front of a chunk; its body follows. */
export function encodeChunkHeader(
  body: Uint8Array,
  { number, previousChecksum }: { readonly number: number; readonly previousChecksum: number },
): { readonly bytes: Uint8Array; readonly checksum: number } {
  assert(body.length > 0, "the chunk is empty");
  assert(body.length <= SNAPSHOT_CHUNK_BYTES_MAX, () => `the chunk has ${body.length} bytes`);
  assert(number < 2 ** 32, () => `the chunk has number ${number}`);
  const bytes = new Uint8Array(PART_HEADER_BYTES);
  putUint32(bytes, 4, body.length);
  putUint32(bytes, 8, number);
  bytes[12] = CHUNK;
  const checksum = crc32(body, crc32(bytes.subarray(4), previousChecksum));
  putUint32(bytes, 0, checksum);
  return { bytes, checksum };
}

/** A trailer. */
export function encodeTrailer(trailer: Trailer): Uint8Array {
  const bytes = new Uint8Array(TRAILER_BYTES);
  putUint32(bytes, 4, TRAILER_BYTES - PART_HEADER_BYTES);
  putUint32(bytes, 8, trailer.chunkCount);
  bytes[12] = TRAILER;
  putUint64(bytes, 16, trailer.chunkCount);
  putUint64(bytes, 24, trailer.stateBytes);
  putUint64(bytes, 32, trailer.totalBytes);
  putUint32(bytes, 40, trailer.previousChecksum);
  putUint32(bytes, 0, crc32(bytes.subarray(4), trailer.previousChecksum));
  return bytes;
}

/** Reads what is in front of a part; null where that cannot be one. */
export function decodePartHeader(bytes: Uint8Array): PartHeader | null {
  assert(bytes.length >= PART_HEADER_BYTES, () => `${bytes.length} bytes in front of a part`);
  const length = getUint32(bytes, 4);
  const kind = bytes[12];
  const isChunk = kind === CHUNK && length >= 1 && length <= SNAPSHOT_CHUNK_BYTES_MAX;
  const isTrailer = kind === TRAILER && length === TRAILER_BYTES - PART_HEADER_BYTES;
  if (!isChunk && !isTrailer) return null;
  return {
    kind: isChunk ? "chunk" : "trailer",
    checksum: getUint32(bytes, 0),
    length,
    number: getUint32(bytes, 8),
  };
}

/** The checksum that a whole part should have. */
export function partChecksum(part: Uint8Array, previousChecksum: number): number {
  return crc32(part.subarray(4), previousChecksum);
}

/** What a trailer says; its checksum is for the caller to judge. */
export function decodeTrailer(bytes: Uint8Array): Trailer {
  assert(bytes.length === TRAILER_BYTES, () => `a trailer of ${bytes.length} bytes`);
  return {
    chunkCount: getUint64(bytes, 16),
    stateBytes: getUint64(bytes, 24),
    totalBytes: getUint64(bytes, 32),
    previousChecksum: getUint32(bytes, 40),
  };
}

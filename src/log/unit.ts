/**
 * A unit: what one sync covers, the step in which a segment grows. Little endian.
 *
 * ```
 *  offset  size  field
 *       0     4  magic       "unit"
 *       4     4  checksum    CRC-32 of the bytes from 8 to 64, seeded with the place (below)
 *       8     8  sequence    larger than that of everything written to this log before
 *      16     8  position    of this header in its segment
 *      24     8  firstIndex  of the first record; of a seal: of the segment that follows
 *      32     4  recordBytes, a multiple of 8; 0 in a seal
 *      36     4  recordCount
 *      40     4  recordChecksum  CRC-32 of the records
 *      44     4  previousChecksum  the checksum of the header of the unit before, or, of the first
 *                unit, of the segment header: the chain
 *      48     4  mapBytes    without the padding
 *      52     4  mapChecksum CRC-32 of the map, 0 where there is none
 *      56     1  kind        1 records, 2 seal
 *      57     7  zero
 *      64     n  records (record.ts)
 *             m  the map of the weak sectors (weak_sectors.ts), mostly absent
 *             p  zeros
 *             8  trailer     the header's checksum, then the same with every bit inverted
 * ```
 *
 * A unit starts and ends at a multiple of 64, so no header is split between two sectors: either
 * the whole header is on the disk, or what was there before, which is zeros. The trailer makes the
 * last sector of every unit one that cannot be empty, and the padding is so small that the trailer
 * shares a sector with the end of the records or of the map, or has one to itself.
 *
 * The place is the random id of the log and the first index of the segment. It seeds the checksum,
 * and the position is stored, so a copy of a unit elsewhere (a value may hold one, or an old file)
 * is not taken for a unit.
 *
 * One unit is written and synced before the next one is begun. So a unit that chains to the one
 * before it proves that the one before it was durable. A *seal* ends a segment that has a
 * successor: it proves, should the successor be gone, that there was one.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { ENTRY_BYTES_MAX, UNIT_BYTES_MAX } from "../limits.ts";
import { crc32 } from "../runtime/checksum.ts";
import { INTEGER_MAX } from "../types.ts";
import type { Index } from "../types.ts";
import { recordBytes } from "./record.ts";
import { mapWeakSectors, SECTOR_BYTES } from "./weak_sectors.ts";

/** The size of a unit header, and what units are aligned to. */
export const UNIT_HEADER_BYTES = 64;

/** The size of a trailer. */
export const UNIT_TRAILER_BYTES = 8;

/** The size of a seal: a header and a trailer. */
export const SEAL_BYTES = alignUnit(UNIT_HEADER_BYTES + UNIT_TRAILER_BYTES);

/** The most bytes of records in one unit. */
export const UNIT_RECORD_BYTES_MAX = Math.max(UNIT_BYTES_MAX, recordBytes(ENTRY_BYTES_MAX));

const MAGIC = 0x74696e75;

/** What a unit holds. */
export const UnitKind = { records: 1, seal: 2 } as const;

/** One of the values of {@linkcode UnitKind}. */
export type UnitKind = (typeof UnitKind)[keyof typeof UnitKind];

/** A unit header whose checksum and fields are good. */
export interface UnitHeader {
  readonly checksum: number;
  readonly sequence: number;
  readonly position: number;
  readonly firstIndex: Index;
  readonly recordBytes: number;
  readonly recordCount: number;
  readonly recordChecksum: number;
  readonly previousChecksum: number;
  readonly mapBytes: number;
  readonly mapChecksum: number;
  readonly kind: UnitKind;
}

/** What {@linkcode encodeUnit} needs. */
export interface UnitOptions {
  /** The checksum of the place: see {@linkcode placeSeed}. */
  readonly seed: number;
  readonly sequence: number;
  readonly position: number;
  readonly previousChecksum: number;
  readonly firstIndex: Index;
  readonly recordCount: number;
  /** The records; none for a seal. */
  readonly parts: readonly Uint8Array[];
}

/** A unit ready to be written. */
export interface EncodedUnit {
  /** The bytes in order; the records among them are those that were given, not copied. */
  readonly parts: readonly Uint8Array[];
  /** The size of the unit. */
  readonly bytes: number;
  /** The checksum of its header, for the chain. */
  readonly checksum: number;
  /** Where its records end in the segment. */
  readonly recordsEnd: number;
}

/** The next multiple of the alignment of units. */
export function alignUnit(bytes: number): number {
  return Math.ceil(bytes / UNIT_HEADER_BYTES) * UNIT_HEADER_BYTES;
}

/** The seed of all unit checksums in one segment. */
export function placeSeed(logId: Uint8Array, segmentFirstIndex: Index): number {
  assert(logId.length === 16, () => `the log id has ${logId.length} bytes, want 16`);
  assert(segmentFirstIndex >= 1, () => `the first index is ${segmentFirstIndex}`);
  const place = new Uint8Array(24);
  place.set(logId);
  putUint64(place, 16, segmentFirstIndex);
  return crc32(place);
}

/** The size of the whole unit that `header` describes. */
export function unitBytes(header: Pick<UnitHeader, "recordBytes" | "mapBytes">): number {
  const mapEnd = UNIT_HEADER_BYTES + header.recordBytes + align8(header.mapBytes);
  return alignUnit(mapEnd + UNIT_TRAILER_BYTES);
}

/**
 * The most bytes of a unit besides its records and one byte of map for each of their sectors: in
 * the worst case every other sector is weak, which makes two bytes of map for two sectors.
 */
const UNIT_OVERHEAD_BYTES = UNIT_HEADER_BYTES + 16 + UNIT_TRAILER_BYTES + UNIT_HEADER_BYTES;

/** A size that a unit with `recordBytes` of records surely fits into, whatever they hold. */
export function unitBytesFor(recordBytes: number): number {
  return recordBytes + Math.ceil(recordBytes / SECTOR_BYTES) + 8 + UNIT_OVERHEAD_BYTES;
}

/** A count of bytes of records that surely fits into a unit of `unitBytes`; may be negative. */
export function recordBytesFor(unitBytes: number): number {
  const bytes = (unitBytes - UNIT_OVERHEAD_BYTES) * (SECTOR_BYTES / (SECTOR_BYTES + 1));
  return Math.floor(bytes / 8) * 8;
}

/** Completes a unit around its records; without records it is a seal. */
export function encodeUnit(options: UnitOptions): EncodedUnit {
  const { seed, sequence, position, parts } = options;
  assert(position % UNIT_HEADER_BYTES === 0, () => `the position ${position} is not aligned`);
  assert(sequence >= 1 && sequence <= INTEGER_MAX, () => `the sequence is ${sequence}`);
  let bytesOfRecords = 0;
  let recordChecksum = 0;
  for (const part of parts) {
    bytesOfRecords += part.length;
    recordChecksum = crc32(part, recordChecksum);
  }
  assert(bytesOfRecords % 8 === 0, () => `${bytesOfRecords} bytes of records are not aligned`);
  assert(bytesOfRecords <= UNIT_RECORD_BYTES_MAX, () => `the records have ${bytesOfRecords} bytes`);
  const map = mapWeakSectors(parts, position + UNIT_HEADER_BYTES);
  const bytes = unitBytes({ recordBytes: bytesOfRecords, mapBytes: map.length });
  const header = new Uint8Array(UNIT_HEADER_BYTES);
  putUint32(header, 0, MAGIC);
  putUint64(header, 8, sequence);
  putUint64(header, 16, position);
  putUint64(header, 24, options.firstIndex);
  putUint32(header, 32, bytesOfRecords);
  putUint32(header, 36, options.recordCount);
  putUint32(header, 40, recordChecksum);
  putUint32(header, 44, options.previousChecksum);
  putUint32(header, 48, map.length);
  putUint32(header, 52, map.length === 0 ? 0 : crc32(map));
  header[56] = bytesOfRecords === 0 ? UnitKind.seal : UnitKind.records;
  const checksum = crc32(header.subarray(8), seed);
  putUint32(header, 4, checksum);
  const tail = encodeTail(bytes - UNIT_HEADER_BYTES - bytesOfRecords, { map, checksum });
  const recordsEnd = position + UNIT_HEADER_BYTES + bytesOfRecords;
  return { parts: [header, ...parts, tail], bytes, checksum, recordsEnd };
}

/** What is behind the records: map, padding, trailer. */
function encodeTail(
  bytes: number,
  { map, checksum }: { map: Uint8Array; checksum: number },
): Uint8Array {
  assert(bytes >= map.length + UNIT_TRAILER_BYTES, () => `a tail of ${bytes} bytes is too short`);
  assert(bytes % 8 === 0, () => `a tail of ${bytes} bytes is not aligned`);
  const tail = new Uint8Array(bytes);
  tail.set(map);
  putUint32(tail, bytes - 8, checksum);
  putUint32(tail, bytes - 4, ~checksum);
  return tail;
}

/**
 * Reads the unit header at `offset` of `bytes`.
 *
 * @param place Where in the log it is expected.
 * @returns The header, `blank` where there are only zeros, or `bad`.
 */
export function decodeUnitHeader(
  bytes: Uint8Array,
  offset: number,
  place: { readonly seed: number; readonly position: number },
): UnitHeader | "blank" | "bad" {
  assert(offset + UNIT_HEADER_BYTES <= bytes.length, () => `the header at ${offset} is cut off`);
  assert(place.position % UNIT_HEADER_BYTES === 0, () => `the position is ${place.position}`);
  if (getUint32(bytes, offset) !== MAGIC) {
    return isZero(bytes, offset, offset + UNIT_HEADER_BYTES) ? "blank" : "bad";
  }
  const checksum = getUint32(bytes, offset + 4);
  if (crc32(bytes.subarray(offset + 8, offset + UNIT_HEADER_BYTES), place.seed) !== checksum) {
    return "bad";
  }
  const header: UnitHeader = {
    checksum,
    sequence: getUint64(bytes, offset + 8),
    position: getUint64(bytes, offset + 16),
    firstIndex: getUint64(bytes, offset + 24),
    recordBytes: getUint32(bytes, offset + 32),
    recordCount: getUint32(bytes, offset + 36),
    recordChecksum: getUint32(bytes, offset + 40),
    previousChecksum: getUint32(bytes, offset + 44),
    mapBytes: getUint32(bytes, offset + 48),
    mapChecksum: getUint32(bytes, offset + 52),
    kind: bytes[offset + 56] as UnitKind,
  };
  return header.position === place.position && isPlausible(header) ? header : "bad";
}

/** Whether the fields of a header are in their ranges, so that sizes may be trusted. */
function isPlausible(header: UnitHeader): boolean {
  if (header.sequence < 1 || header.sequence > INTEGER_MAX) return false;
  if (header.firstIndex < 1 || header.firstIndex > INTEGER_MAX) return false;
  if (header.recordBytes > UNIT_RECORD_BYTES_MAX || header.recordBytes % 8 !== 0) return false;
  if (header.mapBytes > Math.ceil(header.recordBytes / SECTOR_BYTES) + 8) return false;
  if (header.kind === UnitKind.seal) return header.recordBytes === 0 && header.recordCount === 0;
  return header.kind === UnitKind.records && header.recordCount >= 1;
}

/**
 * Says what is wrong with the body of a unit, or null where its records, its map and its trailer
 * are those that its header names.
 *
 * @param unit The whole unit.
 */
export function unitBodyFault(unit: Uint8Array, header: UnitHeader): string | null {
  assert(unit.length === unitBytes(header), () => `the unit has ${unit.length} bytes`);
  const recordsEnd = UNIT_HEADER_BYTES + header.recordBytes;
  const computed = crc32(unit.subarray(UNIT_HEADER_BYTES, recordsEnd));
  if (computed !== header.recordChecksum) {
    return `the checksum of the records is ${header.recordChecksum}, computed ${computed}`;
  }
  if (unitMap(unit, header) === null) return "the checksum of the map of weak sectors is wrong";
  const trailer = unit.length - UNIT_TRAILER_BYTES;
  if (!isZero(unit, recordsEnd + header.mapBytes, trailer)) return "the padding is not zero";
  if (getUint32(unit, trailer) !== header.checksum) return "the trailer is wrong";
  if (getUint32(unit, trailer + 4) !== (~header.checksum >>> 0)) return "the trailer is wrong";
  return null;
}

/** The map of a unit, or null where its checksum is wrong. */
export function unitMap(unit: Uint8Array, header: UnitHeader): Uint8Array | null {
  const start = UNIT_HEADER_BYTES + header.recordBytes;
  assert(start + header.mapBytes <= unit.length, () => `the map ends behind ${unit.length}`);
  const map = unit.subarray(start, start + header.mapBytes);
  if (map.length === 0) return header.mapChecksum === 0 ? map : null;
  return crc32(map) === header.mapChecksum ? map : null;
}

/** Whether the bytes from `start` to `end` are all zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

function align8(bytes: number): number {
  return (bytes + 7) & ~7;
}

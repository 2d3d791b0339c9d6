/**
 * Which sectors of a unit prove nothing when they are found empty.
 *
 * A segment is zero-filled before it is used, and a disk writes a sector of 512 bytes whole or not
 * at all. So after a crash a sector of a unit that holds only zeros was not written, unless zeros
 * are what it was given. A sector is *weak* if fewer than two of its bytes are other than zero: an
 * empty one looks the same written or not, and of one with a single such byte a flipped byte would
 * look like a crash.
 *
 * Only sectors that lie wholly inside the header and the records of a unit can be weak: the first
 * one holds the header, and the ones behind the records hold the map or the trailer (unit.ts).
 *
 * The map is a row of pairs (gap, length): so many sectors until the next run of weak ones, and how
 * long that run is. Sectors count from the one that holds the header, and the first gap from there.
 * Both numbers are at least 1 and written as LEB128 (7 bits a byte, the lowest first, the highest
 * bit set in all but the last), so no byte of a map is ever zero. No weak sector, no map.
 *
 * @module
 */
import { assert } from "../assert.ts";

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

/** The least count of bytes other than zero that shows that a sector was written. */
const EVIDENCE_BYTES = 2;

/** The sector of a segment that holds the byte at `position`. */
export function sectorOf(position: number): number {
  return Math.floor(position / SECTOR_BYTES);
}

/**
 * The map of the weak sectors of a unit.
 *
 * @param parts The records of the unit, one after the other.
 * @param recordsPosition Where in the segment the first of them will lie.
 * @returns The map; empty where no sector is weak.
 */
export function mapWeakSectors(
  parts: readonly Uint8Array[],
  recordsPosition: number,
): Uint8Array {
  assert(recordsPosition > 0, () => `records at ${recordsPosition} have no header before them`);
  const headerSector = sectorOf(recordsPosition - 1);
  const map: number[] = [];
  let afterRun = headerSector;
  let runStart = -1;
  let sector = headerSector + 1;
  const finder = new WeakSectorFinder(parts, recordsPosition);
  for (; (sector + 1) * SECTOR_BYTES <= finder.end; sector += 1) {
    if (finder.isWeak(sector * SECTOR_BYTES)) {
      if (runStart < 0) runStart = sector;
    } else if (runStart >= 0) {
      pushRun(map, runStart - afterRun, sector - runStart);
      afterRun = sector;
      runStart = -1;
    }
  }
  if (runStart >= 0) pushRun(map, runStart - afterRun, sector - runStart);
  return Uint8Array.from(map);
}

/**
 * Reads a map.
 *
 * @param map The bytes, whose checksum matched.
 * @param sectors How many sectors the unit touches.
 * @returns For each sector whether it is weak, or null where the bytes are no map.
 */
export function readWeakSectors(map: Uint8Array, sectors: number): readonly boolean[] | null {
  const weak: boolean[] = new Array(sectors).fill(false);
  let sector = 0;
  let offset = 0;
  let inRun = false;
  while (offset < map.length) {
    let value = 0;
    let scale = 1;
    let byte = 0x80;
    while (byte >= 0x80) {
      if (offset === map.length || scale > 2 ** 28) return null;
      byte = map[offset]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      offset += 1;
    }
    if (value === 0 || sector + value > sectors) return null;
    if (inRun) weak.fill(true, sector, sector + value);
    sector += value;
    inRun = !inRun;
  }
  return inRun ? null : weak;
}

function pushRun(map: number[], gap: number, length: number): void {
  assert(gap >= 1, () => `the gap is ${gap}`);
  assert(length >= 1, () => `the run has ${length} sectors`);
  for (let value of [gap, length]) {
    for (; value >= 0x80; value = Math.floor(value / 128)) map.push((value % 128) | 0x80);
    map.push(value);
  }
}

/** Looks at sectors in ascending order without joining the parts. */
class WeakSectorFinder {
  /** Where the last part ends in the segment. */
  readonly end: number;
  readonly #parts: readonly Uint8Array[];
  #part = 0;
  /** Where the current part starts in the segment. */
  #partPosition: number;

  constructor(parts: readonly Uint8Array[], position: number) {
    this.#parts = parts;
    this.#partPosition = position;
    this.end = parts.reduce((sum, part) => sum + part.length, position);
  }

  /** Whether the sector that starts at `position` is weak; called with ascending positions. */
  isWeak(position: number): boolean {
    let seen = 0;
    let at = position;
    while (at < position + SECTOR_BYTES) {
      const part = this.#parts[this.#part]!;
      const partEnd = this.#partPosition + part.length;
      if (partEnd <= at) {
        this.#part += 1;
        this.#partPosition = partEnd;
        continue;
      }
      const stop = Math.min(partEnd, position + SECTOR_BYTES);
      seen += countEvidence(part, at - this.#partPosition, stop - this.#partPosition);
      if (seen >= EVIDENCE_BYTES) return false;
      at = stop;
    }
    return true;
  }
}

/** Counts bytes other than zero, but no further than they prove something. */
function countEvidence(bytes: Uint8Array, start: number, end: number): number {
  let seen = 0;
  for (let i = start; i < end && seen < EVIDENCE_BYTES; i += 1) {
    if (bytes[i] !== 0) seen += 1;
  }
  return seen;
}

/**
 * Judges what lies behind the last good unit of the last segment: nothing, the torn remains of a
 * write that a crash cut short, or damage to what may have been acknowledged.
 *
 * What a crash can leave of a unit that was never reported durable, on a file that was zero-filled
 * before: any of its sectors may be missing, and a missing sector is zero. Everything before it is
 * durable and nothing is behind it. So, of a bad unit:
 *
 * - A good unit header behind it is *corruption*: that one was begun after this one was durable.
 * - Its header is blank, and something follows within the reach of one unit: *torn*, for the sector
 *   of the header is missing.
 * - Its header is neither blank nor good: *corruption*, for a header lies in one sector.
 * - The file ends before the size that it was made with: *corruption*, for that size was durable
 *   before the file got its name (segment_judgement.ts).
 * - Its header is good, and a sector that is not weak (weak_sectors.ts) is zero, as far as it
 *   belongs to the unit: *torn*.
 * - Anything else is *corruption*: all sectors were written, so it may have been acknowledged.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { SegmentScanner } from "./segment_scanner.ts";
import { WINDOW_BYTES } from "./segment_scanner.ts";
import {
  decodeUnitHeader,
  isZero,
  UNIT_HEADER_BYTES,
  UNIT_RECORD_BYTES_MAX,
  unitBytes,
  unitBytesFor,
  type UnitHeader,
  unitMap,
} from "./unit.ts";
import { readWeakSectors, SECTOR_BYTES, sectorOf } from "./weak_sectors.ts";

/** The state of the end of the last segment. */
export type TailVerdict =
  | { readonly state: "clean" }
  /** Everything from the end of the last good unit to `end` is to be cut. */
  | { readonly state: "torn"; readonly end: number }
  | {
    readonly state: "corrupt";
    readonly fault: string;
    /** The first unit behind the bad one that proves that it was durable, or null. */
    readonly laterUnit: UnitHeader | null;
  };

/** What stopped the scan of the last segment. */
export interface TailOptions {
  /** Where the last good unit ends. */
  readonly position: number;
  /** The seed of the segment's unit checksums. */
  readonly seed: number;
  /** The sequence number of the last good unit, or of the segment header. */
  readonly sequence: number;
  /** What is at `position`. */
  readonly stop: "blank" | "cut" | "bad header" | UnitHeader;
  /** What is wrong there, in words. */
  readonly fault: string;
}

/** Judges the tail. */
export async function judgeTail(
  scanner: SegmentScanner,
  options: TailOptions,
): Promise<TailVerdict> {
  const { position, stop, fault } = options;
  const rest = await surveyRest(scanner, options);
  if (rest.laterUnit !== null) {
    const { sequence, position: later } = rest.laterUnit;
    return {
      state: "corrupt",
      fault: `${fault}; yet it was durable, as unit ${sequence} at offset ${later} follows it`,
      laterUnit: rest.laterUnit,
    };
  }
  if (stop === "blank" || stop === "cut") {
    if (rest.end <= position) return { state: "clean" };
    if (rest.end - position > unitBytesFor(UNIT_RECORD_BYTES_MAX)) {
      const message = `${fault}; yet there is data at ${rest.end - 1}, behind the reach of a crash`;
      return { state: "corrupt", fault: message, laterUnit: null };
    }
    return { state: "torn", end: rest.end };
  }
  if (stop === "bad header") return { state: "corrupt", fault, laterUnit: null };
  const bytes = unitBytes(stop);
  if (!scanner.holds(position, bytes)) await scanner.load(position, bytes);
  const unit = scanner.view(position, bytes);
  if (unit.length < bytes || hasMissingSector(unit, stop)) {
    assert(rest.end > position, () => `the unit header at ${position} was not seen`);
    return { state: "torn", end: rest.end };
  }
  const whole = `${fault}; no sector is missing, so a crash did not cut it`;
  return { state: "corrupt", fault: whole, laterUnit: null };
}

/** Whether the part of a unit in some sector is zero although it was not given as zeros. */
function hasMissingSector(unit: Uint8Array, header: UnitHeader): boolean {
  assert(unit.length === unitBytes(header), () => `the unit has ${unit.length} bytes`);
  const mapStart = header.position + UNIT_HEADER_BYTES + header.recordBytes;
  const firstSector = sectorOf(header.position);
  const sectors = sectorOf(header.position + unit.length - 1) - firstSector + 1;
  const map = unitMap(unit, header);
  const weak = map === null ? null : readWeakSectors(map, sectors);
  // Without its map only the sectors of the map itself, which holds no zero byte, tell something.
  const start = weak === null ? sectorOf(mapStart) - firstSector : 0;
  for (let sector = start; sector < sectors; sector += 1) {
    if (weak?.[sector]) continue;
    const sectorStart = (firstSector + sector) * SECTOR_BYTES - header.position;
    const from = Math.max(0, sectorStart);
    if (isZero(unit, from, Math.min(unit.length, sectorStart + SECTOR_BYTES))) return true;
  }
  return false;
}

/** Looks through everything behind `position` for data, and for a unit that follows. */
export async function surveyRest(
  scanner: SegmentScanner,
  options: Pick<TailOptions, "position" | "seed" | "sequence">,
): Promise<{ end: number; laterUnit: UnitHeader | null }> {
  const { position, seed, sequence } = options;
  let end = position;
  for (let at = position; at < scanner.end;) {
    if (!scanner.holds(at, WINDOW_BYTES)) await scanner.load(at, WINDOW_BYTES);
    const chunk = scanner.view(at, WINDOW_BYTES);
    if (chunk.length === 0) break;
    for (let offset = 0; offset < chunk.length; offset += UNIT_HEADER_BYTES) {
      const blockEnd = Math.min(offset + UNIT_HEADER_BYTES, chunk.length);
      if (isZero(chunk, offset, blockEnd)) continue;
      end = at + blockEnd;
      if (at + offset === position || blockEnd - offset < UNIT_HEADER_BYTES) continue;
      const header = decodeUnitHeader(chunk, offset, { seed, position: at + offset });
      if (header === "blank" || header === "bad") continue;
      if (header.sequence > sequence) return { end, laterUnit: header };
    }
    at += chunk.length;
  }
  return { end, laterUnit: null };
}

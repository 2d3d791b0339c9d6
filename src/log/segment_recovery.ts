/**
 * Reads one segment at opening: its units in order, for as long as they are good and chained.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { corruptLogError } from "./corrupt_log_error.ts";
import type { RecoveredEntries } from "./recovered_entries.ts";
import type { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment_header.ts";
import type { SegmentScanner } from "./segment_scanner.ts";
import {
  decodeUnitHeader,
  UNIT_HEADER_BYTES,
  unitBodyFault,
  unitBytes,
  type UnitHeader,
  UnitKind,
} from "./unit.ts";

/** Where the good units of a segment end, and why. */
export interface ScanEnd {
  /** The sequence number of the last good unit, or of the segment header. */
  readonly sequence: number;
  /** What follows: zeros, the end of the file, a bad header, a seal, or a unit with a bad body. */
  readonly stop: "blank" | "cut" | "bad header" | "seal" | UnitHeader;
  /** What is wrong there, in words. */
  readonly fault: string;
}

/**
 * Reads the units of `segment`, adds their records to `entries`, and moves the segment's end, last
 * index and last checksum behind the last good one.
 *
 * @throws {BadDataError} If a unit whose checksums match holds something else than records that
 * follow those before it.
 */
export async function scanSegment(
  segment: Segment,
  { scanner, entries, directory }: {
    readonly scanner: SegmentScanner;
    readonly entries: RecoveredEntries;
    readonly directory: string;
  },
): Promise<ScanEnd> {
  assert(
    segment.end === SEGMENT_HEADER_BYTES,
    () => `the segment was scanned up to ${segment.end}`,
  );
  assert(
    segment.firstIndex === entries.nextIndex,
    () => `want a segment from ${entries.nextIndex}`,
  );
  let sequence = segment.header.sequence;
  for (;;) {
    if (!scanner.holds(segment.end, UNIT_HEADER_BYTES)) {
      await scanner.load(segment.end, UNIT_HEADER_BYTES);
    }
    const header = viewHeader(segment, scanner);
    if (typeof header === "string") {
      return { sequence, stop: header, fault: HEADER_FAULTS[header] };
    }
    if (header.previousChecksum !== segment.lastChecksum || header.sequence <= sequence) {
      const fault = `unit ${header.sequence} does not follow unit ${sequence}`;
      return { sequence, stop: "bad header", fault };
    }
    const bytes = unitBytes(header);
    if (!scanner.holds(segment.end, bytes)) await scanner.load(segment.end, bytes);
    const unit = scanner.view(segment.end, bytes);
    const name = `unit ${header.sequence}`;
    if (unit.length < bytes) return { sequence, stop: header, fault: `${name} is cut off` };
    const bodyFault = unitBodyFault(unit, header);
    if (bodyFault !== null) {
      return { sequence, stop: header, fault: `${name} is bad: ${bodyFault}` };
    }
    if (header.kind === UnitKind.seal) {
      return { sequence: header.sequence, stop: "seal", fault: "" };
    }
    const index = entries.nextIndex;
    const recordFault = entries.addUnit(unit, { header, index: segment.index });
    if (recordFault !== null) {
      const path = `${directory}/${segment.name}`;
      const fault = `${name} was written wrong: ${recordFault}`;
      throw corruptLogError({ path, offset: segment.end, index, fault });
    }
    sequence = header.sequence;
    segment.end += bytes;
    segment.lastChecksum = header.checksum;
    segment.lastIndex = entries.nextIndex - 1;
  }
}

const HEADER_FAULTS = {
  blank: "there is no unit",
  cut: "the file ends",
  "bad header": "the header of a unit is bad",
} as const;

/** The header at the end of what was read, or what is there instead. */
function viewHeader(
  segment: Segment,
  scanner: SegmentScanner,
): UnitHeader | "blank" | "cut" | "bad header" {
  const { end: position, seed } = segment;
  const bytes = scanner.view(position, UNIT_HEADER_BYTES);
  if (bytes.length < UNIT_HEADER_BYTES) return "cut";
  assert(bytes.length === UNIT_HEADER_BYTES, () => `the header has ${bytes.length} bytes`);
  const header = decodeUnitHeader(bytes, 0, { seed, position });
  return header === "bad" ? "bad header" : header;
}

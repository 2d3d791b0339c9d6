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
import { type ScanEnd, UnitCursor } from "./unit_cursor.ts";

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
  const cursor = new UnitCursor(segment, scanner);
  for (;;) {
    const step = cursor.next();
    if (step.type === "end") return step.end;
    if (step.type === "load") {
      await cursor.load();
      continue;
    }
    const { header, bytes } = step.unit;
    const index = entries.nextIndex;
    const recordFault = entries.addUnit(bytes, { header, index: segment.index });
    if (recordFault !== null) {
      const path = `${directory}/${segment.name}`;
      const fault = `unit ${header.sequence} was written wrong: ${recordFault}`;
      throw corruptLogError({ path, offset: segment.end, index, fault });
    }
    cursor.take(header, entries.nextIndex - 1);
  }
}

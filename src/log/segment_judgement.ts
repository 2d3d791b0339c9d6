/**
 * What is wrong with a segment, as values: its header, its place among the others, what follows its
 * last good unit. The rules are written in log_recovery.ts and tail_verdict.ts. Recovery makes a
 * refusal of what is said here, an offline reader a line in a list.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { File } from "../runtime/runtime.ts";
import type { Segment } from "./segment.ts";
import {
  type DecodedSegmentHeader,
  decodeSegmentHeader,
  type NewerSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from "./segment_header.ts";
import type { SegmentScanner } from "./segment_scanner.ts";
import { judgeTail, type TailVerdict } from "./tail_verdict.ts";
import type { ScanEnd } from "./unit_cursor.ts";

/** A header that cannot be used, and where in the file that shows. */
export interface BadSegmentHeader {
  readonly fault: string;
  readonly offset: number;
  readonly kind: "bad_segment_header" | "renamed_segment";
}

/** Reads the header of the segment that is named after `firstIndex`. */
export async function readSegmentHeader(
  file: File,
  firstIndex: number,
): Promise<DecodedSegmentHeader | BadSegmentHeader | NewerSegmentHeader> {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const count = await file.read(bytes, 0);
  const header = decodeSegmentHeader(bytes.subarray(0, count));
  if ("newerVersion" in header) return header;
  if ("fault" in header) {
    const fault = `the segment header is bad: ${header.fault}`;
    return { fault, offset: 0, kind: "bad_segment_header" };
  }
  if (header.firstIndex !== firstIndex) {
    const fault = `the file was renamed: its header says "${segmentName(header.firstIndex)}"`;
    return { fault, offset: 32, kind: "renamed_segment" };
  }
  assert(count === SEGMENT_HEADER_BYTES, () => `read ${count} bytes of header`);
  return header;
}

/** Whether two segments are of one log. */
export function isSameLog(one: DecodedSegmentHeader, other: DecodedSegmentHeader): boolean {
  return one.logId.every((byte, at) => other.logId[at] === byte);
}

/** Tells the segments that count from those that are obsolete; both stay in their order. */
export function selectSegments<S extends { readonly header: DecodedSegmentHeader }>(
  found: readonly S[],
): { readonly segments: S[]; readonly obsolete: S[] } {
  const obsolete: S[] = [];
  let segments: S[] = [];
  for (const segment of found) {
    const last = segments.at(-1);
    if (last !== undefined && last.header.sequence > segment.header.sequence) {
      obsolete.push(segment);
    } else if (segment.header.startsLog) {
      obsolete.push(...segments);
      segments = [segment];
    } else {
      segments.push(segment);
    }
  }
  assert(segments.length + obsolete.length === found.length, "a segment was lost");
  return { segments, obsolete };
}

/** Damage between two segments, or to the end of the first. */
export interface SuccessorFault {
  readonly fault: string;
  /** Whether the first segment is whole, and one behind it is missing. */
  readonly isMissing: boolean;
}

/** What is wrong where `next` does not continue what was read of `segment`; else null. */
export function successorFault(
  segment: Segment,
  next: Pick<Segment, "header" | "name" | "firstIndex">,
  scan: ScanEnd,
): SuccessorFault | null {
  assert(next.firstIndex > segment.firstIndex, () => `segment ${next.name} after ${segment.name}`);
  const isChained = next.header.previousChecksum === segment.lastChecksum;
  if (isChained && next.firstIndex === segment.lastIndex + 1) return null;
  if (scan.stop === "seal" || scan.stop === "blank") {
    return { fault: `a segment is missing: "${next.name}" does not follow`, isMissing: true };
  }
  const fault = `${scan.fault}; yet it was durable, as "${next.name}" follows it`;
  return { fault, isMissing: false };
}

/** What is to be said of the end of the last segment. */
export type EndVerdict = TailVerdict | {
  /** The segment is sealed, so there was another one behind it. */
  readonly state: "missing segment";
  readonly fault: string;
};

/** Judges the end of the last segment, of which everything good was read. */
export async function judgeEnd(
  segment: Segment,
  scan: ScanEnd,
  scanner: SegmentScanner,
): Promise<EndVerdict> {
  const { sequence, stop, fault } = scan;
  const { end: position, seed } = segment;
  assert(position <= scanner.end, () => `the units end at ${position}, the file at ${scanner.end}`);
  if (stop === "seal") {
    const name = segmentName(segment.lastIndex + 1);
    const missing = `the segment is sealed, but the next one, "${name}", is missing`;
    return { state: "missing segment", fault: missing };
  }
  const verdict = await judgeTail(scanner, { position, seed, sequence, stop, fault });
  const { segmentBytes } = segment.header;
  if (verdict.state !== "corrupt" && scanner.end < segmentBytes) {
    // Its whole size was durable before it got its name: no crash makes it shorter.
    const cut = `the file was cut: it ends at ${scanner.end} of ${segmentBytes} bytes, and what ` +
      "it held behind may have been acknowledged";
    return { state: "corrupt", fault: cut, laterUnit: null };
  }
  const isTorn = verdict.state === "torn";
  assert(!isTorn || verdict.end > position, () => `the torn tail ends before ${position}`);
  return verdict;
}

/**
 * Looks at what is behind the last unit of a closed segment: its seal, and then zeros up to the
 * size that the file was made with. No entry lies there, and a node starts whatever is in it, for
 * the next segment proves that this one is whole; but a byte that nobody wrote is told.
 *
 * @module
 */
import type { File } from "../../runtime/runtime.ts";
import {
  decodeUnitHeader,
  isZero,
  placeSeed,
  SEAL_BYTES,
  UNIT_HEADER_BYTES,
  unitBodyFault,
  unitBytes,
  UnitKind,
} from "../unit.ts";
import type { LogSummary } from "./log_summary.ts";
import type { LogView, ViewedSegment } from "./log_view.ts";
import type { Problem } from "./problem.ts";

/** How much is read at once. */
const WINDOW_BYTES = 256 * 1024;

/** How often a bad seal is looked at again, which a node may be writing, and the pause between. */
const LOOKS = 3;
const LOOK_PAUSE_MS = 10;

/** A closed segment, of which everything up to its seal is good. */
interface ClosedSegment {
  readonly view: LogView;
  readonly segment: ViewedSegment;
  readonly file: File;
  /** Where its units end. */
  readonly usedBytes: number;
  /** Whether a node that starts writes its seal again: the trace of a crash. */
  readonly isSealedAgain: boolean;
}

type Fault = Pick<Problem, "offset" | "kind" | "message">;

/** Looks at every closed segment in which nothing else is wrong. */
export async function idleByteProblems(view: LogView, log: LogSummary): Promise<Problem[]> {
  const isBad = new Set(log.problems.map(({ segment }) => segment));
  const last = log.segments.at(-1);
  const isLastEmpty = last !== undefined && last.lastIndex < last.firstIndex;
  const closed = log.segments.slice(0, -1);
  const problems: Problem[] = [];
  for (const [at, { name, usedBytes }] of closed.entries()) {
    const segment = view.segments.find((one) => one.name === name);
    if (isBad.has(name) || segment === undefined) continue;
    const file = await view.openSegment(segment);
    // Compacted meanwhile.
    if (file === null) continue;
    try {
      const isSealedAgain = isLastEmpty && at === closed.length - 1;
      const fault = await faultBehind({ view, segment, file, usedBytes, isSealedAgain });
      if (fault !== null) problems.push({ segment: name, ...fault, isHarmless: true });
    } finally {
      await view.closeSegment(segment, file);
    }
  }
  return problems;
}

/** The first thing that is wrong behind the units of a segment, or null. */
async function faultBehind(closed: ClosedSegment): Promise<Fault | null> {
  const { view, segment, file, usedBytes, isSealedAgain } = closed;
  for (let look = 1; !isSealedAgain; look += 1) {
    const fault = await sealFault(closed);
    if (fault === null) break;
    const message = `the seal of the segment is bad: ${fault}; the next segment proves all entries`;
    if (look === LOOKS) return { offset: usedBytes, kind: "bad_seal", message };
    await new Promise<void>((resolve) => void view.runtime.clock.setTimer(resolve, LOOK_PAUSE_MS));
  }
  const stray = await firstNonZero(file, usedBytes + SEAL_BYTES);
  if (stray !== null) {
    const message = "there must be zeros behind the seal, and here is something else";
    return { offset: stray, kind: "stray_bytes", message };
  }
  const { segmentBytes } = segment.header;
  const fileBytes = await file.size();
  if (fileBytes >= segmentBytes) return null;
  const message = `the file ends at ${fileBytes} of ${segmentBytes} bytes, behind all its entries`;
  return { offset: fileBytes, kind: "bad_seal", message };
}

/** What is wrong with the seal, or null; a node seals a segment after it has made the next one. */
async function sealFault({ segment, file, usedBytes }: ClosedSegment): Promise<string | null> {
  const { logId, firstIndex } = segment.header;
  const bytes = new Uint8Array(SEAL_BYTES);
  const count = await file.read(bytes, usedBytes);
  if (count < SEAL_BYTES) return `the file ends at ${usedBytes + count}`;
  const place = { seed: placeSeed(logId, firstIndex), position: usedBytes };
  const header = decodeUnitHeader(bytes, 0, place);
  if (header === "blank") {
    return isZero(bytes, UNIT_HEADER_BYTES, SEAL_BYTES) ? null : "it has no header";
  }
  if (header === "bad") return "its header is bad";
  if (header.kind !== UnitKind.seal || unitBytes(header) !== SEAL_BYTES) return "it is none";
  return unitBodyFault(bytes, header);
}

/** The offset of the first byte from `start` on that is not zero, or null. */
async function firstNonZero(file: File, start: number): Promise<number | null> {
  const rest = Math.max(0, await file.size() - start);
  const window = new Uint8Array(Math.min(WINDOW_BYTES, rest + 1));
  for (let at = start;;) {
    const count = await file.read(window, at);
    for (let i = 0; i < count; i += 1) {
      if (window[i] !== 0) return at + i;
    }
    if (count < window.length) return null;
    at += count;
  }
}

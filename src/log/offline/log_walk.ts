/**
 * Reads a log from one end to the other beside a running node, in the memory of one unit, and tells
 * what it meets: segments, good units, problems, and last what the tail is.
 *
 * It reads with the same eyes as recovery does (unit_cursor.ts, recovered_entries.ts,
 * segment_judgement.ts, tail_verdict.ts), but where recovery refuses, it notes the problem and goes
 * on behind it, at the next unit or segment that is good.
 *
 * # The end of a log that is written to
 *
 * What looks torn or bad at the end of the last segment may be a unit that is being written just
 * now. So the end is looked at again before anything is said of it. A unit that is found behind a
 * bad one was begun when that one was whole: if that one is still bad when it is looked at
 * afterwards, it is damaged. Whether the remains of a write at the very end are a write under way
 * or the trace of a crash, the caller knows: a node runs, or none does.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import { type File, FileError } from "../../runtime/runtime.ts";
import type { Index, Term } from "../../types.ts";
import { RecoveredEntries } from "../recovered_entries.ts";
import { Segment } from "../segment.ts";
import { type EndVerdict, judgeEnd, successorFault } from "../segment_judgement.ts";
import { SegmentScanner } from "../segment_scanner.ts";
import { surveyRest } from "../tail_verdict.ts";
import { unitBytes, type UnitHeader } from "../unit.ts";
import { type GoodUnit, type ScanEnd, UnitCursor } from "../unit_cursor.ts";
import type { LogView, ViewedSegment } from "./log_view.ts";
import type { Problem } from "./problem.ts";
import { endProblem, unitProblems } from "./unit_problems.ts";

/** How often a bad end is looked at again, and how long to wait before the later looks. */
const LOOKS = 3;
const LOOK_PAUSE_MS = 10;

/** What is at the end of the log, behind the last good unit. */
export interface LogTail {
  /**
   * `clean`: nothing. `torn`: the remains of a write that nobody was told of, or one under way.
   * `damaged`: what may have been acknowledged, and nothing good behind it. `missing`: the log went
   * on, in a segment that is not there.
   */
  readonly state: "clean" | "torn" | "damaged" | "missing";
  /** The segment in which the log ends; empty where there is none. */
  readonly segment: string;
  /** Where its good units end. */
  readonly offset: number;
  /** How many bytes behind that are not zero, or lie before one that is not. */
  readonly bytes: number;
  /** The last entry that a damaged tail held, where that is known; else null. */
  readonly lastIndex: Index | null;
  /** What is wrong there, in words; empty where the tail is clean. */
  readonly fault: string;
}

/** The tail of a log that has no segment. */
const EMPTY_TAIL: LogTail = {
  state: "clean",
  segment: "",
  offset: 0,
  bytes: 0,
  lastIndex: null,
  fault: "",
};

/** What a reader meets, in order; `end` is the last. */
export type LogEvent =
  | { readonly type: "segment"; readonly segment: ViewedSegment }
  /** The bytes of a unit are valid until the next event is asked for. */
  | { readonly type: "unit"; readonly segment: ViewedSegment; readonly unit: GoodUnit }
  | { readonly type: "problem"; readonly problem: Problem }
  /** A segment was read; `usedBytes` is where its good units end. */
  | {
    readonly type: "segmentEnd";
    readonly segment: ViewedSegment;
    readonly usedBytes: number;
    readonly isSealed: boolean;
  }
  /** The node compacted its log meanwhile: this segment was there, and is gone. */
  | { readonly type: "compacted"; readonly segment: ViewedSegment }
  | { readonly type: "end"; readonly tail: LogTail };

/**
 * Reads the log.
 *
 * @param view The log.
 * @param from Start with the segment that holds this index; earlier ones are left out.
 * @param isAtRest Whether nobody writes to it, so that its end need not be looked at again.
 * @throws {StorageError} If the node has rewritten what was to be read.
 */
export async function* walkLog(
  view: LogView,
  from: Index = 0,
  isAtRest = false,
): AsyncGenerator<LogEvent, void> {
  const { segments, bad } = view;
  const after = segments.findLastIndex(({ firstIndex }) => firstIndex <= from);
  const start = Math.max(0, after);
  let term: Term = 0;
  let tail: LogTail = EMPTY_TAIL;
  let reported = 0;
  for (const [at, segment] of segments.entries()) {
    for (; reported < bad.length; reported += 1) {
      const { firstIndex, problem } = bad[reported]!;
      if (firstIndex > segment.firstIndex) break;
      if (firstIndex >= from || at >= start) yield { type: "problem", problem };
    }
    if (at < start) continue;
    const file = await view.openSegment(segment);
    if (file === null) {
      yield { type: "compacted", segment };
      continue;
    }
    // What follows a segment whose header is bad cannot be compared with it.
    const next = segments[at + 1] ?? null;
    const isNeighbour = next !== null &&
      !bad.some(({ firstIndex }) =>
        firstIndex > segment.firstIndex && firstIndex < next.firstIndex
      );
    const walk = new SegmentWalk(view, { segment, file, next, isNeighbour, isAtRest, term });
    try {
      yield* walk.events();
    } finally {
      await view.closeSegment(segment, file);
    }
    term = walk.term;
    tail = walk.tail;
  }
  for (const { problem } of bad.slice(reported)) yield { type: "problem", problem };
  yield { type: "end", tail };
}

/** What a {@linkcode SegmentWalk} reads. */
interface SegmentWalkOptions {
  readonly segment: ViewedSegment;
  readonly file: File;
  /** The segment behind it, or null. */
  readonly next: ViewedSegment | null;
  /** Whether `next` must continue this one. */
  readonly isNeighbour: boolean;
  /** Whether nobody writes to the log. */
  readonly isAtRest: boolean;
  /** The term of the entry before. */
  readonly term: Term;
}

/** One segment on its way. */
class SegmentWalk {
  readonly #view: LogView;
  readonly #options: SegmentWalkOptions;
  readonly #segment: Segment;
  readonly #scanner: SegmentScanner;
  #cursor: UnitCursor;
  #entries: RecoveredEntries;
  /** What is at the end, where it is not clean. */
  #tail: LogTail | null = null;

  constructor(view: LogView, options: SegmentWalkOptions) {
    const { segment, file, term } = options;
    this.#view = view;
    this.#options = options;
    this.#segment = new Segment(file, segment.header);
    const end = Math.min(segment.fileBytes, segment.header.segmentBytes);
    this.#scanner = new SegmentScanner(file, { end });
    this.#cursor = new UnitCursor(this.#segment, this.#scanner);
    this.#entries = new RecoveredEntries(segment.firstIndex, term);
  }

  /** The term of the last entry. */
  get term(): Term {
    return this.#entries.term;
  }

  /** What is behind the last good unit, where this is the last segment. */
  get tail(): LogTail {
    return this.#tail ?? this.#tailOf("clean", { bytes: 0, fault: "" });
  }

  async *events(): AsyncGenerator<LogEvent, void> {
    const { segment } = this.#options;
    yield { type: "segment", segment };
    let isSealed = false;
    try {
      for (let goesOn = true; goesOn;) {
        const end = yield* this.#goodUnits();
        isSealed = end.stop === "seal";
        const problems: Problem[] = [];
        goesOn = this.#options.next === null
          ? await this.#judgeLast(end, problems)
          : await this.#judgeInner(end, problems);
        for (const problem of problems) yield { type: "problem", problem };
      }
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      const { code, message } = error;
      yield { type: "problem", problem: { ...this.#problem("unreadable", message), code } };
    }
    yield { type: "segmentEnd", segment, usedBytes: this.#segment.end, isSealed };
  }

  /** Hands out units until one is not good. */
  async *#goodUnits(): AsyncGenerator<LogEvent, ScanEnd> {
    const { segment } = this.#options;
    for (;;) {
      const step = this.#cursor.next();
      if (step.type === "end") return step.end;
      if (step.type === "load") {
        await this.#cursor.load();
        continue;
      }
      const { unit } = step;
      const { header, bytes } = unit;
      const fault = this.#entries.addUnit(bytes, { header, index: this.#segment.index });
      if (fault === null) {
        yield { type: "unit", segment, unit };
        this.#cursor.take(header, this.#entries.nextIndex - 1);
      } else {
        const message = `unit ${header.sequence} was written wrong: ${fault}`;
        yield { type: "problem", problem: this.#problem("bad_entries", message) };
        this.#passOver(header);
      }
    }
  }

  /** Judges the end of a segment that has a successor; true where there is more behind it. */
  async #judgeInner(end: ScanEnd, problems: Problem[]): Promise<boolean> {
    const { next, isNeighbour } = this.#options;
    assert(next !== null, "the segment is the last one");
    const found = isNeighbour ? successorFault(this.#segment, next, end) : null;
    if (found === null) return false;
    if (found.isMissing) {
      problems.push({
        ...this.#problem("missing_segment", found.fault),
        ...(next.firstIndex > this.#nextIndex ? { lastIndex: next.firstIndex - 1 } : {}),
      });
      return false;
    }
    const { end: position, seed } = this.#segment;
    const rest = await surveyRest(this.#scanner, { position, seed, sequence: end.sequence });
    const lastIndex = (rest.laterUnit?.firstIndex ?? next.firstIndex) - 1;
    await this.#noteDamage(end, { problems, fault: found.fault, lastIndex });
    return this.#goOnBehind(end.stop, rest.laterUnit);
  }

  /** Judges the end of the last segment; true where there is more behind what is bad. */
  async #judgeLast(end: ScanEnd, problems: Problem[]): Promise<boolean> {
    let verdict: EndVerdict = await judgeEnd(this.#segment, end, this.#scanner);
    const looks = this.#options.isAtRest ? 0 : LOOKS;
    for (let look = 1; look <= looks && verdict.state !== "clean"; look += 1) {
      if (look > 1) await this.#pause();
      const again = await this.#lookAgain();
      if (again === null) return true;
      end = again;
      verdict = await judgeEnd(this.#segment, end, this.#scanner);
    }
    if (verdict.state === "clean") return false;
    if (verdict.state === "torn") {
      const bytes = verdict.end - this.#segment.end;
      this.#tail = this.#tailOf("torn", { bytes, fault: end.fault });
      return false;
    }
    const { fault } = verdict;
    if (verdict.state === "missing segment") {
      if (await this.#view.hasMovedOn(this.#options.segment, this.#nextIndex)) return false;
      problems.push(this.#problem("missing_segment", fault));
      this.#tail = this.#tailOf("missing", { bytes: 0, fault });
      return false;
    }
    const { laterUnit } = verdict;
    const lastIndex = laterUnit === null ? null : laterUnit.firstIndex - 1;
    await this.#noteDamage(end, { problems, fault, lastIndex });
    if (laterUnit !== null) return this.#goOnBehind(end.stop, laterUnit);
    const { end: position, seed } = this.#segment;
    const rest = await surveyRest(this.#scanner, { position, seed, sequence: end.sequence });
    const { stop } = end;
    const last = typeof stop === "object" ? stop.firstIndex + stop.recordCount - 1 : null;
    this.#tail = this.#tailOf("damaged", {
      bytes: rest.end - position,
      fault,
      ...(last !== null && last >= this.#nextIndex ? { lastIndex: last } : {}),
    });
    return false;
  }

  /** Notes what is wrong at the end of the good units, up to `lastIndex` where that is known. */
  async #noteDamage(
    { stop }: ScanEnd,
    { problems, fault, lastIndex }: {
      readonly problems: Problem[];
      readonly fault: string;
      readonly lastIndex: Index | null;
    },
  ): Promise<void> {
    const { name: segment, end: offset } = this.#segment;
    if (typeof stop !== "object") {
      problems.push(endProblem({ segment, offset, index: this.#nextIndex, lastIndex, fault }));
      return;
    }
    const bytes = unitBytes(stop);
    if (!this.#scanner.holds(offset, bytes)) await this.#scanner.load(offset, bytes);
    const unit = this.#scanner.view(offset, bytes);
    problems.push(...unitProblems(unit, { header: stop, segment, fault }));
  }

  /** Goes on behind what is bad, where something good follows in this segment. */
  #goOnBehind(stop: ScanEnd["stop"], laterUnit: UnitHeader | null): boolean {
    if (typeof stop === "object" && this.#segment.end + unitBytes(stop) <= this.#scanner.end) {
      this.#passOver(stop);
      return true;
    }
    if (laterUnit === null || laterUnit.firstIndex < this.#nextIndex) return false;
    this.#segment.end = laterUnit.position;
    this.#segment.lastChecksum = laterUnit.previousChecksum;
    this.#goOnFrom(laterUnit.firstIndex, laterUnit.sequence - 1);
    return true;
  }

  /** Goes on behind a unit whose header is good. */
  #passOver(header: UnitHeader): void {
    const lastIndex = Math.max(this.#nextIndex, header.firstIndex + header.recordCount) - 1;
    this.#segment.end += unitBytes(header);
    this.#segment.lastChecksum = header.checksum;
    this.#goOnFrom(lastIndex + 1, header.sequence);
  }

  #goOnFrom(index: Index, sequence: number): void {
    this.#segment.lastIndex = index - 1;
    this.#entries = new RecoveredEntries(index, this.#entries.term);
    this.#cursor = new UnitCursor(this.#segment, this.#scanner, sequence);
  }

  /** What is at the end now; null where it is a good unit meanwhile. */
  async #lookAgain(): Promise<ScanEnd | null> {
    this.#scanner.forget();
    for (;;) {
      const step = this.#cursor.next();
      if (step.type === "unit") return null;
      if (step.type === "end") return step.end;
      await this.#cursor.load();
    }
  }

  async #pause(): Promise<void> {
    const { clock } = this.#view.runtime;
    await new Promise<void>((resolve) => void clock.setTimer(resolve, LOOK_PAUSE_MS));
  }

  get #nextIndex(): Index {
    return this.#segment.lastIndex + 1;
  }

  #problem(kind: Problem["kind"], message: string): Problem {
    const { name: segment, end: offset } = this.#segment;
    return { segment, offset, index: this.#nextIndex, kind, message };
  }

  #tailOf(
    state: LogTail["state"],
    rest: Pick<LogTail, "bytes" | "fault"> & Partial<Pick<LogTail, "lastIndex">>,
  ): LogTail {
    const { name: segment, end: offset } = this.#segment;
    const tail = { state, segment, offset, lastIndex: null, ...rest };
    assert(tail.bytes >= 0, () => `the tail has ${tail.bytes} bytes`);
    return tail;
  }
}

/**
 * Everything that a log says about itself but for its entries, from one reading of all of it.
 *
 * @module
 */
import { ProtocolError } from "../../errors.ts";
import {
  type Configuration,
  EntryKind,
  type Index,
  type LogTimeMs,
  type Term,
  type TermRun,
} from "../../types.ts";
import { decodeConfiguration } from "../../wire/storage_codec.ts";
import type { LogView } from "./log_view.ts";
import { type LogTail, walkLog } from "./log_walk.ts";
import type { Problem } from "./problem.ts";
import { entriesOf, wrongRecords } from "./read_entries.ts";

/** One segment. */
export interface SegmentSummary {
  readonly name: string;
  readonly firstIndex: Index;
  /** The index of its last entry; one less than the first where it holds none. */
  readonly lastIndex: Index;
  /** The terms of its first and last entry; 0 where it holds none. */
  readonly firstTerm: Term;
  readonly lastTerm: Term;
  /** The size of its file, and how much of it is in use. */
  readonly fileBytes: number;
  readonly usedBytes: number;
  /** Whether it is closed: a later one takes the next entry. */
  readonly isSealed: boolean;
}

/** A configuration, and the entry that carried it. */
export interface StoredConfiguration {
  readonly index: Index;
  readonly configuration: Configuration;
}

/** What a log says about itself. */
export interface LogSummary {
  /** The index of the first entry, or of the one that an empty log gets next. */
  readonly firstIndex: Index;
  /** The index of the last good entry; `firstIndex - 1` where there is none. */
  readonly lastIndex: Index;
  /** The last entry of the last good unit before the first problem: nothing is in doubt so far. */
  readonly lastSoundIndex: Index;
  /** The term of the last entry and of the last sound one; 0 where there is none. */
  readonly lastTerm: Term;
  readonly lastSoundTerm: Term;
  /** The log time of the last good entry. */
  readonly lastTimestampMs: LogTimeMs;
  /** How many entries were read. */
  readonly entries: number;
  /** Every stretch of one term, ascending. */
  readonly termRuns: readonly TermRun[];
  /** The latest configuration in the log, or null where it holds none. */
  readonly configuration: StoredConfiguration | null;
  /** All of them, ascending. */
  readonly configurations: readonly StoredConfiguration[];
  readonly segments: readonly SegmentSummary[];
  /** The names of segments that a node would remove when it starts. */
  readonly obsolete: readonly string[];
  readonly tail: LogTail;
  /** What is wrong, in the order of the log; a torn tail is not. */
  readonly problems: readonly Problem[];
}

/** How a log is summed up. */
export interface SummarizeOptions {
  /** Verify the checksum of each record too, besides that of the unit around it. */
  readonly checksRecords?: boolean;
  /** Whether nobody writes to the log. */
  readonly isAtRest?: boolean;
  /** Called after each unit with the bytes of segments read so far, and all of them. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Reads a whole log, in the memory of one unit. */
export async function summarizeLog(
  view: LogView,
  options: SummarizeOptions = {},
): Promise<LogSummary> {
  const { onProgress, isAtRest = false } = options;
  const summarizer = new Summarizer(view, options.checksRecords ?? false);
  const totalBytes = view.segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  let before = 0;
  for await (const event of walkLog(view, 0, isAtRest)) {
    if (event.type === "unit") onProgress?.(before + event.unit.header.position, totalBytes);
    if (event.type === "segmentEnd") before += event.segment.fileBytes;
    if (event.type === "problem") summarizer.addProblem(event.problem);
    else if (event.type === "end") return summarizer.end(event.tail);
    else summarizer.add(event);
  }
  throw new Error("the walk through the log has no end");
}

type Event = Exclude<
  Awaited<ReturnType<ReturnType<typeof walkLog>["next"]>>["value"],
  void | { type: "problem" | "end" }
>;

/** A summary in the making. */
class Summarizer {
  readonly #view: LogView;
  readonly #checksRecords: boolean;
  readonly #segments: SegmentSummary[] = [];
  readonly #problems: Problem[] = [];
  readonly #termRuns: TermRun[] = [];
  #firstIndex: Index | null = null;
  #lastIndex: Index = 0;
  #lastTimestampMs: LogTimeMs = 0;
  #entries = 0;
  readonly #configurations: StoredConfiguration[] = [];
  #sound: { readonly index: Index; readonly term: Term } | null = null;
  /** Of the segment at hand. */
  #segmentEntries = 0;
  #segmentFirstTerm: Term = 0;

  constructor(view: LogView, checksRecords: boolean) {
    this.#view = view;
    this.#checksRecords = checksRecords;
  }

  get #term(): Term {
    return this.#termRuns.at(-1)?.term ?? 0;
  }

  add(event: Event): void {
    if (event.type === "segment") {
      this.#firstIndex ??= event.segment.firstIndex;
      this.#lastIndex = Math.max(this.#lastIndex, event.segment.firstIndex - 1);
      this.#segmentEntries = 0;
      this.#segmentFirstTerm = 0;
    } else if (event.type === "unit") {
      for (const entry of entriesOf(event.segment.name, event.unit)) {
        this.#lastIndex = entry.index;
        this.#lastTimestampMs = entry.timestampMs;
        this.#entries += 1;
        this.#segmentEntries += 1;
        if (entry.term > this.#term) {
          this.#termRuns.push({ term: entry.term, firstIndex: entry.index });
        }
        if (this.#segmentFirstTerm === 0) this.#segmentFirstTerm = entry.term;
        if (entry.kind === EntryKind.configuration) this.#addConfiguration(entry);
      }
      if (this.#checksRecords) {
        for (const problem of wrongRecords(event.segment.name, event.unit)) {
          this.addProblem(problem);
        }
      }
    } else if (event.type === "segmentEnd") {
      const { name, firstIndex, fileBytes } = event.segment;
      this.#segments.push({
        name,
        firstIndex,
        lastIndex: this.#segmentEntries === 0 ? firstIndex - 1 : this.#lastIndex,
        firstTerm: this.#segmentFirstTerm,
        lastTerm: this.#segmentEntries === 0 ? 0 : this.#term,
        fileBytes,
        usedBytes: event.usedBytes,
        isSealed: event.isSealed,
      });
    } else {
      // Compacted meanwhile: the log starts later.
      this.#firstIndex = null;
    }
  }

  addProblem(problem: Problem): void {
    this.#problems.push(problem);
    const { index } = problem;
    if (this.#sound !== null) return;
    const last = Math.min(this.#lastIndex, index === undefined ? Infinity : index - 1);
    const run = this.#termRuns.findLast(({ firstIndex }) => firstIndex <= last);
    this.#sound = { index: last, term: run?.term ?? 0 };
  }

  end(tail: LogTail): LogSummary {
    const firstIndex = this.#firstIndex ?? 1;
    const lastIndex = Math.max(this.#lastIndex, firstIndex - 1);
    const sound = this.#sound ?? { index: lastIndex, term: this.#term };
    return {
      firstIndex,
      lastIndex,
      lastSoundIndex: sound.index,
      lastTerm: this.#term,
      lastSoundTerm: sound.term,
      lastTimestampMs: this.#lastTimestampMs,
      entries: this.#entries,
      termRuns: this.#termRuns,
      configuration: this.#configurations.at(-1) ?? null,
      configurations: this.#configurations,
      segments: this.#segments,
      obsolete: this.#view.obsolete,
      tail,
      problems: this.#problems,
    };
  }

  #addConfiguration(
    { index, payload, segment, offset }: {
      readonly index: Index;
      readonly payload: Uint8Array;
      readonly segment: string;
      readonly offset: number;
    },
  ): void {
    try {
      const configuration = decodeConfiguration(payload.slice());
      this.#configurations.push({ index, configuration });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { message } = error;
      this.addProblem({ segment, offset, index, kind: "bad_configuration", message });
    }
  }
}

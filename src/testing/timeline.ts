/**
 * What happened in a run, for people: faults, role changes, crashes, and what was violated.
 *
 * @module
 */

/** One line of a timeline. */
export interface TimelineEntry {
  /** Virtual milliseconds since the start of the run. */
  readonly atMs: number;
  readonly text: string;
}

/** Older lines than this many are forgotten: a long run is explained by its end. */
const ENTRIES_MAX = 20_000;

/** The lines of one run, in order. */
export class Timeline {
  readonly #nowMs: () => number;
  #entries: TimelineEntry[] = [];

  /** Creates an empty timeline; `nowMs` is asked for each line. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The lines so far. */
  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }

  /** Adds a line that happens now. */
  add(text: string): void {
    this.#entries.push({ atMs: this.#nowMs(), text });
    if (this.#entries.length > 2 * ENTRIES_MAX) this.#entries = this.#entries.slice(-ENTRIES_MAX);
  }
}

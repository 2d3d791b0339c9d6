/**
 * The log as the core sees it: which index has which term, and nothing else. One run a leader
 * answers `term(index)` for the whole log, so that the core never reads storage.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, Term, TermRun } from "../types.ts";

/** What a {@linkcode LogView} starts from. */
export interface LogViewOptions {
  /** The entry before the first one held: (0, 0), or the last one that a snapshot covers. */
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  readonly lastIndex: Index;
  /** Ascending; the first one starts at `baseIndex + 1`. Empty where no entry is held. */
  readonly termRuns: readonly TermRun[];
}

/** The terms of a log. */
export class LogView {
  #baseIndex: Index;
  #baseTerm: Term;
  #lastIndex: Index;
  /** Invariant: firstIndex and term both ascend strictly, and no run is empty. */
  #runs: TermRun[];

  /** Creates the view of what a log holds at start. */
  constructor(options: LogViewOptions) {
    this.#baseIndex = options.baseIndex;
    this.#baseTerm = options.baseTerm;
    this.#lastIndex = options.lastIndex;
    this.#runs = [...options.termRuns];
    const first = this.#runs[0];
    if (first === undefined) {
      assert(
        this.#lastIndex === this.baseIndex,
        () => `log ends at ${this.#lastIndex} without a run`,
      );
    } else {
      assert(
        first.firstIndex === this.baseIndex + 1,
        () => `first run starts at ${first.firstIndex}`,
      );
    }
  }

  /** The index of the entry before the first one held. Everything up to it is committed. */
  get baseIndex(): Index {
    return this.#baseIndex;
  }

  /** The term of the entry before the first one held, 0 where there is none. */
  get baseTerm(): Term {
    return this.#baseTerm;
  }

  /** The index of the last entry, `baseIndex` where none is held. */
  get lastIndex(): Index {
    return this.#lastIndex;
  }

  /** The term of the last entry. */
  get lastTerm(): Term {
    return this.#runs.length === 0 ? this.baseTerm : this.#runs[this.#runs.length - 1]!.term;
  }

  /** The term of the entry at `index`, which must be held or be the base. */
  term(index: Index): Term {
    assert(index >= this.baseIndex, () => `index ${index} is before the base ${this.baseIndex}`);
    assert(index <= this.#lastIndex, () => `index ${index} is after the last ${this.#lastIndex}`);
    if (index === this.baseIndex) return this.baseTerm;
    return this.#runs[this.#runAt(index)]!.term;
  }

  /**
   * Whether the log holds an entry with this index and term; index 0 with term 0 always is held.
   */
  matches(index: Index, term: Term): boolean {
    if (index > this.#lastIndex) return false;
    // What a snapshot covers is committed, so it matches whatever a leader sends.
    if (index < this.baseIndex) return true;
    return this.term(index) === term;
  }

  /**
   * The largest index, not above `index`, whose term is at most `term`. Where the logs of a leader
   * and a follower differ, everything that they may share is at or below it.
   */
  lastIndexOfTermAtMost(index: Index, term: Term): Index {
    let candidate = Math.min(index, this.#lastIndex);
    while (candidate > this.baseIndex) {
      const run = this.#runs[this.#runAt(candidate)]!;
      if (run.term <= term) return candidate;
      candidate = run.firstIndex - 1;
    }
    return candidate;
  }

  /** The runs that cover `firstIndex … lastIndex`, the first one cut to start at `firstIndex`. */
  runsFrom(firstIndex: Index): TermRun[] {
    if (firstIndex > this.#lastIndex) return [];
    const start = this.#runAt(firstIndex);
    const runs = this.#runs.slice(start);
    runs[0] = { term: runs[0]!.term, firstIndex };
    return runs;
  }

  /** Adds `count` entries of one term. */
  append(term: Term, count: number): void {
    assert(count > 0, () => `cannot append ${count} entries`);
    assert(term >= this.lastTerm, () => `term ${term} is below the last term ${this.lastTerm}`);
    if (this.#runs.length === 0 || term > this.lastTerm) {
      this.#runs.push({ term, firstIndex: this.#lastIndex + 1 });
    }
    this.#lastIndex += count;
  }

  /** Removes the entries after `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): void {
    assert(lastIndexKept >= this.baseIndex, () => `cannot cut the base: ${lastIndexKept}`);
    assert(lastIndexKept < this.#lastIndex, () => `nothing to cut after ${lastIndexKept}`);
    this.#lastIndex = lastIndexKept;
    while (this.#runs.length > 0 && this.#runs[this.#runs.length - 1]!.firstIndex > lastIndexKept) {
      this.#runs.pop();
    }
  }

  /** Forgets the entries up to `index`, which becomes the base. */
  compact(index: Index): void {
    assert(index >= this.#baseIndex, () => `the base falls from ${this.#baseIndex} to ${index}`);
    const term = this.term(index);
    this.#runs = this.runsFrom(index + 1);
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  /** Forgets every entry: the log starts anew behind a snapshot that covers `index`. */
  reset(index: Index, term: Term): void {
    assert(index > this.#baseIndex, () => `the base falls from ${this.#baseIndex} to ${index}`);
    this.#runs = [];
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
  }

  /** The position of the run that holds `index`. */
  #runAt(index: Index): number {
    const runs = this.#runs;
    let high = runs.length - 1;
    // Nearly every question is about the last leader's entries.
    if (runs[high]!.firstIndex <= index) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (runs[middle]!.firstIndex <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

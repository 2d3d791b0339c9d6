/**
 * Which entries one data directory holds so that no loss of power takes them: what was in the log
 * when a sync began that has completed, what was found at a start, and what a snapshot covers. It
 * goes by the log alone; what the core says of it is what is checked against this.
 *
 * Model: the last index of each term is enough, for entries of one term stand side by side.
 *
 * @module
 */
import type { Index, Term } from "../../types.ts";
import type { ObservedEntry } from "./observations.ts";

/** The last entry of each term. */
type Ends = Map<Term, Index>;

/** What one data directory holds. */
export class DurableCopy {
  #ends: Ends = new Map();
  /** What syncs that have not completed cover, in their order. */
  #pending: Ends[] = [];
  /** A snapshot covers everything up to here. */
  #coveredIndex: Index = 0;
  /** The last entry that is in `#ends` or `#pending`. */
  #notedIndex: Index = 0;

  /** The node starts, and finds these entries after what a snapshot covers. */
  found(baseIndex: Index, coveredIndex: Index, entries: readonly ObservedEntry[]): void {
    this.#pending = [];
    this.#notedIndex = baseIndex;
    this.#coveredIndex = coveredIndex;
    this.#ends = new Map();
    this.#note(this.#ends, entries);
  }

  /** A sync begins while the log ends with these entries. */
  syncBegins(baseIndex: Index, entries: readonly ObservedEntry[]): void {
    const ends: Ends = new Map();
    this.#note(ends, entries.slice(Math.max(0, this.#notedIndex - baseIndex)));
    this.#pending.push(ends);
  }

  /** The first sync of those that have not completed is done. */
  syncCompletes(): void {
    for (const [term, index] of this.#pending.shift() ?? []) this.#ends.set(term, index);
  }

  /** The end of the log was removed: what was to be durable there is no more. */
  truncated(lastIndexKept: Index): void {
    this.#notedIndex = Math.min(this.#notedIndex, lastIndexKept);
    for (const ends of [this.#ends, ...this.#pending]) {
      for (const [term, index] of ends) ends.set(term, Math.min(index, lastIndexKept));
    }
  }

  /** A snapshot replaced the log. */
  installed(lastIncludedIndex: Index): void {
    this.#coveredIndex = lastIncludedIndex;
    this.#notedIndex = lastIncludedIndex;
    this.#ends = new Map();
    for (const ends of this.#pending) ends.clear();
  }

  /** Whether the entry of a term at an index, which a leader of that term has, is held. */
  holds(index: Index, term: Term): boolean {
    return index <= this.#coveredIndex || index <= (this.#ends.get(term) ?? 0);
  }

  #note(ends: Ends, entries: readonly ObservedEntry[]): void {
    for (const { index, term } of entries) {
      ends.set(term, index);
      this.#notedIndex = index;
    }
  }
}

/**
 * Which entries of the own log are durable, told from completions that may be late. A completion
 * names the record of effects whose appends it covers, never an index: an index can have been
 * truncated and filled again since (the ABA of asynchronous storage).
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";

interface UnsyncedAppend {
  /** The sequence of the effects that carried the append. */
  readonly sequence: number;
  /** The last entry of it that is still in the log. */
  lastIndex: Index;
}

/** The durable end of the log. */
export class Durability {
  #durableIndex: Index;
  /** Ascending by sequence and by lastIndex. */
  #unsynced: UnsyncedAppend[] = [];

  /** Everything that a log holds when it is opened is durable. */
  constructor(durableIndex: Index) {
    this.#durableIndex = durableIndex;
  }

  /** Every entry up to here is durable at this node. */
  get durableIndex(): Index {
    return this.#durableIndex;
  }

  /** Notes that the effects with `sequence` append entries up to `lastIndex`. */
  appended(sequence: number, lastIndex: Index): void {
    const last = this.#unsynced[this.#unsynced.length - 1];
    assert(last === undefined || last.sequence <= sequence, () => `sequence ${sequence} falls`);
    assert(lastIndex > this.#durableIndex, () => `${lastIndex} is durable already`);
    if (last !== undefined && last.sequence === sequence) last.lastIndex = lastIndex;
    else this.#unsynced.push({ sequence, lastIndex });
  }

  /** Notes that the entries after `lastIndexKept` are gone from the log. */
  truncated(lastIndexKept: Index): void {
    this.#durableIndex = Math.min(this.#durableIndex, lastIndexKept);
    for (const append of this.#unsynced) {
      append.lastIndex = Math.min(append.lastIndex, lastIndexKept);
    }
  }

  /** Notes that a snapshot replaced the log: what it covers is durable, and all that there is. */
  installed(lastIncludedIndex: Index): void {
    this.#durableIndex = lastIncludedIndex;
    // Completions of these appends may still come; they name entries that are gone.
    this.#unsynced = [];
  }

  /** Notes that the appends of all effects up to `sequence` are durable. */
  completed(sequence: number): void {
    let done = 0;
    for (const append of this.#unsynced) {
      if (append.sequence > sequence) break;
      this.#durableIndex = Math.max(this.#durableIndex, append.lastIndex);
      done += 1;
    }
    if (done > 0) this.#unsynced = this.#unsynced.slice(done);
  }
}

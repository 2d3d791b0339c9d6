/**
 * After which entries all nodes look at their states, to compare them: every so many entries, and
 * with the first entry of each stretch of log time. The log alone says so, so nodes agree on it
 * without a word, whoever leads, and also where one applies them much later.
 *
 * @module
 */
import { STATE_HASH_ENTRIES, STATE_HASH_INTERVAL_MS } from "../limits.ts";
import type { Index, LogTimeMs } from "../types.ts";

/** Finds those entries while a node applies its log. */
export class AgreedEntries {
  #nextIndex: Index = 0;
  #nextLogTimeMs: LogTimeMs = 0;

  /** Starts behind the entry that was applied last. */
  constructor(applied: { readonly index: Index; readonly logTimeMs: LogTimeMs }) {
    this.startAfter(applied.index, applied.logTimeMs);
  }

  /** The entry that was applied last is this one, whatever came before. */
  startAfter(index: Index, logTimeMs: LogTimeMs): void {
    this.#nextIndex = (Math.floor(index / STATE_HASH_ENTRIES) + 1) * STATE_HASH_ENTRIES;
    this.#nextLogTimeMs = (Math.floor(logTimeMs / STATE_HASH_INTERVAL_MS) + 1) *
      STATE_HASH_INTERVAL_MS;
  }

  /** Whether the entry that is applied now is one of them. */
  isNext(index: Index, logTimeMs: LogTimeMs): boolean {
    if (index < this.#nextIndex && logTimeMs < this.#nextLogTimeMs) return false;
    this.startAfter(index, logTimeMs);
    return true;
  }
}

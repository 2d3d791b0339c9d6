/**
 * Log time, LogCabin's cluster clock: the time of the last entry, plus the time that the leader's
 * monotonic clock measured since its election. It stands still between leaders and never jumps with
 * a wall clock, so that what expires by it expires the same way on every replica.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { LogTimeMs } from "../types.ts";

/** The clock of one node's log. */
export class LogTime {
  readonly #clock: Clock;
  /** The log time of the last entry of this node's log. */
  #lastEntryMs: LogTimeMs;
  /** The monotonic time when this node was elected, or null where it does not lead. */
  #electedAtMs: number | null = null;
  #atElectionMs: LogTimeMs = 0;

  /** Starts from the log time of the last entry, 0 for an empty log. */
  constructor(clock: Clock, lastEntryMs: LogTimeMs) {
    this.#clock = clock;
    this.#lastEntryMs = lastEntryMs;
  }

  /** The log time now, in whole milliseconds from 1 on. A leader's runs, a follower's stands. */
  now(): LogTimeMs {
    if (this.#electedAtMs === null) return Math.max(1, this.#lastEntryMs);
    const sinceElectionMs = Math.floor(this.#clock.nowMs() - this.#electedAtMs);
    return Math.max(1, this.#lastEntryMs, this.#atElectionMs + sinceElectionMs);
  }

  /** Notes the time of an entry that was appended, here or by a leader elsewhere. */
  appended(timestampMs: LogTimeMs): void {
    this.#lastEntryMs = timestampMs;
  }

  /** Starts to run, from the last entry on. */
  elected(): void {
    assert(this.#electedAtMs === null, "elected twice");
    this.#atElectionMs = this.#lastEntryMs;
    this.#electedAtMs = this.#clock.nowMs();
  }

  /** Stands still. */
  steppedDown(): void {
    this.#electedAtMs = null;
  }
}

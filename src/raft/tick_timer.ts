/**
 * Appends ticks: at a leader, an entry that only says that time has passed, when something in the
 * replicated state is due and no other entry came by whose log time it could expire.
 *
 * Nothing expires but at apply, by the log time of an entry. So a key or a session is there until
 * the first entry behind its deadline is applied: never gone too early on any replica, and gone
 * late by the time that this takes, at most about {@linkcode TICK_INTERVAL_MS_MIN} and a commit
 * while there is a leader. Log time stands still while there is none.
 *
 * @module
 */
import type { Input } from "../consensus/input.ts";
import { TICK_INTERVAL_MS_MIN } from "../limits.ts";
import { recordBytes } from "../log/record.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import { EntryKind, type LogTimeMs } from "../types.ts";
import type { LogTime } from "./log_time.ts";

/** An entry that says that time has passed; nobody waits for it. */
export const TICK: Input = {
  type: "propose",
  kind: EntryKind.tick,
  count: 1,
  bytes: recordBytes(0),
  source: null,
};

/** Timers of the runtimes end at 24 days: one that is further off looks again after so long. */
const LOOK_AGAIN_MS = 60 * 60 * 1000;

/** What the timer works with. */
export interface TickTimerOptions {
  readonly clock: Clock;
  readonly logTime: LogTime;
  /** Whether this node leads: nobody else may append. */
  readonly isLeader: () => boolean;
  /** The log time at which the next thing is due in the state as it is applied here. */
  readonly nextDeadlineMs: () => LogTimeMs | null;
  /** Appends a tick. */
  readonly propose: () => void;
}

/** The timer of one node. */
export class TickTimer {
  readonly #options: TickTimerOptions;
  #handle: TimerHandle | null = null;
  /** When the timer of the runtime fires. */
  #firesAtMs = Infinity;
  #lastTickMs = -Infinity;
  #closed = false;

  /** Creates a timer that waits for {@linkcode TickTimer.update}. */
  constructor(options: TickTimerOptions) {
    this.#options = options;
  }

  /** Looks again when a tick is due: entries were applied, or leadership changed. */
  update(): void {
    const { clock, logTime, isLeader, nextDeadlineMs } = this.#options;
    if (this.#closed || !isLeader()) return;
    const deadlineMs = nextDeadlineMs();
    if (deadlineMs === null) return;
    const nowMs = clock.nowMs();
    const dueMs = nowMs + Math.max(0, deadlineMs - logTime.now());
    const tickMs = Math.max(dueMs, this.#lastTickMs + TICK_INTERVAL_MS_MIN);
    const atMs = Math.min(tickMs, nowMs + LOOK_AGAIN_MS);
    // A timer that fires too early looks again: cheaper than cancelling it after every entry.
    if (this.#handle !== null && this.#firesAtMs <= atMs) return;
    if (this.#handle !== null) clock.clearTimer(this.#handle);
    this.#firesAtMs = atMs;
    this.#handle = clock.setTimer(() => this.#fire(), atMs - nowMs);
  }

  /** A tick was applied: where it left something that was due, the next one follows at once. */
  ticked(logTimeMs: LogTimeMs): void {
    const deadlineMs = this.#options.nextDeadlineMs();
    if (deadlineMs !== null && deadlineMs <= logTimeMs) this.#lastTickMs = -Infinity;
  }

  /** Appends nothing more. */
  close(): void {
    this.#closed = true;
    if (this.#handle !== null) this.#options.clock.clearTimer(this.#handle);
    this.#handle = null;
  }

  #fire(): void {
    this.#handle = null;
    const { clock, logTime, isLeader, nextDeadlineMs, propose } = this.#options;
    if (!isLeader()) return;
    const deadlineMs = nextDeadlineMs();
    if (deadlineMs !== null && deadlineMs <= logTime.now()) {
      this.#lastTickMs = clock.nowMs();
      propose();
    }
    this.update();
  }
}

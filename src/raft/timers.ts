/**
 * The timers that the core arms, on the clock of the runtime. Arming is frequent (each message of a
 * leader arms two), so a timer of the runtime that would fire too early is kept and set again when
 * it fires, instead of being cancelled each time.
 *
 * @module
 */
import type { TimerChange } from "../consensus/effects.ts";
import type { Timer } from "../consensus/input.ts";
import type { Clock, Random, TimerHandle } from "../runtime/runtime.ts";

/** The two settings from which every delay follows, in milliseconds. */
export interface TimerOptions {
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** How long promises of before the start may last; 0 unless given. */
  readonly owedMs?: number;
}

/** How long a follower may not know of a commitment when nothing else is sent, at most. */
const COMMIT_NOTICE_MS_MAX = 10;

/**
 * A timer of the runtime may fire so much early by its own rounding; setting it again would spin.
 */
const EARLY_MS_MAX = 1;

const TWO_POW_32 = 4294967296;

interface ArmedTimer {
  /** When it expires, or infinity where it is not armed. */
  deadlineMs: number;
  /** The timer of the runtime, and when it fires. */
  handle: TimerHandle | null;
  firesAtMs: number;
}

/** The timers of one node. */
export class Timers {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #options: TimerOptions;
  readonly #expired: (timer: Timer) => void;
  readonly #successionMs: () => number;
  readonly #owedUntilMs: number;
  readonly #timers = new Map<Timer, ArmedTimer>();
  /** Timers whose expiry the core has not been told. */
  readonly #due = new Set<Timer>();
  /** Timers that were armed anew or canceled before the core was told of their expiry. */
  readonly #overtaken = new Set<Timer>();

  /** Creates timers that call `expired`. */
  constructor(
    clock: Clock,
    random: Random,
    options: TimerOptions & {
      readonly expired: (timer: Timer) => void;
      /** How long this node leaves it to others to succeed a leader that is gone. */
      readonly successionMs: () => number;
    },
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
    this.#expired = options.expired;
    this.#successionMs = options.successionMs;
    this.#owedUntilMs = clock.nowMs() + (options.owedMs ?? 0);
  }

  /** Arms or cancels as the core wants. */
  change(change: TimerChange): void {
    const timer = this.#timer(change.timer);
    if (this.#due.delete(change.timer)) this.#overtaken.add(change.timer);
    if (!change.armed) {
      timer.deadlineMs = Infinity;
      return;
    }
    timer.deadlineMs = this.#clock.nowMs() + this.#delayMs(change.timer);
    // A promise that is shorter does not end one of an earlier life.
    if (change.timer === "promise" && timer.deadlineMs < this.#owedUntilMs) {
      timer.deadlineMs = this.#owedUntilMs;
    }
    if (timer.handle !== null && timer.firesAtMs <= timer.deadlineMs) return;
    this.#set(change.timer, timer);
  }

  /**
   * Whether an expiry that the core is about to be told is void. It waits for the end of a turn, or
   * for a hard state that is being written, and meanwhile a message may have armed the timer anew.
   */
  takeOvertaken(timer: Timer): boolean {
    if (this.#overtaken.delete(timer)) return true;
    this.#due.delete(timer);
    return false;
  }

  /** Cancels all. */
  close(): void {
    for (const timer of this.#timers.values()) {
      timer.deadlineMs = Infinity;
      if (timer.handle !== null) this.#clock.clearTimer(timer.handle);
      timer.handle = null;
    }
  }

  #timer(name: Timer): ArmedTimer {
    let timer = this.#timers.get(name);
    if (timer === undefined) {
      timer = { deadlineMs: Infinity, handle: null, firesAtMs: Infinity };
      this.#timers.set(name, timer);
    }
    return timer;
  }

  #set(name: Timer, timer: ArmedTimer): void {
    if (timer.handle !== null) this.#clock.clearTimer(timer.handle);
    timer.firesAtMs = timer.deadlineMs;
    const delayMs = Math.max(0, timer.deadlineMs - this.#clock.nowMs());
    timer.handle = this.#clock.setTimer(() => this.#fire(name, timer), delayMs);
  }

  #fire(name: Timer, timer: ArmedTimer): void {
    timer.handle = null;
    if (timer.deadlineMs === Infinity) return;
    const lateMs = this.#clock.nowMs() - timer.deadlineMs;
    if (lateMs < -EARLY_MS_MAX) {
      this.#set(name, timer);
      return;
    }
    if (name === "election" && lateMs > this.#options.electionTimeoutMs) {
      // This process stood still: the leader's messages of that time wait to be read. Campaigning
      // now would depose a leader that never failed.
      this.change({ timer: name, armed: true });
      return;
    }
    timer.deadlineMs = Infinity;
    this.#due.add(name);
    this.#expired(name);
  }

  #delayMs(timer: Timer): number {
    const { heartbeatMs, electionTimeoutMs } = this.#options;
    switch (timer) {
      case "heartbeat":
        return heartbeatMs;
      case "succession":
        return this.#successionMs();
      case "commitNotice":
        return Math.min(COMMIT_NOTICE_MS_MAX, heartbeatMs / 2);
      case "leaderContact":
      case "quorum":
      case "promise":
      case "transfer":
        return electionTimeoutMs;
      case "election":
        // "Election timeouts are chosen randomly from a fixed interval (§5.2)": one to two of them.
        return electionTimeoutMs * (1 + this.#random.uint32() / TWO_POW_32);
    }
  }
}

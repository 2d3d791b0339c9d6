/**
 * The clocks of one simulated machine.
 *
 * Model: a machine has a monotonic clock that starts anywhere and runs a little fast or slow
 * (`rate`), and a clock of the day that is wrong by an offset and may be set at any time, also
 * backwards. Timers run on the monotonic clock; a loop that is busy, or a kernel that groups
 * timers, fires them late but never early (`latenessMs`). A paused process finds, when it goes on,
 * that its clocks went on without it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import type { ScheduledEvent } from "./event_queue.ts";
import { STEPS_PER_MS } from "./latency.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedProcess } from "./simulated_process.ts";
import type { SimulatedScheduler } from "./simulated_scheduler.ts";

/** The time of the day at which simulations start: 2026-01-01T00:00:00Z. */
export const WALL_START_MS = 1767225600000;

/** How a machine's clocks are wrong. It outlives the processes of the machine. */
export class ClockSettings {
  readonly #scheduler: SimulatedScheduler;
  #rate = 1;
  #slowestRate = 1;
  #baseMs: number;
  #baseVirtualMs: number;
  #wallOffsetMs = 0;
  /** Timers fire up to so much late, at random. */
  latenessMs = 0;

  /** Creates clocks whose monotonic one shows `originMs` now. */
  constructor(scheduler: SimulatedScheduler, originMs: number) {
    assert(originMs >= 0, () => `originMs ${originMs} is not negative`);
    this.#scheduler = scheduler;
    this.#baseMs = originMs;
    this.#baseVirtualMs = scheduler.nowMs;
  }

  /** Milliseconds that the monotonic clock counts in one of virtual time. */
  get rate(): number {
    return this.#rate;
  }

  /** The slowest of its rates so far: no stretch of time looks shorter to it. */
  get slowestRate(): number {
    return this.#slowestRate;
  }

  /** What the monotonic clock shows. */
  get nowMs(): number {
    return this.#baseMs + (this.#scheduler.nowMs - this.#baseVirtualMs) * this.#rate;
  }

  /** What the clock of the day shows. */
  get wallMs(): number {
    return WALL_START_MS + this.#scheduler.nowMs + this.#wallOffsetMs;
  }

  /** Lets the monotonic clock run at another rate from now on; it never jumps. */
  setRate(rate: number): void {
    assert(rate > 0, () => `rate ${rate} is positive`);
    this.#baseMs = this.nowMs;
    this.#baseVirtualMs = this.#scheduler.nowMs;
    this.#rate = rate;
    this.#slowestRate = Math.min(this.#slowestRate, rate);
  }

  /** Sets the clock of the day forward or, with a negative number, back. */
  stepWall(byMs: number): void {
    assert(Number.isFinite(byMs), () => `byMs ${byMs} is finite`);
    this.#wallOffsetMs += byMs;
  }
}

/** What a timer of {@linkcode SimulatedClock} is. */
interface SimulatedTimer {
  event: ScheduledEvent;
}

/** What {@linkcode SimulatedClock} is made of. */
export interface SimulatedClockOptions {
  readonly process: SimulatedProcess;
  readonly settings: ClockSettings;
  readonly prng: Prng;
}

/** The clock as one process sees it. */
export class SimulatedClock implements Clock {
  readonly #process: SimulatedProcess;
  readonly #settings: ClockSettings;
  readonly #prng: Prng;
  /** When a deferred callback ran last, on the machine's clock. */
  #deferredMs = -1;

  /** Creates the clock of a process. */
  constructor(options: SimulatedClockOptions) {
    this.#process = options.process;
    this.#settings = options.settings;
    this.#prng = options.prng;
  }

  /** Monotonic milliseconds of this machine. */
  nowMs(): number {
    return this.#settings.nowMs;
  }

  /** The time of the day as this machine believes. */
  wallMs(): number {
    return Math.floor(this.#settings.wallMs);
  }

  /** Calls `callback` once, no earlier than `delayMs` of this machine's time from now. */
  setTimer(callback: () => void, delayMs: number): TimerHandle {
    assert(!Number.isNaN(delayMs), "delayMs is a number");
    const dueMs = this.nowMs() + Math.max(0, delayMs);
    const latenessMs = this.#settings.latenessMs * this.#prng.fraction();
    const timer = {} as SimulatedTimer;
    this.#arm({ timer, callback, dueMs, latenessMs });
    return timer;
  }

  /** Cancels a timer; a timer that has fired is ignored. */
  clearTimer(timer: TimerHandle): void {
    this.#process.cancel((timer as SimulatedTimer).event);
  }

  /**
   * Calls `callback` after the events that are ready now. There is one such turn in an instant:
   * what a deferred callback defers comes a step of time later, as a turn of a real loop does.
   */
  defer(callback: () => void): void {
    const sameTurn = this.#deferredMs === this.nowMs();
    this.#process.schedule(() => {
      this.#deferredMs = this.nowMs();
      callback();
    }, sameTurn ? 1 / STEPS_PER_MS : 0);
  }

  #arm(
    due: { timer: SimulatedTimer; callback: () => void; dueMs: number; latenessMs: number },
  ): void {
    const delayMs = (due.dueMs - this.nowMs()) / this.#settings.rate + due.latenessMs;
    due.timer.event = this.#process.schedule(() => {
      // The rate may have changed since, or the division was rounded: wait for the rest.
      if (this.nowMs() < due.dueMs) this.#arm({ ...due, latenessMs: 1 / STEPS_PER_MS });
      else due.callback();
    }, delayMs);
  }
}

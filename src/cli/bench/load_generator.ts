/**
 * Drives operations against a target and measures them.
 *
 * Closed loop: a fixed number of operations is under way; each that ends starts the next. Open loop
 * (`rate`): operations start at fixed times whatever the answers do, and a latency counts from the
 * time at which the operation was meant to start, so that a stall is not hidden by the operations
 * that were not sent during it.
 *
 * @module
 */
import type { Clock, TimerHandle } from "../../runtime/runtime.ts";
import { Histogram } from "./histogram.ts";

/** A place for one operation under way; the same object for all that it sees, one by one. */
export interface LoadSlot {
  /** From 0 to the number of operations under way, less one. */
  readonly number: number;
  /** The operation was answered. */
  readonly succeeded: () => void;
  /** The operation has no answer. */
  readonly failed: (error: Error) => void;
}

/** How the load looks. */
export interface LoadOptions {
  readonly clock: Clock;
  /** Starts an operation; calls one function of `slot` once, not before it returns. */
  readonly start: (slot: LoadSlot) => void;
  readonly inFlight: number;
  readonly durationMs: number;
  /** Operations a second; null for a closed loop. */
  readonly rate: number | null;
  /** Called once a second with what has happened so far. */
  readonly onSecond?: (report: LoadReport) => void;
}

/** What was measured. */
export interface LoadReport {
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  readonly firstError: Error | null;
  readonly histogram: Histogram;
}

/** After an error a slot rests, so that a cluster without a leader is not asked in a busy loop. */
const ERROR_PAUSE_MS = 10;

/** How often the open loop looks for operations that are due, in milliseconds. */
const TICK_MS = 1;

const SECOND_MS = 1_000;

/** One run. */
class LoadGenerator {
  readonly #options: LoadOptions;
  readonly #histogram = new Histogram();
  readonly #resolve: (report: LoadReport) => void;
  readonly #startMs: number;
  readonly #endMs: number;
  /** When the operation of each slot was, or was meant to be, started. */
  readonly #slotStartMs: Float64Array;
  readonly #slots: readonly LoadSlot[];
  readonly #freeSlots: number[] = [];
  #underWay = 0;
  #operations = 0;
  #errors = 0;
  #firstError: Error | null = null;
  /** How many operations the open loop has started. */
  #started = 0;
  #secondTimer: TimerHandle | null = null;
  #isOver = false;

  constructor(options: LoadOptions, resolve: (report: LoadReport) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#startMs = options.clock.nowMs();
    this.#endMs = this.#startMs + options.durationMs;
    this.#slotStartMs = new Float64Array(options.inFlight);
    this.#slots = Array.from({ length: options.inFlight }, (_, number) => ({
      number,
      succeeded: () => this.#finish(number, null),
      failed: (error: Error) => this.#finish(number, error),
    }));
  }

  run(): void {
    const { clock, inFlight, rate, durationMs, onSecond } = this.#options;
    clock.setTimer(() => this.#end(), durationMs);
    if (onSecond !== undefined) this.#everySecond(onSecond);
    for (let slot = 0; slot < inFlight; slot += 1) {
      if (rate === null) this.#start(slot, clock.nowMs());
      else this.#freeSlots.push(slot);
    }
    if (rate !== null) this.#tick(rate);
  }

  #report(untilMs: number): LoadReport {
    return {
      seconds: (untilMs - this.#startMs) / SECOND_MS,
      operations: this.#operations,
      errors: this.#errors,
      firstError: this.#firstError,
      histogram: this.#histogram,
    };
  }

  #everySecond(onSecond: (report: LoadReport) => void): void {
    const { clock } = this.#options;
    this.#secondTimer = clock.setTimer(() => {
      onSecond(this.#report(clock.nowMs()));
      this.#everySecond(onSecond);
    }, SECOND_MS);
  }

  /** Starts what is due by now, as far as slots are free. */
  #tick(rate: number): void {
    if (this.#isOver) return;
    const { clock } = this.#options;
    const due = Math.floor(((clock.nowMs() - this.#startMs) / SECOND_MS) * rate) + 1;
    while (this.#started < due) {
      const slot = this.#freeSlots.pop();
      if (slot === undefined) break;
      this.#start(slot, this.#startMs + (this.#started / rate) * SECOND_MS);
      this.#started += 1;
    }
    clock.setTimer(() => this.#tick(rate), TICK_MS);
  }

  #start(slot: number, intendedMs: number): void {
    this.#slotStartMs[slot] = intendedMs;
    this.#underWay += 1;
    this.#options.start(this.#slots[slot]!);
  }

  #finish(slot: number, error: Error | null): void {
    this.#underWay -= 1;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#isOver || nowMs > this.#endMs) {
      this.#endIfQuiet();
      return;
    }
    if (error === null) {
      this.#operations += 1;
      this.#histogram.record((nowMs - this.#slotStartMs[slot]!) * 1000);
      this.#next(slot, nowMs);
      return;
    }
    this.#errors += 1;
    this.#firstError ??= error;
    clock.setTimer(() => {
      if (!this.#isOver) this.#next(slot, clock.nowMs());
    }, ERROR_PAUSE_MS);
  }

  #next(slot: number, nowMs: number): void {
    if (this.#options.rate === null) this.#start(slot, nowMs);
    else this.#freeSlots.push(slot);
  }

  #end(): void {
    this.#isOver = true;
    this.#options.clock.clearTimer(this.#secondTimer);
    this.#endIfQuiet();
  }

  /** What is under way at the end is waited for and not counted. */
  #endIfQuiet(): void {
    if (this.#isOver && this.#underWay === 0) this.#resolve(this.#report(this.#endMs));
  }
}

/** Runs the load; resolves when its time is over and nothing is under way any more. */
export function generateLoad(options: LoadOptions): Promise<LoadReport> {
  return new Promise((resolve) => new LoadGenerator(options, resolve).run());
}

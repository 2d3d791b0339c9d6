/**
 * Drives operations against a target and measures them.
 *
 * Closed loop: a fixed number of operations is under way; each that ends starts the next. What is
 * answered in the measured time counts.
 *
 * Open loop (`rate`): operations start at fixed times whatever the answers do, and a latency counts
 * from the time at which the operation was meant to start, so that a stall is not hidden by the
 * operations that were not sent during it. What was meant to start in the measured time counts,
 * whenever it is answered; what never found a free slot counts with the time that it had waited.
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
  /** How long the load runs before it is measured; not at all unless given. */
  readonly warmUpMs?: number;
  /** How long to measure. */
  readonly durationMs: number;
  /** The measured time ends earlier when so many operations were answered. */
  readonly operationsMax?: number;
  /** Operations a second; null for a closed loop. */
  readonly rate: number | null;
  /** Called when the measured time starts, where there is a time before it. */
  readonly onMeasuring?: () => void;
  /** Called once a second with what has happened so far. */
  readonly onSecond?: (report: LoadReport) => void;
}

/** What was measured. */
export interface LoadReport {
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  readonly firstError: Error | null;
  /** Operations that the open loop did not start in time for want of a free slot. */
  readonly unstarted: number;
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
  /** Where the measured time starts. */
  readonly #measureMs: number;
  /** Where the measured time ends. */
  #endMs: number;
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
  #unstarted = 0;
  readonly #endTimer: TimerHandle;
  #secondTimer: TimerHandle | null = null;
  #isOver = false;

  constructor(options: LoadOptions, resolve: (report: LoadReport) => void) {
    const { clock, inFlight, warmUpMs = 0, durationMs } = options;
    this.#options = options;
    this.#resolve = resolve;
    this.#startMs = clock.nowMs();
    this.#measureMs = this.#startMs + warmUpMs;
    this.#endMs = this.#measureMs + durationMs;
    this.#endTimer = clock.setTimer(() => this.#end(this.#endMs), warmUpMs + durationMs);
    this.#slotStartMs = new Float64Array(inFlight);
    this.#slots = Array.from({ length: inFlight }, (_, number) => ({
      number,
      succeeded: () => this.#finish(number, null),
      failed: (error: Error) => this.#finish(number, error),
    }));
  }

  run(): void {
    const { clock, inFlight, warmUpMs = 0, rate, onMeasuring, onSecond } = this.#options;
    if (warmUpMs > 0 && onMeasuring !== undefined) clock.setTimer(onMeasuring, warmUpMs);
    if (onSecond !== undefined) this.#everySecond(onSecond, warmUpMs + SECOND_MS);
    for (let slot = 0; slot < inFlight; slot += 1) {
      if (rate === null) this.#start(slot, clock.nowMs());
      else this.#freeSlots.push(slot);
    }
    if (rate !== null) this.#tick(rate);
  }

  #report(untilMs: number): LoadReport {
    return {
      seconds: (untilMs - this.#measureMs) / SECOND_MS,
      operations: this.#operations,
      errors: this.#errors,
      firstError: this.#firstError,
      unstarted: this.#unstarted,
      histogram: this.#histogram,
    };
  }

  #everySecond(onSecond: (report: LoadReport) => void, delayMs: number): void {
    const { clock } = this.#options;
    this.#secondTimer = clock.setTimer(() => {
      onSecond(this.#report(clock.nowMs()));
      this.#everySecond(onSecond, SECOND_MS);
    }, delayMs);
  }

  /** When the open loop is meant to start its operation of this number, counted from 0. */
  #intendedMs(operation: number, rate: number): number {
    return this.#startMs + (operation / rate) * SECOND_MS;
  }

  /** Starts what is due by now, as far as slots are free. */
  #tick(rate: number): void {
    if (this.#isOver) return;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    while (this.#freeSlots.length > 0 && this.#intendedMs(this.#started, rate) <= nowMs) {
      this.#start(this.#freeSlots.pop()!, this.#intendedMs(this.#started, rate));
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
    if (this.#isMeasured(slot, nowMs)) this.#count(nowMs - this.#slotStartMs[slot]!, error);
    if (this.#isOver || nowMs > this.#endMs) {
      this.#endIfQuiet();
    } else if (error === null) {
      this.#next(slot, nowMs);
    } else {
      clock.setTimer(() => {
        if (!this.#isOver) this.#next(slot, clock.nowMs());
      }, ERROR_PAUSE_MS);
    }
  }

  /** Whether the operation of a slot that is answered now counts. */
  #isMeasured(slot: number, nowMs: number): boolean {
    if (this.#options.rate === null) {
      return nowMs >= this.#measureMs && nowMs <= this.#endMs && !this.#isOver;
    }
    const intendedMs = this.#slotStartMs[slot]!;
    return intendedMs >= this.#measureMs && intendedMs < this.#endMs;
  }

  #count(latencyMs: number, error: Error | null): void {
    if (error !== null) {
      this.#errors += 1;
      this.#firstError ??= error;
      return;
    }
    this.#operations += 1;
    this.#histogram.record(latencyMs * 1000);
    const { operationsMax, clock } = this.#options;
    if (this.#operations === operationsMax && !this.#isOver) this.#end(clock.nowMs());
  }

  #next(slot: number, nowMs: number): void {
    if (this.#options.rate === null) this.#start(slot, nowMs);
    else this.#freeSlots.push(slot);
  }

  #end(endMs: number): void {
    const { clock, rate } = this.#options;
    this.#isOver = true;
    this.#endMs = endMs;
    clock.clearTimer(this.#endTimer);
    clock.clearTimer(this.#secondTimer);
    if (rate !== null) this.#countUnstarted(rate);
    this.#endIfQuiet();
  }

  /** Operations that were due and found no free slot have waited for so long at least. */
  #countUnstarted(rate: number): void {
    for (let operation = this.#started;; operation += 1) {
      const intendedMs = this.#intendedMs(operation, rate);
      if (intendedMs >= this.#endMs) return;
      if (intendedMs < this.#measureMs) continue;
      // Due since the last tick alone: the end came first, nothing was wanting.
      if (this.#freeSlots.length > 0) continue;
      this.#unstarted += 1;
      this.#histogram.record((this.#endMs - intendedMs) * 1000);
    }
  }

  /** What is under way at the end is waited for. */
  #endIfQuiet(): void {
    if (this.#isOver && this.#underWay === 0) this.#resolve(this.#report(this.#endMs));
  }
}

/** Runs the load; resolves when its time is over and nothing is under way any more. */
export function generateLoad(options: LoadOptions): Promise<LoadReport> {
  return new Promise((resolve) => new LoadGenerator(options, resolve).run());
}

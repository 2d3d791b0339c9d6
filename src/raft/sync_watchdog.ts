/**
 * Notices that storage has stopped: syncs are under way and none completes. A leader would go on
 * with its heartbeats for ever, and nothing would ever be committed again.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { DurationHistogram } from "../observability/duration_histogram.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";

/** What the watchdog works with. */
export interface SyncWatchdogOptions {
  readonly clock: Clock;
  /** A sync that takes so long is stalled, in milliseconds. */
  readonly stallMs: number;
  /** Called where nothing completed for so long; again after as long. */
  readonly stalled: () => void;
}

/** Watches the syncs of one log. */
export class SyncWatchdog {
  /** How long each took since it began, or since the one before was complete. */
  readonly durations = new DurationHistogram();
  readonly #options: SyncWatchdogOptions;
  #underWay = 0;
  /** When the first of these syncs began, or the latest one completed. */
  #sinceMs = 0;
  #timer: TimerHandle | null = null;

  /** Watches nothing yet. */
  constructor(options: SyncWatchdogOptions) {
    this.#options = options;
  }

  /** Whether syncs are under way. */
  get isSyncing(): boolean {
    return this.#underWay > 0;
  }

  /** Whether syncs are under way, and none has completed for as long as a stall takes. */
  get isStalled(): boolean {
    const { clock, stallMs } = this.#options;
    return this.#underWay > 0 && clock.nowMs() >= this.#sinceMs + stallMs;
  }

  /** A sync began. */
  started(): void {
    if (this.#underWay === 0) this.#sinceMs = this.#options.clock.nowMs();
    this.#underWay += 1;
    if (this.#timer === null) this.#arm(this.#options.stallMs);
  }

  /** A sync completed. */
  completed(): void {
    assert(this.#underWay > 0, "a sync completed that never began");
    this.#underWay -= 1;
    const nowMs = this.#options.clock.nowMs();
    this.durations.add(nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
  }

  /** Watches nothing any more. */
  close(): void {
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** The timer is left running between syncs: it fires once in a while, so that a sync is cheap. */
  #arm(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.nowMs() + delayMs;
    this.#timer = clock.setTimer(() => this.#fire(dueMs), delayMs);
  }

  #fire(dueMs: number): void {
    const { clock, stallMs, stalled } = this.#options;
    this.#timer = null;
    if (this.#underWay === 0) return;
    const nowMs = clock.nowMs();
    // Where the process stood still, the completion may wait to be read.
    const stoodStill = nowMs - dueMs > stallMs / 2;
    if (stoodStill) this.#sinceMs = nowMs;
    const stalledMs = this.#sinceMs + stallMs;
    // Moments are compared, not spans: what subtraction leaves of a span may be less than a step of
    // the clock, and a timer of so much would fire at this same moment for ever.
    if (nowMs < stalledMs) return this.#arm(stalledMs - nowMs);
    stalled();
    this.#arm(stallMs);
  }
}

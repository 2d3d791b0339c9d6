/**
 * One timer for many moments: it fires at the earliest of those it was asked for.
 *
 * @module
 */
import type { Clock, TimerHandle } from "../runtime/runtime.ts";

/** A timer that can only be moved forward until it fires. */
export class EarliestTimer {
  readonly #clock: Clock;
  readonly #fire: () => void;
  #timer: TimerHandle | null = null;
  #atMs = Infinity;

  /** Creates the timer; `fire` looks at what is due and arms it again. */
  constructor(clock: Clock, fire: () => void) {
    this.#clock = clock;
    this.#fire = fire;
  }

  /** Makes sure that the timer fires at `atMs` of the clock or before. Cheap if it will anyway. */
  arm(atMs: number): void {
    if (atMs >= this.#atMs) return;
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#atMs = atMs;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = null;
      this.#atMs = Infinity;
      this.#fire();
    }, atMs - this.#clock.nowMs());
  }

  /** Forgets what it was armed for. */
  clear(): void {
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#atMs = Infinity;
  }
}

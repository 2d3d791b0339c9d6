/**
 * The clock of a real process: `performance.now`, `setTimeout` and `setImmediate`, which Node, Deno
 * and Bun share.
 *
 * @module
 */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import type { Clock, TimerHandle } from "../runtime.ts";

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** One timer, which may need several rounds of `setTimeout` to get where it goes. */
class SystemTimer {
  readonly #callback: () => void;
  readonly #deadlineMs: number;
  #timeout: ReturnType<typeof setTimeout> | null = null;

  constructor(callback: () => void, deadlineMs: number) {
    this.#callback = callback;
    this.#deadlineMs = deadlineMs;
    this.#arm();
  }

  clear(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    this.#timeout = null;
  }

  #arm(): void {
    // The runtimes count whole milliseconds from a rounded-down start, so a timer may fire up to
    // one early: the millisecond on top makes "no earlier than" true.
    const delayMs = Math.max(0, Math.ceil(this.#deadlineMs - performance.now())) + 1;
    this.#timeout = setTimeout(() => this.#fire(), Math.min(delayMs, TIMEOUT_MS_MAX));
  }

  #fire(): void {
    this.#timeout = null;
    if (performance.now() < this.#deadlineMs) this.#arm();
    else this.#callback();
  }
}

/** Real time. A timer that is set keeps the process alive. */
export class SystemClock implements Clock {
  /** Milliseconds since the process started, with a fraction. */
  nowMs(): number {
    return performance.now();
  }

  /** Milliseconds since 1970. */
  wallMs(): number {
    return Date.now();
  }

  /** Calls `callback` once, no earlier than `delayMs` from now and at most about 2 ms later. */
  setTimer(callback: () => void, delayMs: number): TimerHandle {
    return new SystemTimer(callback, performance.now() + delayMs);
  }

  /** Cancels a timer. */
  clearTimer(timer: TimerHandle): void {
    if (timer instanceof SystemTimer) timer.clear();
  }

  /** Calls `callback` after the events that are ready now. */
  defer(callback: () => void): void {
    setImmediate(callback);
  }
}

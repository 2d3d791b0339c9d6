/**
 * A deadline for tests that a stalled machine does not break.
 *
 * @module
 */
import type { Clock } from "../runtime/runtime.ts";

const TICKS = 100;
const TICK_MS = 5;

/**
 * Resolves as `promise` does; rejects where 100 short timers, one after the other, were faster. The
 * program's own loop has to turn for each of them, so a stall of the machine counts as one.
 */
export function beforeTicks<Result>(clock: Clock, promise: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      if (ticks > TICKS) reject(new Error(`Not done after ${TICKS} timers of ${TICK_MS} ms`));
      else timer = clock.setTimer(tick, TICK_MS);
    };
    let timer = clock.setTimer(tick, TICK_MS);
    promise.then(resolve, reject).finally(() => clock.clearTimer(timer));
  });
}

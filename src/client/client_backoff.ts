/**
 * How long to wait before asking again: twice as long each time, with jitter, so that many clients
 * that lost one leader do not come back in step.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Random } from "../runtime/runtime.ts";

/** The first delay is between half of this and this, in milliseconds. */
export const BACKOFF_FIRST_MS = 20;

/** No delay is longer than this, in milliseconds: well below an election, as it adds to one. */
export const BACKOFF_MAX_MS = 400;

const TWO_POW_32 = 4294967296;

/** Delays that grow until {@linkcode ClientBackoff.reset}. */
export class ClientBackoff {
  readonly #random: Random;
  /** The upper bound of the next delay; 0 means that the next one is immediate. */
  #boundMs = 0;

  /** Creates a backoff whose first delay is 0. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** The delay before the next attempt; the one after it will be longer. */
  nextDelayMs(): number {
    const boundMs = this.#boundMs;
    this.#boundMs = Math.min(BACKOFF_MAX_MS, boundMs === 0 ? BACKOFF_FIRST_MS : boundMs * 2);
    const delayMs = boundMs / 2 + boundMs / 2 * (this.#random.uint32() / TWO_POW_32);
    assert(delayMs <= BACKOFF_MAX_MS, () => `delay ${delayMs} ms is above ${BACKOFF_MAX_MS} ms`);
    return delayMs;
  }

  /** Something worked: the next delay is 0 again. */
  reset(): void {
    this.#boundMs = 0;
  }
}

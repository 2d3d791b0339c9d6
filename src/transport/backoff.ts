/**
 * Randomized exponential delays between attempts, so that nodes that lost each other at one moment
 * do not redial at one moment.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Random } from "../runtime/runtime.ts";

/** The bounds of the delays, in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

const TWO_POW_32 = 4294967296;

/** The delays of one series of attempts. */
export class Backoff {
  readonly #random: Random;
  readonly #options: BackoffOptions;
  #nextMs: number;

  /** Starts a series. */
  constructor(random: Random, options: BackoffOptions) {
    assert(options.firstMs > 0, () => `first delay is ${options.firstMs}`);
    assert(options.maxMs >= options.firstMs, () => `largest delay is ${options.maxMs}`);
    this.#random = random;
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** The delay before the next attempt: between half and all of a bound that doubles each time. */
  nextMs(): number {
    const boundMs = this.#nextMs;
    this.#nextMs = Math.min(boundMs * 2, this.#options.maxMs);
    return boundMs * (0.5 + this.#random.uint32() / TWO_POW_32 / 2);
  }

  /** Starts anew, after a success. */
  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}

/**
 * Randomness of the operating system, by the Web Crypto call that Node, Deno and Bun share.
 *
 * @module
 */
import type { Random } from "../runtime.ts";

/** The most bytes that one call of `getRandomValues` fills. */
const CALL_BYTES_MAX = 65_536;

/** Integers drawn in one call: the call costs far more than the number. */
const POOL_LENGTH = 64;

/** Random numbers that nobody can predict. */
export class SystemRandom implements Random {
  readonly #pool = new Uint32Array(POOL_LENGTH);
  /** Integers of the pool that were given out. Starts as if all were, so the first call draws. */
  #used = POOL_LENGTH;

  /** A uniform integer from 0 to 2^32 − 1. */
  uint32(): number {
    if (this.#used === POOL_LENGTH) {
      crypto.getRandomValues(this.#pool);
      this.#used = 0;
    }
    const value = this.#pool[this.#used] ?? 0;
    this.#used += 1;
    return value;
  }

  /** Fills `target` with random bytes and returns it. */
  fill(target: Uint8Array): Uint8Array {
    for (let start = 0; start < target.length; start += CALL_BYTES_MAX) {
      // A copy in between, as a target may lie in memory that getRandomValues does not take.
      const part = new Uint8Array(Math.min(CALL_BYTES_MAX, target.length - start));
      target.set(crypto.getRandomValues(part), start);
    }
    return target;
  }
}

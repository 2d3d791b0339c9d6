/**
 * Numbers for moments of this node's clock. They travel to the leader and come back when it is
 * proven what was committed by then (consensus/age_proof.ts): the moment itself never leaves the
 * node, so that no other clock and no journey counts.
 *
 * A process starts at a random number, so that what an earlier one of this node gave out means
 * nothing to it.
 *
 * @module
 */
import { AGE_TOKEN_MS, AGE_TOKENS_KEPT } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";

/** A moment, by both clocks of this machine. */
export interface Moment {
  readonly atMs: number;
  readonly wallMs: number;
}

/** The moments of one process. */
export class AgeTokens {
  readonly #clock: Clock;
  /** By number, wrapped around. */
  readonly #atMs = new Float64Array(AGE_TOKENS_KEPT);
  readonly #wallMs = new Float64Array(AGE_TOKENS_KEPT);
  #latest: number;
  #latestAtMs = -Infinity;
  #count = 0;

  /** Creates numbers that follow `start`, of 32 bits. */
  constructor(clock: Clock, start: number) {
    this.#clock = clock;
    this.#latest = start >>> 0;
  }

  /** The number for `nowMs`, or for a moment shortly before; never 0. */
  at(nowMs: number): number {
    if (nowMs - this.#latestAtMs < AGE_TOKEN_MS) return this.#latest;
    // 0 says that there is none; the number that is left out was never given away.
    const step = this.#latest === 0xffffffff ? 2 : 1;
    this.#latest = (this.#latest + step) >>> 0;
    this.#count += step;
    const place = this.#latest % AGE_TOKENS_KEPT;
    this.#latestAtMs = nowMs;
    this.#atMs[place] = nowMs;
    this.#wallMs[place] = this.#clock.wallMs();
    return this.#latest;
  }

  /** The moment of a number; null where it is forgotten, or was never given out. */
  momentOf(token: number): Moment | null {
    const distance = (this.#latest - token) >>> 0;
    if (token === 0 || distance >= Math.min(this.#count, AGE_TOKENS_KEPT)) return null;
    const place = token % AGE_TOKENS_KEPT;
    return { atMs: this.#atMs[place]!, wallMs: this.#wallMs[place]! };
  }
}

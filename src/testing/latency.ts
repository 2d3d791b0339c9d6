/**
 * How long things take in a simulation.
 *
 * Model: most waits are near the typical one and a few are far longer, as on a real network or
 * disk. A draw is uniform below `typicalMs` and, with `tailChance`, uniform up to `tailMs`: enough
 * to find races, and free of the logarithm of an exponential distribution, which engines round
 * differently. All times are multiples of 1/1024 ms, so that their sums are exact.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Prng } from "./prng.ts";

/** Virtual time advances in steps of this fraction of a millisecond. */
export const STEPS_PER_MS = 1024;

/** A distribution of waits. */
export interface Latency {
  /** The shortest wait. */
  readonly minMs: number;
  /** Most waits are shorter than this. */
  readonly typicalMs: number;
  /** How often a wait is longer, from 0 to 1. */
  readonly tailChance: number;
  /** No wait is longer. */
  readonly tailMs: number;
}

/** No wait at all. */
export const LATENCY_NONE: Latency = { minMs: 0, typicalMs: 0, tailChance: 0, tailMs: 0 };

/** Rounds a time up to a whole step. */
export function wholeSteps(timeMs: number): number {
  return Math.ceil(timeMs * STEPS_PER_MS) / STEPS_PER_MS;
}

/** Draws one wait in milliseconds. */
export function drawLatencyMs(prng: Prng, latency: Latency): number {
  assert(latency.minMs >= 0, () => `minMs ${latency.minMs} is not negative`);
  assert(latency.minMs <= latency.typicalMs, "minMs is at most typicalMs");
  if (latency.typicalMs === 0 && latency.tailChance === 0) return 0;
  if (latency.tailChance > 0 && prng.chance(latency.tailChance)) {
    assert(latency.typicalMs <= latency.tailMs, "typicalMs is at most tailMs");
    return wholeSteps(latency.typicalMs + (latency.tailMs - latency.typicalMs) * prng.fraction());
  }
  return wholeSteps(latency.minMs + (latency.typicalMs - latency.minMs) * prng.fraction());
}

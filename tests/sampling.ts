/**
 * How exhaustive tests of logic are thinned out. The gate sets TRY_EVERY to 4 on all runtimes but
 * the fastest: the same logic is tried in full there, and with a share of the cases on each of the
 * others, evenly spread and the same ones in every run.
 */
import process from "node:process";

/** Every how many cases one is tried; 1 for all. */
export const TRY_EVERY = Number(process.env["TRY_EVERY"] ?? 1);

/** The settings of a property that is tried with `runs` values where nothing is left out. */
export function propertyRuns(runs: number, seed = 1): { numRuns: number; seed: number } {
  return { numRuns: Math.ceil(runs / TRY_EVERY), seed };
}

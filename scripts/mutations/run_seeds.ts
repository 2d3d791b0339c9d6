/**
 * Runs seeds of a simulator that lies beside this file's copy, and prints a JSON object a seed:
 * what a mutant is tried with.
 *
 *     bun run_seeds.ts clusters FIRST COUNT SECONDS [KIND…]
 *     bun run_seeds.ts cores FIRST COUNT [JSON]
 *
 * With kinds of faults, seeds have those in place of what they draw; with JSON, bare cores have its
 * settings.
 *
 * @module
 */
import { detectMicrotaskDrain } from "../../src/runtime/detect.ts";
import type { FaultKind } from "../../src/testing/faults/fault_table.ts";
import { type CorePlanOverrides, drawCorePlan } from "../../src/testing/core_plan.ts";
import { runCores } from "../../src/testing/core_run.ts";
import { simulate } from "../../src/testing/simulation.ts";
import type { Simulator } from "./mutation.ts";

const [simulator, first, count, ...rest] = process.argv.slice(2);

/** Runs a seed of each simulator; throws what it finds. */
const runs: Record<Simulator, () => Promise<(seed: number) => Promise<void>>> = {
  clusters: async () => {
    const drain = await detectMicrotaskDrain();
    const [seconds, ...kinds] = rest;
    const only = kinds.length === 0 ? {} : { kinds: kinds as FaultKind[] };
    const durationMs = Number(seconds) * 1000;
    return async (seed) => {
      await simulate({ seed, durationMs, ...only }, { drain });
    };
  },
  cores: () => {
    const overrides = JSON.parse(rest[0] ?? "{}") as CorePlanOverrides;
    return Promise.resolve((seed) => {
      runCores(drawCorePlan(seed, overrides));
      return Promise.resolve();
    });
  },
};

const run = await runs[simulator as Simulator]();
for (let seed = Number(first); seed < Number(first) + Number(count); seed += 1) {
  let fault: string | null = null;
  try {
    await run(seed);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  process.stdout.write(`${JSON.stringify({ seed, fault })}\n`);
}

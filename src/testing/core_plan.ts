/**
 * What one seed of the simulator of bare cores is like: the seed decides it, as simulation_plan.ts
 * does for whole clusters.
 *
 * @module
 */
import type { CoreRunOptions } from "./core_run.ts";
import { Prng } from "./prng.ts";

/** How many random steps a seed takes. */
const STEPS = 1500;

/** What may be given in place of what the seed draws. */
export type CorePlanOverrides = Partial<Omit<CoreRunOptions, "seed">>;

/** The settings of a seed. */
export function drawCorePlan(
  seed: number | string,
  overrides: CorePlanOverrides = {},
): CoreRunOptions {
  const prng = new Prng(seed).fork("core plan");
  return {
    seed,
    nodes: prng.pick([3, 3, 4, 5, 5]),
    steps: STEPS,
    network: prng.pick(["connections", "datagrams"] as const),
    members: prng.chance(0.3),
    replacements: prng.chance(0.3),
    snapshots: prng.chance(0.5),
    ...overrides,
  };
}

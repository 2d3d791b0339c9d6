/** Each seed enables some kinds of faults and some features, the same ones every time. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { faultKinds } from "../../src/testing/faults/fault_table.ts";
import { drawPlan, workloadFeatures } from "../../src/testing/simulation_plan.ts";

const SEEDS = Array.from({ length: 300 }, (_, i) => i + 1);

describe("drawPlan", () => {
  it("gives a seed the same plan every time", () => {
    for (const seed of SEEDS.slice(0, 20)) assert.deepEqual(drawPlan(seed), drawPlan(seed));
  });

  it("enables every kind and every feature in some seeds and not in others", () => {
    const plans = SEEDS.map((seed) => drawPlan(seed));
    for (const kind of faultKinds) {
      const enabled = plans.filter(({ faults }) => faults.kinds.includes(kind)).length;
      assert.ok(enabled > 50 && enabled < 250, `${kind} in ${enabled} of 300`);
    }
    for (const feature of workloadFeatures) {
      const enabled = plans.filter(({ workload }) => workload.features.includes(feature)).length;
      assert.ok(enabled > 50 && enabled < 250, `${feature} in ${enabled} of 300`);
    }
  });

  it("draws clusters of 1 to 7 nodes and every intensity", () => {
    const plans = SEEDS.map((seed) => drawPlan(seed));
    const sizes = new Set(plans.map(({ nodeCount }) => nodeCount));
    assert.deepEqual([...sizes].sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7]);
    const intensities = new Set(plans.map(({ intensity }) => intensity));
    assert.deepEqual(intensities, new Set(["calm", "brisk", "rough", "furious"]));
  });

  it("changes nothing but what is given in place of a draw", () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const plan = drawPlan(seed);
      assert.deepEqual(drawPlan(seed, { nodeCount: 9 }), { ...plan, nodeCount: 9 });
      const workload = { ...plan.workload, clientCount: 1 };
      assert.deepEqual(drawPlan(seed, { clientCount: 1 }), { ...plan, workload });
      const faults = { ...plan.faults, kinds: ["kill"] };
      assert.deepEqual(drawPlan(seed, { kinds: ["kill"] }), { ...plan, faults });
    }
  });
});

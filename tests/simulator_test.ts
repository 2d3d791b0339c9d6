/**
 * Whole clusters from seeds: each run has clients, crashes, partitions and failing disks, and must
 * keep every property. A seed that fails prints the command that repeats it.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import process from "node:process";
import { drain } from "./microtask_drain.ts";
import { simulate } from "../src/testing/simulation.ts";
import { SimulationFailure } from "../src/testing/simulation_failure.ts";
import type { SimulationReport } from "../src/testing/simulation_options.ts";
import { describeFailure, replayArguments } from "../src/testing/simulation_text.ts";

const SEEDS_DEFAULT = 10;
const DURATION_MS = 20_000;

/** Runs must be real: clients work, in some seeds little, and things go wrong. */
const OPERATIONS_PER_SECOND_MIN = 5;
const FAULTS_PER_SECOND_MIN = 1 / 2;

const seedCount = Number(process.env["SIMULATOR_SEEDS"] ?? SEEDS_DEFAULT);
const traceFile = process.env["SIMULATOR_TRACE_FILE"];

/** Bun and Node drain where Deno hops: that the gate finds their traces equal checks both. */
describe("simulate", () => {
  it("replays a seed exactly", { timeout: 120_000 }, async () => {
    const first = await simulate({ seed: 1, durationMs: DURATION_MS }, { drain });
    const second = await simulate({ seed: 1, durationMs: DURATION_MS }, { drain });
    assert.equal(second.traceHash, first.traceHash);
    assert.deepEqual(second, first);
    const other = await simulate({ seed: 2, durationMs: DURATION_MS }, { drain });
    assert.notEqual(other.traceHash, first.traceHash);
  });

  it(
    "replays a seed exactly whether or not the real world gets its turn",
    { timeout: 60_000 },
    async () => {
      const options = { seed: 3, durationMs: 6_000 };
      const plain = await simulate(options, { drain });
      const breathe = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 0));
      assert.deepEqual(await simulate(options, { breathe, drain }), plain);
    },
  );

  it("keeps every property in every seed", { timeout: 600_000 }, async () => {
    const traces: string[] = [];
    let operations = 0;
    let faults = 0;
    for (let seed = 1; seed <= seedCount; seed += 1) {
      const report = await replayable(seed);
      traces.push(`${seed} ${report.traceHash}`);
      operations += report.operationCount;
      faults += report.faults.length;
      assert.equal(report.undecidedKeys, 0, `seed ${seed} left keys undecided`);
    }
    if (traceFile !== undefined) writeFileSync(traceFile, `${traces.join("\n")}\n`);
    const seconds = (seedCount * DURATION_MS) / 1000;
    assert.ok(operations / seconds >= OPERATIONS_PER_SECOND_MIN, `${operations} in ${seconds} s`);
    assert.ok(faults / seconds >= FAULTS_PER_SECOND_MIN, `${faults} faults in ${seconds} s`);
  });
});

async function replayable(seed: number): Promise<SimulationReport> {
  try {
    return await simulate({ seed, durationMs: DURATION_MS }, { drain });
  } catch (error) {
    if (error instanceof SimulationFailure) {
      const replay = `raft simulate ${replayArguments(error.fields.options).join(" ")}`;
      console.error([error.message, `replay: ${replay}`, ...describeFailure(error)].join("\n"));
    }
    throw error;
  }
}

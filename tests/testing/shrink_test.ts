/** A failing run is made small without losing the failure. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFaultNumbers, parseFaultNumbers } from "../../src/testing/fault_numbers.ts";
import { shrinkFailure } from "../../src/testing/shrink.ts";
import { SimulationFailure } from "../../src/testing/simulation_failure.ts";
import type { SimulationOptions } from "../../src/testing/simulation_options.ts";
import { drawPlan } from "../../src/testing/simulation_plan.ts";
import { replayArguments } from "../../src/testing/simulation_text.ts";

const FAULT_COUNT = 40;
const KINDS = ["kill", "pause", "partition"] as const;

/** A run whose failure needs some of its faults, and time and clients enough. */
function artificialRun(needed: readonly number[], clientsNeeded = 1) {
  const ran: SimulationOptions[] = [];
  const run = (options: SimulationOptions): Promise<void> => {
    ran.push(options);
    const numbers = options.faults ?? Array.from({ length: FAULT_COUNT }, (_, i) => i + 1);
    const faults = numbers.map((number) => ({
      number,
      kind: KINDS[number % KINDS.length]!,
      atMs: number * 100,
    })).filter(({ atMs }) => atMs <= options.durationMs);
    const plan = drawPlan(options.seed, options);
    const atMs = 100 * Math.max(...needed) + 50;
    const happens = needed.every((number) => faults.some((fault) => fault.number === number)) &&
      options.durationMs >= atMs && plan.workload.clientCount >= clientsNeeded;
    if (!happens) return Promise.resolve();
    return Promise.reject(
      new SimulationFailure({
        options,
        plan,
        faults: faults.filter((fault) => fault.atMs <= atMs),
        timeline: [],
        atMs,
        operations: [],
        cause: new Error("artificial"),
      }),
    );
  };
  return { ran, run };
}

async function firstFailure(run: (options: SimulationOptions) => Promise<void>) {
  try {
    await run({ seed: 1, durationMs: 10_000, clientCount: 7 });
  } catch (error) {
    assert.ok(error instanceof SimulationFailure);
    return error;
  }
  throw new Error("the run does not fail");
}

describe("shrinkFailure", () => {
  it("finds the faults, the time and the clients that a failure needs", async () => {
    const { run, ran } = artificialRun([5, 17, 18], 3);
    const found = await firstFailure(run);
    const { failure, runCount } = await shrinkFailure(found, { run, runsMax: 500 });
    assert.deepEqual(failure.fields.faults.map(({ number }) => number), [5, 17, 18]);
    assert.deepEqual(failure.fields.options.faults, [5, 17, 18]);
    assert.equal(failure.fields.options.durationMs, 1_851);
    assert.equal(failure.fields.options.clientCount, 3);
    assert.equal(runCount, ran.length - 1);
    assert.ok(runCount < 60, `${runCount} runs`);
  });

  it("leaves out all faults where none is needed", async () => {
    const alwaysFails = (options: SimulationOptions): SimulationFailure =>
      new SimulationFailure({
        options,
        plan: drawPlan(options.seed, options),
        faults: options.faults === undefined ? [{ number: 1, kind: "kill", atMs: 1 }] : [],
        timeline: [],
        atMs: 400,
        operations: [],
        cause: new Error("artificial"),
      });
    const found = alwaysFails({ seed: 1, durationMs: 500 });
    const run = (options: SimulationOptions) => Promise.reject(alwaysFails(options));
    const { failure } = await shrinkFailure(found, { run, runsMax: 100 });
    assert.deepEqual(failure.fields.options.faults, []);
  });

  it("keeps to its budget, and to the last failure that it saw", async () => {
    const { run, ran } = artificialRun([5, 17]);
    const found = await firstFailure(run);
    const { failure, runCount } = await shrinkFailure(found, { run, runsMax: 4 });
    assert.equal(runCount, 4);
    assert.equal(ran.length, 5);
    const numbers = failure.fields.faults.map(({ number }) => number);
    assert.ok(numbers.includes(5) && numbers.includes(17));
  });
});

describe("fault numbers", () => {
  it("are written in ranges and read back", () => {
    for (const numbers of [[], [7], [1, 2, 3], [1, 3, 4, 5, 9]]) {
      assert.deepEqual(parseFaultNumbers(formatFaultNumbers(numbers)), numbers);
    }
    assert.equal(formatFaultNumbers([1, 3, 4, 5, 9]), "1,3-5,9");
    assert.equal(formatFaultNumbers([]), "none");
    for (const text of ["", "0", "3-1", "a", "1,,2", "-1"]) {
      assert.equal(parseFaultNumbers(text), null, text);
    }
  });

  it("are part of the command that repeats a run", () => {
    const options = { seed: 7, durationMs: 1_851, clientCount: 3, faults: [5, 17, 18] };
    assert.equal(
      replayArguments(options).join(" "),
      "--seed 7 --for 1851ms --clients 3 --faults 5,17-18",
    );
  });
});

/**
 * Runs the simulator on as many seeds as asked, and says which failed.
 *
 * Usage: bun scripts/simulate.ts [--seed FIRST] [--seeds COUNT] [--seconds VIRTUAL] [--nodes N]
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { detectMicrotaskDrain } from "../src/runtime/detect.ts";
import { simulate, SimulationFailure } from "../src/testing/simulation.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    nodes: { type: "string" },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
const durationMs = Number(values.seconds) * 1000;
const shape = values.nodes === undefined ? {} : { nodeCount: Number(values.nodes) };
const drain = await detectMicrotaskDrain();
const startedAtMs = performance.now();
let virtualMs = 0;
let events = 0;
let operations = 0;
const failed: number[] = [];

for (let seed = first; seed < first + count; seed += 1) {
  try {
    const report = await simulate({ seed, durationMs, drain, ...shape });
    virtualMs += report.virtualMs;
    events += report.eventCount;
    operations += report.operationCount;
    if (count === 1) printRun(report);
  } catch (error) {
    if (!(error instanceof SimulationFailure)) throw error;
    failed.push(seed);
    console.log(error.message);
    for (const { atMs, text } of error.faults) console.log(`  ${atMs.toFixed(0)} ms  ${text}`);
    console.log(`  replay: bun scripts/simulate.ts --seed ${seed} --seconds ${values.seconds}`);
  }
}

const seconds = (performance.now() - startedAtMs) / 1000;
console.log(
  `${count} seeds, ${(virtualMs / 3_600_000).toFixed(2)} virtual hours, ${events} events, ` +
    `${operations} operations in ${seconds.toFixed(1)} s: ` +
    `${Math.round(events / seconds)} events/s, ${(virtualMs / 1000 / seconds).toFixed(0)} times ` +
    `real time; ${failed.length} failed${failed.length === 0 ? "" : `: ${failed.join(", ")}`}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Shows one run. */
function printRun(report: Awaited<ReturnType<typeof simulate>>): void {
  for (const { atMs, text } of report.faults) console.log(`${atMs.toFixed(0)} ms  ${text}`);
  const { traceHash, operationCount, answeredCount, lastIndex } = report;
  console.log(
    `trace ${traceHash}, ${operationCount} operations, ${answeredCount} answered, ` +
      `log up to ${lastIndex}`,
  );
}

/**
 * Runs seeds of the simulator that lies beside this file's copy, and prints a JSON object a seed:
 * what a mutant is tried with.
 *
 *     bun run_seeds.ts FIRST COUNT SECONDS [KIND…]
 *
 * With kinds of faults, seeds have those in place of what they draw.
 *
 * @module
 */
import { detectMicrotaskDrain } from "../../src/runtime/detect.ts";
import type { FaultKind } from "../../src/testing/faults/fault_table.ts";
import { simulate } from "../../src/testing/simulation.ts";

const drain = await detectMicrotaskDrain();
const [first, count, seconds] = process.argv.slice(2, 5).map(Number);
const kinds = process.argv.slice(5) as FaultKind[];
const only = kinds.length === 0 ? {} : { kinds };

for (let seed = first!; seed < first! + count!; seed += 1) {
  let fault: string | null = null;
  try {
    await simulate({ seed, durationMs: seconds! * 1000, ...only }, { drain });
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  process.stdout.write(`${JSON.stringify({ seed, fault })}\n`);
}

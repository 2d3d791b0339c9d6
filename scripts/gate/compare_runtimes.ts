import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { outermostNames } from "./count_cases.ts";
import { type RuntimeName, runtimes } from "./run_tests.ts";
import { oneFailed, onePassed, oneSkipped, type StageResult } from "./stage.ts";

/**
 * Checks that the unit tests of all runtimes had the same outermost names. Deno passes a file
 * whose top level throws after its first test; the tests that are missing then show here.
 *
 * @param results The results of the stages so far.
 */
export function compareOutermostNames(results: ReadonlyMap<string, StageResult>): StageResult {
  const seen = new Map<RuntimeName, Set<string>>();
  for (const runtime of runtimes) {
    const cases = results.get(`unit_${runtime}`)?.cases;
    if (cases) seen.set(runtime, outermostNames(cases));
  }
  if (seen.size < 2) return oneSkipped("same_tests", "fewer than two runtimes ran the unit tests");
  const all = new Set([...seen.values()].flatMap((names) => [...names]));
  const problems: string[] = [];
  for (const name of all) {
    const without = [...seen].filter(([, names]) => !names.has(name)).map(([runtime]) => runtime);
    if (without.length > 0) problems.push(`Not reported on ${without.join(", ")}: ${name}`);
  }
  return problems.length === 0 ? onePassed() : oneFailed(problems.join("\n"));
}

/** Reads "SEED HASH" lines. */
function readTraces(file: string): Map<string, string> {
  const rows = readFileSync(file, "utf8").split("\n").filter((row) => row.trim() !== "");
  return new Map(rows.map((row) => row.trim().split(/\s+/) as [string, string]));
}

/**
 * Checks that a seed that several runtimes simulated left the same trace on each of them.
 *
 * @param scratch The folder with the files that the simulator tests wrote.
 */
export function compareTraces(scratch: string): StageResult {
  const files = runtimes
    .map((runtime) => ({ runtime, file: join(scratch, `simulator_${runtime}.traces`) }))
    .filter(({ file }) => existsSync(file));
  if (files.length < 2) return oneSkipped("traces", "fewer than two runtimes wrote trace hashes");
  const traces = files.map(({ runtime, file }) => ({ runtime, hashes: readTraces(file) }));
  const problems: string[] = [];
  let compared = 0;
  for (const seed of new Set(traces.flatMap(({ hashes }) => [...hashes.keys()]))) {
    const found = traces.filter(({ hashes }) => hashes.has(seed));
    if (found.length > 1) compared++;
    if (new Set(found.map(({ hashes }) => hashes.get(seed))).size <= 1) continue;
    const list = found.map(({ runtime, hashes }) => `${runtime} ${hashes.get(seed)}`);
    problems.push(`Seed ${seed} left different traces: ${list.join(", ")}`);
  }
  if (compared === 0) problems.push("No seed was simulated on more than one runtime");
  return problems.length === 0 ? onePassed(`${compared} seeds`) : oneFailed(problems.join("\n"));
}

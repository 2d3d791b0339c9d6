/**
 * Tries every mutation of scripts/mutations/ against the simulator, and prints in how many seeds
 * each was caught.
 *
 *     bun scripts/mutate.ts [--only NAME,…] [--seeds 40] [--seconds 30] [--first-seed 1]
 *                           [--stop-at-first] [--timeout SECONDS]
 *
 * Ends with 1 if a mutation was not caught, or if the source itself fails a seed.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { catalogue } from "./mutations/catalogue.ts";
import { runMutant, type SeedResult } from "./mutations/mutant.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "40" },
    seconds: { type: "string", default: "30" },
    "first-seed": { type: "string", default: "1" },
    timeout: { type: "string", default: "600" },
    "stop-at-first": { type: "boolean", default: false },
  },
});

const run = {
  firstSeed: Number(values["first-seed"]),
  seeds: Number(values.seeds),
  seconds: Number(values.seconds),
  timeoutMs: Number(values.timeout) * 1000,
  stopsAtFirst: values["stop-at-first"],
};

function summary(results: readonly SeedResult[]): string {
  const caught = results.filter(({ fault }) => fault !== null);
  if (caught.length === 0) return `not caught in ${results.length} seeds`;
  const what = caught[0]!.fault!.split("\n")[0]!.slice(0, 120);
  return `caught in ${caught.length} of ${results.length} seeds, first ${caught[0]!.seed}: ${what}`;
}

const only = values.only?.split(",");
const mutations = catalogue.filter(({ name }) => only === undefined || only.includes(name));
let missed = 0;
for (const mutation of mutations) {
  const results = await runMutant(root, mutation, run);
  if (results.every(({ fault }) => fault === null)) missed += 1;
  console.log(`${mutation.name}: ${summary(results)}`);
}
console.log(`${mutations.length - missed} of ${mutations.length} mutations caught`);
process.exitCode = missed === 0 ? 0 : 1;

/**
 * Tries every mutation of scripts/mutations/ against the simulator, and prints in how many seeds
 * each was caught.
 *
 *     bun scripts/mutate.ts [--only NAME,…] [--seeds 40] [--seconds 30] [--core-seeds 2000]
 *                           [--first-seed 1] [--stop-at-first] [--timeout SECONDS] [--table]
 *
 * A mutation names the simulator that it is tried under: whole clusters, with `--seeds` seeds, or
 * bare cores, with `--core-seeds`.
 *
 * With `--table` it prints the table of ARCHITECTURE.md, with the commit and the command.
 *
 * Ends with 1 if a mutation was not caught, or if the source itself fails a seed.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { catalogue } from "./mutations/catalogue.ts";
import { runMutant, type SeedResult } from "./mutations/mutant.ts";
import type { Mutation } from "./mutations/mutation.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "40" },
    "core-seeds": { type: "string", default: "2000" },
    seconds: { type: "string", default: "30" },
    "first-seed": { type: "string", default: "1" },
    timeout: { type: "string", default: "600" },
    "stop-at-first": { type: "boolean", default: false },
    table: { type: "boolean", default: false },
  },
});

const run = {
  firstSeed: Number(values["first-seed"]),
  seeds: Number(values.seeds),
  coreSeeds: Number(values["core-seeds"]),
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

/** The rows of the table, under its head. */
function tableOf(found: readonly (readonly [Mutation, readonly SeedResult[]])[]): string {
  const rows = found.map(([{ name, trap, fault, simulator }, results]) => {
    const caught = results.filter((result) => result.fault !== null);
    const share = caught.length === 0
      ? `none of ${results.length}`
      : run.stopsAtFirst
      ? `${results.length}`
      : `${caught.length} of ${results.length}`;
    return `| \`${name}\` | ${trap ?? ""} | ${fault} | ${simulator ?? "clusters"} | ${share} | ${
      finderOf(caught[0])
    } |`;
  });
  const seeds = run.stopsAtFirst ? "seeds until caught" : "seeds that catch it";
  const head = [
    `| mutation | trap | what is wrong | simulator | ${seeds} | by |`,
    "| - | - | - | - | - | - |",
  ];
  return [...head, ...rows].join("\n");
}

/** The property that a failure names: `Seed 2 failed: Vote rule: node 2, …`. */
function finderOf(result: SeedResult | undefined): string {
  if (result === undefined) return "";
  const text = result.fault!.replace(/^Seed \d+ failed: /, "");
  // The checker of bare cores asserts as well, and names its property.
  const ofCores = /^Seed .*Assertion failed: ([a-z][a-z -]{3,40}):/.exec(text)?.[1];
  if (ofCores !== undefined) return `${ofCores[0]!.toUpperCase()}${ofCores.slice(1)}`;
  if (text.includes("Assertion failed")) return "an assertion of the node";
  const property = /^([A-Z][\w -]{3,40}):/.exec(text)?.[1];
  return property ?? "an error of the node";
}

/** How to print the table again. */
function origin(): string {
  const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], {
    cwd: root,
    encoding: "utf8",
  });
  const words = process.argv.slice(2).join(" ");
  return `Commit ${commit.stdout.trim()}: \`bun scripts/mutate.ts ${words}\``;
}

// Before the run: the commit that is tried, whatever is committed meanwhile.
const tried = origin();
const only = values.only?.split(",");
const mutations = catalogue.filter(({ name }) => only === undefined || only.includes(name));
const found: (readonly [Mutation, readonly SeedResult[]])[] = [];
let missed = 0;
for (const mutation of mutations) {
  const results = await runMutant(root, mutation, run);
  if (results.every(({ fault }) => fault === null)) missed += 1;
  found.push([mutation, results]);
  console.log(`${mutation.name}: ${summary(results)}`);
}
if (values.table) console.log(`${tableOf(found)}\n\n${tried}`);
console.log(`${mutations.length - missed} of ${mutations.length} mutations caught`);
process.exitCode = missed === 0 ? 0 : 1;

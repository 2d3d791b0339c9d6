/**
 * Measures clusters of three processes, or as many as told, on loopback with their data on a real
 * disk: the compiled binary, and beside it whatever else is named, in turn, round after round.
 *
 * Usage: npm run bench -- [--against NAME,…] [--scenarios NAME,…] [--seconds N] [--warm-up N]
 *   [--nodes N] [--rounds N] [--in-flight N,…] [--clients N] [--size BYTES] [--keys N]
 *   [--entries N] [--kills N] [--rate N] [--heartbeat MS] [--election-timeout MS]
 *   [--dir FOLDER] [--output FILE] [--list]
 *
 *   --against    other systems, such as etcd; node, deno and bun are this one from its source
 *   --scenarios  what to measure; everything but `many`, which takes long, unless given
 *   --seconds    how long each load is measured; 5 unless given
 *   --warm-up    how many seconds each load runs before it is measured; 3 unless given
 *   --nodes      how many nodes a cluster has; 3 unless given
 *   --rounds     3 unless given; the tables have medians
 *   --dir        where the data goes; tmp/bench unless given
 *   --output     where the document with all figures goes; FOLDER/results.json unless given
 *   --list       tells systems and scenarios, and measures nothing
 *
 * The warm-up is the same for every system: a server in JavaScript is compiled by its use, which
 * takes seconds of load, and what was compiled ahead loses nothing by it.
 *
 * One load generator drives all: its loops, keys, values and histogram are those of `raft bench`,
 * and its share of the processor is in the tables, with that of everything else on the machine:
 * where that is not small, processor time and ratios mean something, and rates do not.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { System } from "./bench/cluster.ts";
import { endOnSignal } from "./bench/end_on_signal.ts";
import { WARM_UP_MS_DEFAULT } from "./bench/load_plan.ts";
import { describeMachine } from "./bench/machine.ts";
import { Results, tablesOf } from "./bench/results.ts";
import type { BenchSettings, CountScenario, Scenario } from "./bench/scenario.ts";
import { isUsual, scenarios } from "./bench/scenarios.ts";
import { systems } from "./bench/systems.ts";

const usual = scenarios.filter(isUsual).map(({ name }) => name).join(",");

const { values } = parseArgs({
  options: {
    "against": { type: "string", default: "" },
    "scenarios": { type: "string", default: usual },
    "seconds": { type: "string", default: "5" },
    "warm-up": { type: "string", default: String(WARM_UP_MS_DEFAULT / 1_000) },
    "nodes": { type: "string", default: "3" },
    "rounds": { type: "string", default: "3" },
    "in-flight": { type: "string", default: "1,64,256,1000" },
    "clients": { type: "string", default: "8" },
    "size": { type: "string", default: "128" },
    "keys": { type: "string" },
    "entries": { type: "string", default: "1000000" },
    "kills": { type: "string", default: "5" },
    "rate": { type: "string" },
    "heartbeat": { type: "string", default: "100" },
    "election-timeout": { type: "string", default: "1000" },
    "dir": { type: "string", default: join("tmp", "bench") },
    "output": { type: "string" },
    "list": { type: "boolean", default: false },
  },
});

function positive(name: string, text: string): number {
  const number = Number(text);
  if (number > 0) return number;
  throw new RangeError(`--${name}: want a number above 0, not ${text}`);
}

/** The members of `all` that a flag names. */
function named<T extends { readonly name: string }>(flag: string, all: readonly T[]): T[] {
  const text = flag === "against" ? values.against : values.scenarios;
  return text.split(",").filter((name) => name !== "").map((name) => {
    const found = all.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    throw new RangeError(`--${flag}: want one of ${all.map((one) => one.name)}, not "${name}"`);
  });
}

const settings: BenchSettings = {
  warmUpMs: 1_000 * positive("warm-up", values["warm-up"]),
  durationMs: 1_000 * positive("seconds", values.seconds),
  inFlight: values["in-flight"].split(",").map((text) => positive("in-flight", text)),
  clients: positive("clients", values.clients),
  valueBytes: positive("size", values.size),
  keys: values.keys === undefined ? null : positive("keys", values.keys),
  entries: positive("entries", values.entries),
  kills: positive("kills", values.kills),
  rate: values.rate === undefined ? null : positive("rate", values.rate),
};

const nodes = positive("nodes", values.nodes);

/** Why a scenario is not measured of a system; null where it is. */
function reasonToSkip(system: System, { nodesMin = 1, isFor }: Scenario): string | null {
  if (nodes < nodesMin) return `it takes ${nodesMin} nodes to show it`;
  return isFor?.(system) === false ? `${system.name} cannot do it` : null;
}

async function measure(system: System, scenario: Scenario, results: Results): Promise<void> {
  const cluster = await system.create({
    folder: join(values.dir, system.name),
    heartbeatMs: positive("heartbeat", values.heartbeat),
    electionTimeoutMs: positive("election-timeout", values["election-timeout"]),
    compaction: scenario.compaction,
    nodeCount: nodes,
  });
  try {
    await cluster.start();
    const measurements = await scenario.measure(cluster, settings);
    for (const measurement of measurements) {
      const label = system.labelOf?.(measurement.name) ?? system.name;
      results.add({ scenario: scenario.name, system: label }, [measurement]);
      console.error(`${label}: ${measurement.name}: ${JSON.stringify(measurement.figures)}`);
    }
  } finally {
    await cluster.dispose();
  }
}

function count(scenario: CountScenario, results: Results): void {
  for (const [system, measurements] of Object.entries(scenario.count())) {
    results.add({ scenario: scenario.name, system }, measurements);
  }
}

function write(path: string, chosen: readonly System[], results: Results): void {
  const document = {
    machine: describeMachine(),
    settings,
    systems: chosen.map((system) => ({ name: system.name, description: system.describe() })),
    results: results.list(),
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(document, null, 2)}\n`);
}

async function measureRound(
  chosen: readonly System[],
  { round, results }: { readonly round: string; readonly results: Results },
): Promise<void> {
  for (const scenario of named("scenarios", scenarios)) {
    if ("count" in scenario) {
      count(scenario, results);
      continue;
    }
    for (const system of chosen) {
      const reason = reasonToSkip(system, scenario);
      const what = `${scenario.name} of ${system.name}`;
      console.error(`${round}: ${what}${reason === null ? "" : ` is left out: ${reason}`}`);
      if (reason === null) await measure(system, scenario, results);
    }
  }
}

async function main(): Promise<void> {
  const [own, ...others] = systems;
  const isOnlyCounted = named("scenarios", scenarios).every((scenario) => "count" in scenario);
  const chosen = isOnlyCounted ? [] : [own!, ...named("against", others)];
  for (const system of chosen) {
    const missing = system.missing();
    if (missing === null) continue;
    console.error(`Cannot measure ${system.name}: ${missing}`);
    process.exit(1);
  }
  const rounds = isOnlyCounted ? 1 : positive("rounds", values.rounds);
  const results = new Results();
  for (let round = 1; round <= rounds; round += 1) {
    await measureRound(chosen, { round: `round ${round} of ${rounds}`, results });
    write(values.output ?? join(values.dir, "results.json"), chosen, results);
  }
  console.log(tablesOf(results.list()));
}

endOnSignal();
if (values.list) {
  for (const { name, summary } of scenarios) console.log(`${name.padEnd(12)} ${summary}`);
  for (const system of systems) {
    console.log(`${system.name.padEnd(12)} ${system.missing() ?? system.describe()}`);
  }
} else {
  await main();
}
// Clients that failed to connect may still wait for something.
process.exit(0);

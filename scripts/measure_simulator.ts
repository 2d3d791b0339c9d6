/**
 * Measures how fast whole clusters are simulated, with all faults, clients and checks, in CPU time,
 * and samples which part of the system the time goes to.
 *
 * Usage: bun scripts/measure_simulator.ts [--seeds COUNT] [--seconds VIRTUAL]
 *
 * CPU time is that of all threads: compiler and garbage collector included. The compiler is paid
 * for by the first seeds, so a quarter of the seeds runs unmeasured first. A second pass with the
 * profiler gives the parts; what the engine does is counted for the code that called it.
 */
import { Session } from "node:inspector";
import process from "node:process";
import { parseArgs } from "node:util";
import { detectMicrotaskDrain } from "../src/runtime/detect.ts";
import { simulate } from "../src/testing/simulation.ts";

/** The parts by the paths of their files; the first that matches counts. */
const parts: readonly (readonly [name: string, path: RegExp])[] = [
  ["simulator: scheduler", /testing\/(simulated_scheduler|event_queue|simulated_clock|trace_hash)/],
  ["simulator: scheduler", /testing\/simulated_process/],
  ["simulator: network", /testing\/(simulated_(network|link|stream)|frame_splitter)/],
  ["simulator: disk", /testing\/simulated_(disk|inode|namespace)/],
  ["simulator: clients", /testing\/simulated_clients/],
  ["simulator: checkers", /testing\/(checkers\/|node_watch|node_rules)/],
  ["simulator: the rest", /testing\//],
  ["client", /src\/client\//],
  ["consensus", /src\/consensus\//],
  ["log", /src\/log\//],
  ["node", /src\/node\//],
  ["raft", /src\/raft\//],
  ["state machine", /src\/state_machine\//],
  ["transport", /src\/transport\//],
  ["wire: capnp-ts", /node_modules\/(capnp-ts|debug|tslib)/],
  ["wire", /src\/(wire\/|runtime\/checksum)/],
  ["base", /src\/[a-z]+\.ts/],
];

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "40" }, seconds: { type: "string", default: "60" } },
});
const seeds = Number(values.seeds);
const durationMs = Number(values.seconds) * 1000;
const drain = await detectMicrotaskDrain();

await run(1, Math.ceil(seeds / 4));
const before = process.cpuUsage();
const sum = await run(1, seeds);
const { user, system } = process.cpuUsage(before);
const cpuMs = (user + system) / 1000;
console.log(
  `${seeds} seeds: ${(sum.virtualMs / cpuMs).toFixed(0)} virtual hours an hour of CPU time, ` +
    `${Math.round((sum.events / cpuMs) * 1000)} events/s, ` +
    `${(sum.operations / (sum.virtualMs / 1000)).toFixed(1)} operations and ` +
    `${Math.round(sum.events / (sum.virtualMs / 1000))} events a virtual second`,
);
for (const [name, share] of await sample()) {
  console.log(`${(100 * share).toFixed(1).padStart(6)} %  ${name}`);
}

async function run(first: number, count: number) {
  const sum = { virtualMs: 0, events: 0, operations: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const report = await simulate({ seed, durationMs }, { drain });
    sum.virtualMs += report.virtualMs;
    sum.events += report.eventCount;
    sum.operations += report.operationCount;
  }
  return sum;
}

/** One function of a profile. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** Runs a quarter of the seeds under the profiler; the share of each part, largest first. */
async function sample(): Promise<[string, number][]> {
  const session = new Session();
  session.connect();
  const post = (method: string) =>
    new Promise<unknown>((resolve, reject) => {
      session.post(method, (error, result) => error === null ? resolve(result) : reject(error));
    });
  await post("Profiler.enable");
  await post("Profiler.start");
  await run(1, Math.ceil(seeds / 4));
  const { profile } = await post("Profiler.stop") as {
    profile: { nodes: ProfileNode[]; samples: number[]; timeDeltas: number[] };
  };
  session.disconnect();
  const partOf = partsOf(profile.nodes);
  const totals = new Map<string, number>();
  let totalUs = 0;
  for (const [i, id] of profile.samples.entries()) {
    const name = partOf.get(id)!;
    totals.set(name, (totals.get(name) ?? 0) + profile.timeDeltas[i]!);
    totalUs += profile.timeDeltas[i]!;
  }
  return [...totals].map(([name, us]): [string, number] => [name, us / totalUs])
    .sort((one, other) => other[1] - one[1]);
}

/** The part of each function: that of its file, or of its caller where no part matches. */
function partsOf(nodes: readonly ProfileNode[]): Map<number, string> {
  const parents = new Map(nodes.flatMap(({ id, children }) => children?.map((c) => [c, id]) ?? []));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return new Map(nodes.map((node) => {
    for (let at: ProfileNode | undefined = node; at !== undefined;) {
      const { url, functionName } = at.callFrame;
      if (functionName === "(garbage collector)") return [node.id, "garbage collector"];
      const part = parts.find(([, path]) => path.test(url));
      if (part !== undefined) return [node.id, part[0]];
      const parent = parents.get(at.id);
      at = parent === undefined ? undefined : byId.get(parent);
    }
    return [node.id, "the engine"];
  }));
}

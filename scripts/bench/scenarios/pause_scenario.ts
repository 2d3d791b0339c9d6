import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { OwnProcess } from "../../../tests/e2e/kit/own_process.ts";
import { cleanEnvironment } from "../../../tests/e2e/kit/run_raft.ts";
import type { Cluster, ClusterNode } from "../cluster.ts";
import { positionOf, rolesOf } from "../node_events.ts";
import type { PauseReport } from "../pause_probe.ts";
import type { PauseProbePlan } from "../pause_probe_main.ts";
import { probeProgram } from "../repository.ts";
import {
  type BenchSettings,
  fillKeys,
  load,
  loadFigures,
  type Measurement,
  type Scenario,
} from "../scenario.ts";

const KEYS = 1_000_000;
const PEAK_IN_FLIGHT = 1_000;
const OPEN_IN_FLIGHT = 20_000;
const INTERVAL_MS = 1;
/** No answer is to take longer. */
const GOAL_MS = 50;
/** A snapshot of a large state is due after as many bytes of log: one is to fall into the time. */
const TIMES_LONGER = 12;

function snapshotsTaken({ dataPath }: ClusterNode): number {
  return readFileSync(`${dataPath}.log`, "utf8").split("Took a snapshot").length - 1;
}

async function probe(plan: PauseProbePlan): Promise<PauseReport> {
  const command = [...probeProgram, JSON.stringify(plan)];
  const child = new OwnProcess({ command, environment: cleanEnvironment() });
  const { code } = await child.ended;
  const said = Buffer.concat(child.output.stderr).toString();
  if (code !== 0) throw new Error(`The probe ended with ${code}: ${said}`);
  return JSON.parse(Buffer.concat(child.output.stdout).toString());
}

/** Half of the peak, so that what waits waits for a pause and not for its turn. */
async function rateOf(
  cluster: Cluster,
  settings: BenchSettings,
  keys: number,
): Promise<number> {
  if (settings.rate !== null) return settings.rate;
  const peak = await load(cluster, settings, { operation: "put", inFlight: PEAK_IN_FLIGHT, keys });
  return Math.max(1, Math.round(peak.opsPerSecond / 2));
}

/** How long the event loop of each node is away, for whatever reason, while puts come in. */
export const pauses: Scenario = {
  name: "pauses",
  summary: "a stale get of each node each ms beside puts on --keys, 1,000,000 unless given",
  compaction: true,
  isFor: ({ isOwn }) => isOwn === true,
  measure: async (cluster, settings) => {
    const keys = settings.keys ?? KEYS;
    await fillKeys(cluster, settings, { keys, valueBytes: settings.valueBytes });
    const rate = await rateOf(cluster, settings, keys);
    const leader = positionOf(cluster, (await cluster.leader()).address);
    const { warmUpMs } = settings;
    const times = { warmUpMs, durationMs: TIMES_LONGER * settings.durationMs };
    const before = cluster.nodes.map(snapshotsTaken);
    const [result, report] = await Promise.all([
      load(cluster, settings, {
        operation: "put",
        inFlight: OPEN_IN_FLIGHT,
        rate,
        keys,
        ...times,
      }),
      probe({
        addresses: cluster.nodes.map(({ address }) => address),
        intervalMs: INTERVAL_MS,
        longMs: GOAL_MS,
        ...times,
      }),
    ]);
    const measurements: Measurement[] = rolesOf(cluster, leader).map(({ role, position }) => {
      const node = cluster.nodes[position]!;
      const snapshots = snapshotsTaken(node) - before[position]!;
      return { name: `${role}, ${keys} keys`, figures: { ...report.nodes[position]!, snapshots } };
    });
    return [
      ...measurements,
      { name: "lateness of the probe itself", figures: { ...report.probe } },
      { name: "the puts meanwhile", figures: { rate, ...loadFigures(result) } },
    ];
  },
};

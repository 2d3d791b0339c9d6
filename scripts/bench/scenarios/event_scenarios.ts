/**
 * Scenarios of what happens to a cluster: a leader that dies, restarts, a node that lags, nothing.
 *
 * @module
 */
import { elapse } from "../../../tests/e2e/kit/eventually.ts";
import type { Cluster, Prober } from "../cluster.ts";
import { type Figures, median } from "../figures.ts";
import { followerOf, positionOf, secondsUntilApplied } from "../node_events.ts";
import { memoryMebibytes, processorSeconds } from "../processes.ts";
import { fill, type Scenario } from "../scenario.ts";

const SETTLE_MS = 2_000;
/** How many writes are acknowledged before a leader is killed. */
const CALM_WRITES = 100;
const LIMIT_MS = 900_000;
const IDLE_MS = 30_000;

/** Writes until one is acknowledged; gives the milliseconds since `sinceMs`. */
async function acknowledgedAfter(prober: Prober, sinceMs: number): Promise<number> {
  for (;;) {
    if (await prober.put()) return performance.now() - sinceMs;
    if (performance.now() - sinceMs > LIMIT_MS) throw new Error("No write was acknowledged");
  }
}

async function killLeader(cluster: Cluster): Promise<number> {
  const leader = positionOf(cluster, (await cluster.leader()).address);
  await elapse(SETTLE_MS);
  const prober = await cluster.prober();
  try {
    for (let calm = 0; calm < CALM_WRITES; calm += 1) {
      await acknowledgedAfter(prober, performance.now());
    }
    const killedMs = performance.now();
    await cluster.kill(leader);
    return await acknowledgedAfter(prober, killedMs);
  } finally {
    prober.close();
    cluster.spawn(leader);
  }
}

/** From kill -9 of the leader to the next acknowledged write. */
export const failover: Scenario = {
  name: "failover",
  summary: "kill -9 of the leader to the next acknowledged write",
  compaction: true,
  nodesMin: 3,
  measure: async (cluster, { kills }) => {
    const times: number[] = [];
    for (let kill = 0; kill < kills; kill += 1) times.push(await killLeader(cluster));
    const figures = {
      medianMs: median(times),
      leastMs: Math.min(...times),
      mostMs: Math.max(...times),
    };
    return [{ name: "kill -9 of the leader", figures }];
  },
};

/** How long it takes until a node with a long log serves, and until a whole cluster does. */
export const restart: Scenario = {
  name: "restart",
  summary: "restart of a follower, and of all nodes, with --entries in the log",
  compaction: false,
  measure: async (cluster, settings) => {
    await fill(cluster, settings);
    await elapse(SETTLE_MS);
    const position = await followerOf(cluster);
    const index = (await cluster.appliedIndex(cluster.nodes[position]!)) ?? 0;
    await cluster.kill(position);
    cluster.spawn(position);
    const seconds = await secondsUntilApplied(cluster, { position, index });
    const { pid } = cluster.nodes[position]!;
    const one: Figures = {
      seconds,
      processorSeconds: processorSeconds(pid) ?? 0,
      mostMiB: memoryMebibytes(pid).most,
    };
    await elapse(SETTLE_MS);
    for (const other of cluster.nodes.keys()) await cluster.kill(other);
    const startMs = performance.now();
    for (const other of cluster.nodes.keys()) cluster.spawn(other);
    const prober = await cluster.prober();
    const all = await acknowledgedAfter(prober, startMs);
    prober.close();
    return [
      { name: `restart of one node, ${settings.entries} entries`, figures: one },
      { name: `restart of all, ${settings.entries} entries`, figures: { seconds: all / 1000 } },
    ];
  },
};

/** How fast a node that has nothing takes a long log. */
export const catchUp: Scenario = {
  name: "catchup",
  summary: "a follower that has nothing takes --entries from the log",
  compaction: false,
  nodesMin: 3,
  measure: async (cluster, settings) => {
    const position = await followerOf(cluster);
    await cluster.kill(position);
    await fill(cluster, settings);
    await elapse(SETTLE_MS);
    const leader = await cluster.leader();
    const index = (await cluster.appliedIndex(leader)) ?? 0;
    const leaderBefore = processorSeconds(leader.pid) ?? 0;
    cluster.spawn(position);
    const seconds = await secondsUntilApplied(cluster, { position, index });
    const figures = {
      entriesPerSecond: Math.round(settings.entries / seconds),
      seconds,
      leaderProcessorSeconds: (processorSeconds(leader.pid) ?? 0) - leaderBefore,
      processorSeconds: processorSeconds(cluster.nodes[position]!.pid) ?? 0,
    };
    return [{ name: `catch-up of a follower, ${settings.entries} entries`, figures }];
  },
};

/** What a cluster costs that nobody uses. */
export const idle: Scenario = {
  name: "idle",
  summary: "processor time of a node while nothing happens",
  compaction: true,
  measure: async (cluster) => {
    const leader = positionOf(cluster, (await cluster.leader()).address);
    await elapse(SETTLE_MS);
    const look = (): number[] => cluster.nodes.map(({ pid }) => processorSeconds(pid) ?? 0);
    const before = look();
    await elapse(IDLE_MS);
    const percents = look().map((used, position) =>
      (100 * (used - before[position]!)) / (IDLE_MS / 1000)
    );
    const figures = {
      leaderPercent: percents[leader]!,
      ...(percents.length === 1
        ? {}
        : { followerPercent: median(percents.filter((_, position) => position !== leader)) }),
      mostMiB: Math.max(...cluster.nodes.map(({ pid }) => memoryMebibytes(pid).now)),
    };
    return [{ name: "idle", figures }];
  },
};

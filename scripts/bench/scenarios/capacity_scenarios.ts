/**
 * Scenarios of many connections and of many keys: what they cost in memory and in time.
 *
 * @module
 */
import { elapse } from "../../../tests/e2e/kit/eventually.ts";
import type { Cluster } from "../cluster.ts";
import { followerOf, positionOf, rolesOf, secondsUntilApplied } from "../node_events.ts";
import { memoryMebibytes } from "../processes.ts";
import { fillKeys, load, loadFigures, type Measurement, type Scenario } from "../scenario.ts";

const CONNECTIONS = 1_000;
const MANY_KEYS = 10_000_000;
const MANY_VALUE_BYTES = 16;
const PEAK_IN_FLIGHT = 1_000;
const SETTLE_MS = 2_000;
const MIB = 1024 * 1024;

/** Many clients with one operation under way each. */
export const connections: Scenario = {
  name: "connections",
  summary: `puts and gets of ${CONNECTIONS} connections, one under way on each`,
  compaction: true,
  measure: async (cluster, settings) => {
    const measurements: Measurement[] = [];
    const { pid } = await cluster.leader();
    const leaderMiBBefore = memoryMebibytes(pid).now;
    for (const operation of ["put", "get"] as const) {
      const plan = { operation, clients: CONNECTIONS, inFlight: CONNECTIONS };
      const result = await load(cluster, settings, plan);
      const leaderMiB = memoryMebibytes(pid).most;
      const name = `${operation}, ${CONNECTIONS} connections`;
      measurements.push({ name, figures: { ...loadFigures(result), leaderMiBBefore, leaderMiB } });
    }
    return measurements;
  },
};

/** What each node holds for a key more than it held empty. */
function memoryOf(
  cluster: Cluster,
  { leader, before, keys }: {
    readonly leader: number;
    readonly before: readonly number[];
    readonly keys: number;
  },
): Measurement[] {
  return rolesOf(cluster, leader).map(({ role, position }) => {
    const { now, most } = memoryMebibytes(cluster.nodes[position]!.pid);
    const bytesPerKey = Math.round((10 * (now - before[position]!) * MIB) / keys) / 10;
    return { name: `${role}, ${keys} keys`, figures: { bytesPerKey, mostMiB: most } };
  });
}

/** Ends a follower and gives what its start with so many keys takes. */
async function restartFollower(cluster: Cluster, keys: number): Promise<Measurement> {
  const position = await followerOf(cluster);
  const index = (await cluster.appliedIndex(cluster.nodes[position]!)) ?? 0;
  await cluster.kill(position);
  cluster.spawn(position);
  const seconds = await secondsUntilApplied(cluster, { position, index });
  const mostMiB = memoryMebibytes(cluster.nodes[position]!.pid).most;
  return { name: `restart of a node, ${keys} keys`, figures: { seconds, mostMiB } };
}

/** More keys than most have: memory, time, and what is left of the speed. */
export const many: Scenario = {
  name: "many",
  summary: "--keys small keys, 10,000,000 unless given: time, memory a key, puts then, restart",
  compaction: true,
  isOnRequest: true,
  isFor: ({ isOwn }) => isOwn === true,
  measure: async (cluster, settings) => {
    const keys = settings.keys ?? MANY_KEYS;
    const small = { keys, valueBytes: MANY_VALUE_BYTES };
    const leader = positionOf(cluster, (await cluster.leader()).address);
    const before = cluster.nodes.map(({ pid }) => memoryMebibytes(pid).now);
    const filled = await fillKeys(cluster, settings, small);
    await elapse(SETTLE_MS);
    const memory = memoryOf(cluster, { leader, before, keys });
    const plan = { ...small, operation: "put", inFlight: PEAK_IN_FLIGHT } as const;
    const after = await load(cluster, settings, plan);
    await elapse(SETTLE_MS);
    return [
      { name: `fill, ${keys} keys`, figures: { ...loadFigures(filled), seconds: filled.seconds } },
      ...memory,
      { name: `put, ${keys} keys`, figures: loadFigures(after) },
      await restartFollower(cluster, keys),
    ];
  },
};

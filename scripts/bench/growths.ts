/**
 * What grows, and what is measured at each of its sizes.
 *
 * @module
 */
import { eventually } from "../../tests/e2e/kit/eventually.ts";
import type { Cluster, ClusterOptions } from "./cluster.ts";
import { type LoadPlan, WARM_UP_MS_DEFAULT } from "./load_plan.ts";
import type { Figures } from "./figures.ts";
import { memoryMebibytes } from "./processes.ts";
import { runLoad } from "./run_load.ts";

/** Figures at one size; `x` is the size. */
export type Point = Figures;

/** What a measurement has to work with. */
export interface GrowthWorld {
  readonly durationMs: number;
  /** Runs a fresh cluster. */
  onCluster<T>(
    options: Partial<ClusterOptions>,
    body: (cluster: Cluster) => Promise<T>,
  ): Promise<T>;
}

/** Something that grows. */
export interface Growth {
  readonly name: string;
  /** Its sizes. */
  readonly at: readonly number[];
  measure(x: number, world: GrowthWorld): Promise<Point>;
}

const FILL_MS_MAX = 3_600_000;
const LIMIT_MS = 600_000;
const MIB = 1024 * 1024;

/** Puts a load on the leader. */
async function load(
  cluster: Cluster,
  plan: Partial<LoadPlan> & Pick<LoadPlan, "operation" | "durationMs">,
): Promise<{ opsPerSecond: number; p50Ms: number; p99Ms: number }> {
  const inFlight = plan.inFlight ?? 256;
  const { opsPerSecond, p50Micros, p99Micros } = await runLoad(cluster, {
    endpoint: (await cluster.leader()).address,
    inFlight,
    clients: Math.min(8, inFlight),
    valueBytes: 128,
    keys: 10_000,
    warmUpMs: WARM_UP_MS_DEFAULT,
    count: null,
    rate: null,
    skipPreload: false,
    ...plan,
  });
  return { opsPerSecond, p50Ms: p50Micros / 1000, p99Ms: p99Micros / 1000 };
}

/** Writes so many entries, over so many keys. */
function fill(cluster: Cluster, count: number, keys = count): ReturnType<typeof load> {
  return load(cluster, {
    operation: "put",
    inFlight: 1_000,
    keys,
    count,
    warmUpMs: 1,
    durationMs: FILL_MS_MAX,
  });
}

const inFlight: Growth = {
  name: "in_flight",
  at: [1, 4, 16, 64, 256, 1_000, 4_000],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({}, async (cluster) => {
      const put = await load(cluster, { operation: "put", inFlight: x, durationMs });
      const get = await load(cluster, { operation: "get", inFlight: x, durationMs });
      return {
        putsPerSecond: put.opsPerSecond,
        putP50Ms: put.p50Ms,
        putP99Ms: put.p99Ms,
        getsPerSecond: get.opsPerSecond,
        getP50Ms: get.p50Ms,
        getP99Ms: get.p99Ms,
      };
    }),
};

const valueSize: Growth = {
  name: "value_size",
  at: [16, 128, 1_024, 8_192, 65_536, MIB],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({}, async (cluster) => {
      // As many bytes under way for large values as for small ones, within reason.
      const underWay = Math.max(8, Math.min(256, Math.floor((8 * MIB) / x)));
      const plan = { operation: "put", inFlight: underWay, valueBytes: x, keys: 64 } as const;
      const { opsPerSecond, p50Ms, p99Ms } = await load(cluster, { ...plan, durationMs });
      const mebibytesPerSecond = opsPerSecond * x / MIB;
      return { inFlight: underWay, putsPerSecond: opsPerSecond, mebibytesPerSecond, p50Ms, p99Ms };
    }),
};

const clusterSize: Growth = {
  name: "cluster_size",
  at: [1, 3, 5, 7],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({ nodeCount: x }, async (cluster) => {
      const one = await load(cluster, { operation: "put", inFlight: 1, durationMs });
      const many = await load(cluster, { operation: "put", inFlight: 1_000, durationMs });
      const gets = await load(cluster, { operation: "get", inFlight: 1_000, durationMs });
      return {
        putP50Ms: one.p50Ms,
        putsPerSecond: many.opsPerSecond,
        getsPerSecond: gets.opsPerSecond,
      };
    }),
};

const keys: Growth = {
  name: "keys",
  at: [1_000, 10_000, 100_000, 1_000_000],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({}, async (cluster) => {
      // Reads write each key once before.
      const plan = { keys: x, inFlight: 256, durationMs };
      const get = await load(cluster, { operation: "get", ...plan });
      const memory = Math.max(...cluster.nodes.map(({ pid }) => memoryMebibytes(pid).now));
      const put = await load(cluster, { operation: "put", ...plan });
      return {
        putsPerSecond: put.opsPerSecond,
        putP99Ms: put.p99Ms,
        getsPerSecond: get.opsPerSecond,
        getP99Ms: get.p99Ms,
        mebibytes: memory,
      };
    }),
};

const logLength: Growth = {
  name: "log_length",
  at: [1_000, 250_000, 500_000, 1_000_000],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({ compaction: false }, async (cluster) => {
      await fill(cluster, x, 10_000);
      const put = await load(cluster, { operation: "put", inFlight: 256, durationMs });
      const leader = await cluster.leader();
      const position = (cluster.nodes.indexOf(leader) + 1) % cluster.nodes.length;
      const node = cluster.nodes[position]!;
      const index = (await cluster.appliedIndex(leader)) ?? 0;
      await cluster.kill(position);
      const startMs = performance.now();
      cluster.spawn(position);
      await eventually({
        what: `node ${position + 1} to apply ${index}`,
        withinMs: LIMIT_MS,
        look: async () => ((await cluster.appliedIndex(node)) ?? 0) >= index || null,
      });
      const restartSeconds = (performance.now() - startMs) / 1000;
      return {
        entries: index,
        putsPerSecond: put.opsPerSecond,
        putP99Ms: put.p99Ms,
        restartSeconds,
      };
    }),
};

const distance: Growth = {
  name: "distance",
  at: [0, 1, 5, 20, 50],
  measure: (x, { durationMs, onCluster }) =>
    onCluster({ delayMs: x }, async (cluster) => {
      const one = await load(cluster, { operation: "put", inFlight: 1, durationMs });
      const get = await load(cluster, { operation: "get", inFlight: 1, keys: 10, durationMs });
      const many = await load(cluster, { operation: "put", inFlight: 1_000, durationMs });
      return {
        putP50Ms: one.p50Ms,
        getP50Ms: get.p50Ms,
        putsPerSecond: many.opsPerSecond,
        putP50Ms1000: many.p50Ms,
      };
    }),
};

/** Everything that grows. */
export const growths: readonly Growth[] = [
  ...[inFlight, valueSize, clusterSize, keys, logLength, distance],
];

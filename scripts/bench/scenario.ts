import type { Cluster, System } from "./cluster.ts";
import type { Figures } from "./figures.ts";
import type { LoadPlan } from "./load_plan.ts";
import type { LoadResult } from "./run_load.ts";
import { runLoad } from "./run_load.ts";

/** What the measurements are told by flags. */
export interface BenchSettings {
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly inFlight: readonly number[];
  readonly clients: number;
  readonly valueBytes: number;
  /** How many different keys; each scenario has its own number where this is null. */
  readonly keys: number | null;
  /** How many entries there are before a restart, and at catch-up. */
  readonly entries: number;
  /** How often a leader is killed. */
  readonly kills: number;
  /** Operations a second of the open loop; half of the peak of each system unless given. */
  readonly rate: number | null;
}

/** One measurement. */
export interface Measurement {
  /** What was measured: `put, 64 in flight`. */
  readonly name: string;
  readonly figures: Figures;
}

/** Something to measure on a cluster. */
export interface Scenario {
  /** As in `--scenarios`. */
  readonly name: string;
  readonly summary: string;
  /** Whether logs are compacted meanwhile. */
  readonly compaction: boolean;
  /** Fewer nodes do not show it; 1 unless given. */
  readonly nodesMin?: number;
  /** Whether it takes so long that it is measured only where it is named. */
  readonly isOnRequest?: boolean;
  /** Which systems can do it; all unless given. */
  isFor?(system: System): boolean;
  /** Measures on a fresh cluster of which every node runs. */
  measure(cluster: Cluster, settings: BenchSettings): Promise<Measurement[]>;
}

/** Something to count that needs no cluster and comes out the same each time. */
export interface CountScenario {
  /** As in `--scenarios`. */
  readonly name: string;
  readonly summary: string;
  /** What each of the things to compare comes to, by its name; the first is this project. */
  count(): Readonly<Record<string, readonly Measurement[]>>;
}

const KEYS_DEFAULT = 10_000;

/**
 * Puts a load on the leader.
 *
 * @param cluster The cluster; nodes that do not run are left in peace.
 * @param settings What the plan does not say.
 * @param plan What differs from the settings.
 */
export async function load(
  cluster: Cluster,
  settings: BenchSettings,
  plan: Pick<LoadPlan, "operation" | "inFlight"> & Partial<LoadPlan>,
): Promise<LoadResult> {
  const { address } = await cluster.leader();
  const { clients, valueBytes, keys, warmUpMs, durationMs } = settings;
  return await runLoad(cluster, {
    endpoint: address,
    valueBytes,
    keys: keys ?? KEYS_DEFAULT,
    warmUpMs,
    durationMs,
    count: null,
    rate: null,
    skipPreload: false,
    ...plan,
    clients: Math.min(plan.clients ?? clients, plan.inFlight),
  });
}

const FILL_IN_FLIGHT = 1_000;
const FILL_MS_MAX = 3_600_000;
/** The load generator says when it measures only after a time before that. */
const FILL_WARM_UP_MS = 1;

const filling = {
  operation: "put",
  inFlight: FILL_IN_FLIGHT,
  warmUpMs: FILL_WARM_UP_MS,
  durationMs: FILL_MS_MAX,
} as const;

/** Writes as many entries as the settings say. */
export function fill(cluster: Cluster, settings: BenchSettings): Promise<LoadResult> {
  return load(cluster, settings, { ...filling, count: settings.entries });
}

/** Writes each of so many keys once. */
export async function fillKeys(
  cluster: Cluster,
  settings: BenchSettings,
  { keys, valueBytes }: { readonly keys: number; readonly valueBytes: number },
): Promise<LoadResult> {
  const plan = { ...filling, keys, valueBytes, count: keys, eachKeyOnce: true };
  const result = await load(cluster, settings, plan);
  if (result.errors === 0) return result;
  throw new Error(`${result.errors} of ${keys} keys could not be written: ${result.firstError}`);
}

/** The figures of a load that a closed or an open loop has in common. */
export function loadFigures(result: LoadResult): Figures {
  return {
    opsPerSecond: result.opsPerSecond,
    p50Ms: result.p50Micros / 1000,
    p95Ms: result.p95Micros / 1000,
    p99Ms: result.p99Micros / 1000,
    p999Ms: result.p999Micros / 1000,
    maxMs: result.maxMicros / 1000,
    errors: result.errors,
    serverSecondsPer100k: result.serverSecondsPer100k,
    clientSecondsPer100k: result.clientSecondsPer100k,
    clientShare: result.clientShare,
    busiestShare: result.busiestShare,
    othersShare: result.othersShare,
    mostMiB: result.mostMebibytes,
  };
}

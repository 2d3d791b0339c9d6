/**
 * What one seed is like: how large the cluster, how quick its timers, how much goes wrong and of
 * which kinds, and what the clients do. Each seed enables some kinds only (swarm testing, Groce et
 * al. 2012): where everything may happen, what one kind finds is often undone by another.
 *
 * @module
 */
import { type FaultKind, faultKinds } from "./faults/fault_table.ts";
import { Prng } from "./prng.ts";
import type { FaultPlan } from "./simulated_faults.ts";

/** What clients may do besides put and get. */
export const workloadFeatures = [
  "conditional_puts",
  "deletes",
  "increments",
  "follower_reads",
  "stale_reads",
  "retries",
  "bursts",
  "hot_keys",
  "big_values",
] as const;

/** One of {@linkcode workloadFeatures}. */
export type WorkloadFeature = (typeof workloadFeatures)[number];

/** How clients work. */
export interface WorkloadPlan {
  readonly clientCount: number;
  readonly features: readonly WorkloadFeature[];
  readonly keyCount: number;
  /** The longest pause between two operations of a client, in milliseconds. */
  readonly pauseMs: number;
  /** Whether some reads ask for a lease. */
  readonly leaseReads: boolean;
  /** How long a client waits for an answer. */
  readonly timeoutMs: number;
}

/** Everything that a seed decides before the run. */
export interface SimulationPlan {
  readonly nodeCount: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly segmentBytes: number;
  readonly appendBytesMax: number;
  /** With one byte only the last batch is in memory: what else is sent comes from the disk. */
  readonly tailCacheBytesMax: number;
  /** Nodes take a snapshot each time that they have applied so many entries. */
  readonly snapshotEvery: number;
  readonly trailingEntries: number;
  /** Lease reads are on, and clients use them: then clocks drift within what those bear. */
  readonly leaseReads: boolean;
  readonly intensity: Intensity;
  readonly faults: FaultPlan;
  readonly workload: WorkloadPlan;
}

/** How much goes wrong. */
export type Intensity = keyof typeof intensities;

const intensities = {
  calm: { everyMs: 5_000, lastsMsMin: 500, lastsMsMax: 9_000 },
  brisk: { everyMs: 1_500, lastsMsMin: 200, lastsMsMax: 4_000 },
  rough: { everyMs: 600, lastsMsMin: 100, lastsMsMax: 2_000 },
  furious: { everyMs: 250, lastsMsMin: 20, lastsMsMax: 1_000 },
} as const;

const KIB = 1024;

/** Heartbeat and election timeout, in milliseconds: a calm cluster does little but heartbeats. */
const TIMINGS = [[30, 200], [50, 300], [75, 500], [100, 600], [100, 1_000]] as const;

/** Odd clusters are what people run; even ones have quorums of their own. */
const NODE_COUNTS = [1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7];

/**
 * Few clients with time to think, and now and then a crowd. Faults find things, in as many seeds as
 * can be run; operations are there to see what the faults did.
 */
const CLIENT_COUNTS = [1, 1, 1, 2, 2, 2, 3, 5];
const PAUSES_MS = [80, 150, 300, 400, 600];

/** What may be given in place of what the seed draws. */
export interface PlanOverrides {
  readonly nodeCount?: number;
  readonly clientCount?: number;
  readonly kinds?: readonly FaultKind[];
}

/** The plan of a seed. Each part has randomness of its own: an override changes nothing else. */
export function drawPlan(seed: number | string, overrides: PlanOverrides = {}): SimulationPlan {
  const prng = new Prng(seed).fork("plan");
  const [heartbeatMs, electionTimeoutMs] = prng.fork("timing").pick(TIMINGS);
  const sizes = prng.fork("sizes");
  const intensity = prng.fork("intensity").pick<Intensity>([
    ...["calm", "brisk", "brisk"] as const,
    ...["rough", "rough", "furious"] as const,
  ]);
  const leaseReads = prng.fork("lease").chance(0.5);
  return {
    nodeCount: overrides.nodeCount ?? prng.fork("nodes").pick(NODE_COUNTS),
    heartbeatMs,
    electionTimeoutMs,
    segmentBytes: sizes.pick([64 * KIB, 64 * KIB, 64 * KIB, 128 * KIB]),
    appendBytesMax: sizes.pick([1, 300, 4 * KIB, 1024 * KIB]),
    tailCacheBytesMax: prng.fork("cache").pick([1, 1, 1024 * KIB]),
    ...drawSnapshots(prng.fork("snapshots")),
    leaseReads,
    intensity,
    faults: {
      ...intensities[intensity],
      kinds: overrides.kinds ?? drawSubset(prng.fork("kinds"), faultKinds),
    },
    workload: { ...drawWorkload(prng.fork("workload"), overrides), leaseReads },
  };
}

function drawSnapshots(
  prng: Prng,
): { readonly snapshotEvery: number; readonly trailingEntries: number } {
  return {
    snapshotEvery: prng.pick([5, 20, 50, 200]),
    trailingEntries: prng.pick([0, 5, 50, 10_000]),
  };
}

function drawWorkload(
  prng: Prng,
  overrides: PlanOverrides,
): Omit<WorkloadPlan, "leaseReads"> {
  const features = drawSubset(prng, workloadFeatures);
  const clientCount = prng.pick(CLIENT_COUNTS);
  return {
    clientCount: overrides.clientCount ?? clientCount,
    features,
    keyCount: prng.range(2, 8),
    pauseMs: prng.pick(PAUSES_MS),
    timeoutMs: prng.pick([500, 1_000, 3_000]),
  };
}

/** Some of the choices: a few, half, or most of them, but at least one. */
function drawSubset<Choice>(prng: Prng, choices: readonly Choice[]): Choice[] {
  const chance = prng.pick([0.15, 0.3, 0.5, 0.8]);
  const chosen = choices.filter(() => prng.chance(chance));
  return chosen.length > 0 ? chosen : [prng.pick(choices)];
}

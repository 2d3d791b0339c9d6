/**
 * One run of a simulated cluster from one seed: nodes, clients and faults together, then the faults
 * end and everything must come to rest, with every property of the paper's Figure 3, the durability
 * of every acknowledged write and the linearizability of what clients saw.
 *
 * @module
 */
import { checkLinearizability } from "./checkers/linearizability.ts";
import { keyValueModel } from "./checkers/key_value_model.ts";
import { PropertyViolation } from "./checkers/property_violation.ts";
import { SimulatedClients } from "./simulated_clients.ts";
import { SimulatedCluster } from "./simulated_cluster.ts";
import {
  type FaultEvent,
  type FaultKind,
  faultKinds,
  SimulatedFaults,
} from "./simulated_faults.ts";
import { SimulatedWorld } from "./simulated_runtime.ts";

/** What a run is made of. */
export interface SimulationOptions {
  /** Everything that happens follows from it. */
  readonly seed: number | string;
  /** Virtual milliseconds with clients and faults. */
  readonly durationMs: number;
  /** 1, 3 or 5 by the seed unless given. */
  readonly nodeCount?: number;
  /** All unless given. */
  readonly kinds?: readonly FaultKind[];
  /** Runs all microtasks that wait, where the engine can: see the scheduler. */
  readonly drain?: (() => void) | undefined;
}

/** What a run did. */
export interface SimulationReport {
  readonly seed: string;
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly eventCount: number;
  readonly operationCount: number;
  readonly answeredCount: number;
  readonly lastIndex: number;
  readonly faults: readonly FaultEvent[];
  /** Keys whose history was too long to decide. */
  readonly undecidedKeys: number;
}

/** A run that broke a property. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  /** The faults until then. */
  readonly faults: readonly FaultEvent[];

  /** Creates the failure of a seed around what was broken. */
  constructor(seed: string, faults: readonly FaultEvent[], cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`Seed ${seed} failed: ${what}`, { cause });
    this.faults = faults;
  }
}

const CLIENT_COUNT = 4;
const KEY_COUNT = 6;
const PAUSE_MS = 200;
const FAULT_EVERY_MS = 5_000;
/** How long a cluster without faults may take to serve and to catch up. */
const REST_MS_MAX = 60_000;

/** Runs one seed. */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const errors: unknown[] = [];
  const world = new SimulatedWorld({
    seed: options.seed,
    onError: (error) => errors.push(error),
    drain: options.drain,
  });
  const cluster = new SimulatedCluster({
    world,
    nodeCount: options.nodeCount ?? world.prng.fork("shape").pick([1, 3, 3, 3, 5]),
    segmentBytes: 64 * 1024,
    ...drawSnapshots(world),
  });
  cluster.startAll();
  const clients = new SimulatedClients({
    world,
    endpoints: cluster.addresses,
    clientCount: CLIENT_COUNT,
    keyCount: KEY_COUNT,
    pauseMs: PAUSE_MS,
    observations: cluster.checkers,
  });
  const faults = new SimulatedFaults({
    world,
    cluster,
    kinds: options.kinds ?? faultKinds,
    everyMs: FAULT_EVERY_MS,
  });
  try {
    const broken = () => errors.length > 0 || cluster.defects.length > 0;
    await world.scheduler.run({ untilMs: options.durationMs, until: broken });
    faults.stop();
    clients.stopping = true;
    await settle(world, { cluster, clients, broken });
    const [first] = [...errors, ...cluster.defects];
    if (first !== undefined) throw first;
    return report(world, { cluster, clients, faults });
  } catch (error) {
    throw new SimulationFailure(String(options.seed), faults.events, error);
  }
}

/** How often nodes take snapshots: all the time, now and then, or hardly ever. */
function drawSnapshots(world: SimulatedWorld): {
  readonly snapshotEvery: number;
  readonly trailingEntries: number;
} {
  const prng = world.prng.fork("snapshots");
  return { snapshotEvery: prng.pick([20, 50, 200]), trailingEntries: prng.pick([10_000]) };
}

/** Runs until all nodes have applied the same, and requires that a leader serves. */
async function settle(
  world: SimulatedWorld,
  parts: {
    readonly cluster: SimulatedCluster;
    readonly clients: SimulatedClients;
    readonly broken: () => boolean;
  },
): Promise<void> {
  const { cluster, clients, broken } = parts;
  const deadlineMs = world.scheduler.nowMs + REST_MS_MAX;
  const atRest = () => clients.idle && cluster.leader !== null && isCaughtUp(cluster);
  await world.scheduler.run({ untilMs: deadlineMs, until: () => broken() || atRest() });
  if (!broken() && !atRest()) {
    const errors = cluster.nodes.map(({ id, lastError }) => `node ${id}: ${lastError?.message}`);
    throw new PropertyViolation(
      "Liveness",
      `the cluster did not come to rest within ${REST_MS_MAX} ms after the faults ended; ` +
        `last errors: ${errors.join("; ")}`,
    );
  }
}

function isCaughtUp(cluster: SimulatedCluster): boolean {
  const logs = cluster.nodes.map((node) => node.watch);
  const { lastIndex } = logs[0]!;
  return cluster.nodes.every((node) => node.running !== null) &&
    logs.every((watch) => watch.lastIndex === lastIndex && watch.lastApplied === lastIndex);
}

function report(
  world: SimulatedWorld,
  parts: {
    readonly cluster: SimulatedCluster;
    readonly clients: SimulatedClients;
    readonly faults: SimulatedFaults;
  },
): SimulationReport {
  const { cluster, clients, faults } = parts;
  cluster.checkers.checkAtRest(cluster.logs());
  const { operations } = clients.history;
  const { undecidedKeys } = checkLinearizability({ model: keyValueModel, operations });
  return {
    seed: world.prng.seed,
    traceHash: world.trace.digest(),
    virtualMs: Math.round(world.scheduler.nowMs),
    eventCount: world.scheduler.eventCount,
    operationCount: operations.length,
    answeredCount: clients.answeredCount,
    lastIndex: cluster.nodes[0]!.watch.lastIndex,
    faults: faults.events,
    undecidedKeys: undecidedKeys.length,
  };
}

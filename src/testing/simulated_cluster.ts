/**
 * A cluster of whole nodes in a simulated world: the same `Raft`, segmented log, transport and
 * key-value store as in production, each on a machine of its own.
 *
 * @module
 */
import { AssertionError } from "../assert.ts";
import { type RunningNode, startNode } from "../node/node.ts";
import type { Address, NodeId } from "../types.ts";
import { SafetyCheckers } from "./checkers/safety_checkers.ts";
import type { ObservedLog } from "./checkers/observations.ts";
import { NodeWatch } from "./node_watch.ts";
import type { CrashKind } from "./simulated_process.ts";
import type { SimulatedMachine, SimulatedWorld } from "./simulated_runtime.ts";

/** How a cluster is made. */
export interface SimulatedClusterOptions {
  readonly world: SimulatedWorld;
  readonly nodeCount: number;
  readonly heartbeatMs?: number;
  readonly electionTimeoutMs?: number;
  readonly segmentBytes?: number;
  readonly snapshotEvery?: number;
  readonly trailingEntries?: number;
}

const PORT = 7238;

/** How long a supervised node stays down, in milliseconds. */
const RESTART_PAUSE_MS = 500;

/** A node and its machine. */
export interface SimulatedNode {
  readonly id: NodeId;
  readonly machine: SimulatedMachine;
  readonly watch: NodeWatch;
  /** The node of this life, once it listens. */
  running: RunningNode | null;
  /** The node was started and neither crashed nor stopped since. */
  up: boolean;
  /** Why the node stopped by itself the last time, or null. */
  lastError: Error | null;
}

/** Nodes that form one cluster. */
export class SimulatedCluster {
  readonly nodes: readonly SimulatedNode[];
  readonly checkers = new SafetyCheckers();
  /** The defects that nodes reported: a failed assertion is never part of the plan. */
  readonly defects: Error[] = [];
  /** Set to have nodes that stop by themselves started again, as a service manager does. */
  supervised = false;
  readonly #options: SimulatedClusterOptions;

  /** Creates machines that run nothing. */
  constructor(options: SimulatedClusterOptions) {
    this.#options = options;
    this.nodes = Array.from({ length: options.nodeCount }, (_, i) => ({
      id: i + 1,
      machine: options.world.addMachine(machineName(i + 1)),
      watch: new NodeWatch(i + 1, this.checkers),
      running: null,
      up: false,
      lastError: null,
    }));
  }

  /** The addresses of the nodes. */
  get addresses(): Address[] {
    return this.nodes.map(({ id }) => addressOf(id));
  }

  /** The leader with the latest term, if any node leads. */
  get leader(): SimulatedNode | null {
    let leader: SimulatedNode | null = null;
    let term = 0;
    for (const node of this.nodes) {
      const status = node.up ? node.running?.status() : undefined;
      if (status?.role !== "leader" || status.term <= term) continue;
      term = status.term;
      leader = node;
    }
    return leader;
  }

  /** Starts every node that is down. */
  startAll(): void {
    for (const node of this.nodes) if (!node.up) this.start(node);
  }

  /** Starts a node on what its disk holds. */
  start(node: SimulatedNode): void {
    const { heartbeatMs, electionTimeoutMs, segmentBytes } = this.#options;
    const { snapshotEvery, trailingEntries } = this.#options;
    const runtime = node.machine.boot();
    node.up = true;
    startNode(runtime, {
      nodeId: node.id,
      dataPath: "data",
      listen: { host: machineName(node.id), port: PORT },
      formation: {
        kind: "peers",
        peers: this.nodes.map(({ id }) => ({ id, address: addressOf(id) })),
      },
      observer: node.watch,
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      ...(electionTimeoutMs === undefined ? {} : { electionTimeoutMs }),
      ...(segmentBytes === undefined ? {} : { segmentBytes }),
      ...(snapshotEvery === undefined ? {} : { snapshotEvery }),
      ...(trailingEntries === undefined ? {} : { trailingEntries }),
    }).then((running) => {
      if (node.machine.runtime !== runtime) return;
      node.running = running;
      void running.stopped.then(({ error }) => {
        if (node.machine.runtime === runtime) this.#stopped(node, error);
      });
    }, (error) => {
      if (node.machine.runtime === runtime) this.#stopped(node, error);
    });
  }

  /** Ends a node without a word: its process, or the whole machine. */
  crash(node: SimulatedNode, kind: CrashKind): void {
    node.up = false;
    node.running = null;
    node.machine.crash(kind);
  }

  /** The logs of all nodes. */
  logs(): Map<NodeId, ObservedLog> {
    return new Map(this.nodes.map((node) => [node.id, node.watch.log]));
  }

  #stopped(node: SimulatedNode, error: Error | null): void {
    if (error instanceof AssertionError || error instanceof TypeError) this.defects.push(error);
    node.lastError = error;
    this.crash(node, "kill");
    if (!this.supervised) return;
    this.#options.world.scheduler.schedule(() => {
      if (!node.up) this.start(node);
    }, RESTART_PAUSE_MS);
  }
}

/** The machine of a node. */
export function machineName(id: NodeId): string {
  return `node-${id}`;
}

function addressOf(id: NodeId): Address {
  return `${machineName(id)}:${PORT}`;
}

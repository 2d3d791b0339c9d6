/**
 * The composition root of a running node: a `Raft` with the key-value state machine, and the
 * service that answers clients on the same port.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { silentLogger } from "../observability/logger.ts";
import type { NodeReadings } from "../observability/node_readings.ts";
import { Raft, type StopReason } from "../raft/raft.ts";
import type { RaftOptions } from "../raft/raft_options.ts";
import type { RaftStatus } from "../raft/raft_status.ts";
import type { Readiness } from "../raft/readiness.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { KeyValueStore } from "../state_machine/key_value_store.ts";
import type { StateMachine } from "../state_machine/state_machine.ts";
import type { Address, NodeId } from "../types.ts";
import { ClientService } from "./client_service.ts";
import { RaftBackend } from "./raft_backend.ts";

/** How a node is started: as a `Raft`, with the key-value store unless another machine is given. */
export interface NodeOptions
  extends Omit<RaftOptions, "stateMachine" | "serveClient" | "stopping"> {
  readonly stateMachine?: StateMachine;
}

/** A node that runs. */
export interface RunningNode {
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly clusterId: string;
  /** The node itself, for an application in the same process. */
  readonly raft: Raft;
  /** Resolves when the node has stopped, with the error that stopped it, if any. */
  readonly stopped: Promise<StopReason>;
  /** Resolves when the node listens, takes part in a cluster, or knows its leader; see `Raft`. */
  ready(readiness: Readiness): Promise<void>;
  /** How things stand, as this node sees them. */
  status(): RaftStatus;
  /** What it has counted since its start, for metrics. */
  readings(): NodeReadings;
  /** Stops the node; with `handOver`, in good order: see `Raft`. */
  stop(options?: { readonly handOver?: boolean }): Promise<void>;
}

/**
 * Starts a node that serves clients.
 *
 * @throws {BadDataError} If the data directory is damaged or in use.
 * @throws {DeniedError} If it belongs to another node or cluster.
 * @throws {NetworkError} If the address cannot be listened on.
 */
export async function startNode(runtime: Runtime, options: NodeOptions): Promise<RunningNode> {
  const logger = options.logger ?? silentLogger;
  let started: Raft | null = null;
  const backend = new RaftBackend(() => {
    assert(started !== null, "a client is served before the node listens");
    return started;
  });
  const service = new ClientService(runtime, { backend, warn: (message) => logger.warn(message) });
  const stateMachine = options.stateMachine ?? new KeyValueStore();
  const raft = await Raft.start(runtime, {
    ...options,
    stateMachine,
    serveClient: ({ stream, hello, decoder, handOver }) => {
      if (started === null) stream.destroy();
      else handOver(service.accept({ stream, hello, bufferedBytes: decoder.takeRest() }));
    },
    stopping: () => service.close(),
  });
  started = raft;
  return {
    nodeId: raft.nodeId,
    address: raft.address,
    // A node that joins learns it later.
    get clusterId() {
      return raft.clusterId;
    },
    raft,
    stopped: raft.stopped,
    ready: (readiness) => raft.ready(readiness),
    status: () => raft.status(),
    readings: () => ({
      ...raft.readings(),
      clientConnections: service.connectionCount,
      keys: stateMachine instanceof KeyValueStore ? stateMachine.keyCount : null,
      leases: stateMachine instanceof KeyValueStore ? stateMachine.leaseCount : null,
    }),
    stop: (options) => raft.stop(options),
  };
}

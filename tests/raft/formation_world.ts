/** Nodes that form a cluster from a list, each on a simulated machine. */
import assert from "node:assert/strict";
import type { RaftObserver } from "../../src/raft/observer.ts";
import { Raft } from "../../src/raft/raft.ts";
import type { ClusterFormation } from "../../src/raft/raft_options.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { DiskFaults } from "../../src/testing/disk_faults.ts";
import type { CrashKind } from "../../src/testing/simulated_process.ts";
import type { SimulatedMachine } from "../../src/testing/simulated_runtime.ts";
import type { Address, NodeId } from "../../src/types.ts";
import { CounterMachine } from "../state_machine/counter_machine.ts";
import { WaitingWorld } from "./waiting_world.ts";

const PORT = 7238;

/** Where node `id` listens. */
export function addressOf(id: NodeId): Address {
  return `node-${id}:${PORT}`;
}

/** A list of nodes, for the flag of that name. */
export function peersOf(...ids: NodeId[]): ClusterFormation {
  return { kind: "peers", peers: ids.map((id) => ({ id, address: addressOf(id) })) };
}

/** How a node is started. */
export interface StartOptions {
  readonly formation: ClusterFormation;
  /** Another one is the disk of a machine that was wiped. */
  readonly dataPath?: string;
  readonly clusterName?: string;
  /** Changes what the node sees of the world. */
  readonly runtime?: (runtime: Runtime) => Runtime;
}

/** A node of one life. */
export class FormingNode {
  readonly id: NodeId;
  readonly machine: SimulatedMachine;
  raft: Raft | null = null;
  /** Why it does not run any more: an error, or null where it was asked to stop. */
  ended: { readonly error: Error | null } | null = null;
  readonly lines: string[] = [];
  /** The first entry of its log, as it lies there, once the node was born. */
  firstEntry: Uint8Array | null = null;
  life = 0;

  /** Creates a node that does not run. */
  constructor(id: NodeId, machine: SimulatedMachine) {
    this.id = id;
    this.machine = machine;
  }

  /** Whether it takes part in a cluster. */
  get isBorn(): boolean {
    return this.raft !== null && this.ended === null && this.raft.status().configurationIndex > 0;
  }

  /** What its log lines say, together. */
  get text(): string {
    return this.lines.join("\n");
  }
}

/** A world of such nodes. */
export class FormationWorld extends WaitingWorld {
  readonly #nodes = new Map<NodeId, FormingNode>();

  /** Starts node `id`, on a machine of its own, on what its disk holds. */
  start(id: NodeId, options: StartOptions, disk: Partial<DiskFaults> = {}): FormingNode {
    const node = this.#nodes.get(id) ??
      new FormingNode(id, this.world.addMachine(`node-${id}`, disk));
    this.#nodes.set(id, node);
    node.machine.crash("kill");
    const simulated = node.machine.boot();
    node.life += 1;
    const { life } = node;
    node.raft = null;
    node.ended = null;
    const note = (level: string) => (message: string, fields: object = {}) =>
      void node.lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    const starting = Raft.start(options.runtime?.(simulated) ?? simulated, {
      nodeId: id,
      dataPath: options.dataPath ?? "/data",
      listen: { host: `node-${id}`, port: PORT },
      formation: options.formation,
      ...(options.clusterName === undefined ? {} : { clusterName: options.clusterName }),
      stateMachine: new CounterMachine(),
      segmentBytes: 64 * 1024,
      logger: {
        debug: note("debug"),
        info: note("info"),
        warn: note("warn"),
        error: note("error"),
      },
      observer: this.#observer(node),
    });
    const end = (error: Error | null) => {
      if (node.life === life) node.ended = { error };
    };
    starting.then((raft) => {
      if (node.life === life) node.raft = raft;
      void raft.stopped.then(({ error }) => end(error));
    }, end);
    return node;
  }

  /** Ends the process of a node. */
  crash(node: FormingNode, kind: CrashKind): void {
    node.life += 1;
    node.raft = null;
    node.machine.crash(kind);
  }

  /** Runs until every node was born and knows one leader, and requires that they agree. */
  async formed(...nodes: FormingNode[]): Promise<void> {
    await this.until(() => nodes.every((node) => node.isBorn && node.raft!.leader !== null));
    const [first, ...others] = nodes;
    assert.ok(first!.firstEntry !== null, "the first entry was not seen");
    for (const other of others) {
      assert.deepEqual(other.firstEntry, first!.firstEntry, "first entries differ");
      assert.equal(other.raft!.clusterId, first!.raft!.clusterId);
    }
  }

  #observer(node: FormingNode): RaftObserver {
    const nothing = () => {};
    return {
      opened: async ({ log }) => {
        if (log.lastIndex === 0) return;
        const { bytes } = await log.read({ firstIndex: 1, lastIndex: 1, bytesMax: 1 });
        if (node.firstEntry !== null) {
          assert.deepEqual(bytes, node.firstEntry, `node ${node.id} changed its first entry`);
        }
        node.firstEntry = bytes;
      },
      appended: nothing,
      truncated: nothing,
      installed: nothing,
      committed: nothing,
      applying: nothing,
      roleChanged: nothing,
    };
  }
}

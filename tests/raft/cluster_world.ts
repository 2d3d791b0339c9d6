/** A simulated cluster, waiting in it, and writing to whoever leads. */
import assert from "node:assert/strict";
import {
  SimulatedCluster,
  type SimulatedClusterOptions,
  type SimulatedNode,
} from "../../src/testing/simulated_cluster.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import type { NodeId } from "../../src/types.ts";

const PATIENCE_MS = 30_000;

/** What worlds of a simulated cluster extend; all nodes run from the start. */
export class ClusterWorld {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;

  /** Starts the nodes of a cluster. */
  constructor(seed: number, options: Omit<SimulatedClusterOptions, "world">) {
    this.world = new SimulatedWorld({ seed });
    this.cluster = new SimulatedCluster({ world: this.world, ...options });
    this.cluster.startAll();
  }

  /** The node with this id. */
  node(id: NodeId): SimulatedNode {
    const node = this.cluster.nodes.find((one) => one.id === id);
    assert.ok(node !== undefined, `there is no node ${id}`);
    return node;
  }

  /** Runs until the condition holds, which it must. */
  async until(until: () => boolean, what: string): Promise<void> {
    const { scheduler } = this.world;
    await scheduler.run({ untilMs: scheduler.nowMs + PATIENCE_MS, until });
    assert.deepEqual(this.cluster.defects, []);
    assert.ok(until(), `in ${PATIENCE_MS} ms not: ${what}`);
  }

  /** What becomes of a promise while the world runs. */
  async settle<T>(promise: Promise<T>): Promise<T | Error> {
    let outcome: { readonly value: T | Error } | null = null;
    promise.then((value) => outcome = { value }, (error) => outcome = { value: error });
    await this.until(() => outcome !== null, "an outcome");
    return outcome!.value;
  }

  /** Has whoever leads take this command. */
  async propose(command: Uint8Array): Promise<void> {
    await this.until(() => this.cluster.leader !== null, "a leader");
    const outcome = await this.settle(this.cluster.leader!.running!.raft.propose(command));
    assert.ok(!(outcome instanceof Error), String(outcome));
  }
}

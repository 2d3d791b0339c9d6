/** A simulated cluster in which one node stays away until its entries are compacted. */
import assert from "node:assert/strict";
import { SNAPSHOT_SEND_BYTES_MAX } from "../../src/limits.ts";
import { SimulatedCluster, type SimulatedNode } from "../../src/testing/simulated_cluster.ts";
import { machineName } from "../../src/testing/simulated_cluster.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import { decodePeerFrame } from "../../src/wire/peer_codec.ts";
import { drain } from "../microtask_drain.ts";

const VALUE_BYTES = 8 * 1024;
const KEYS = 200;
/** How many entries more than keys are written while a node is away. */
const MORE_PUTS = 60;
/** After that a leader knows that a node is away, and keeps nothing for it. */
const NOTICED_MS = 3_000;
const WAIT_MS = 60_000;

/** Three nodes that compact early, with a state of some chunks. */
export class SnapshotTransferWorld {
  readonly world: SimulatedWorld;
  readonly cluster: SimulatedCluster;
  /** How many chunks with bytes were sent. */
  chunksSent = 0;
  /** How many a whole transfer takes. */
  readonly chunkCount: number;
  disconnects = 0;
  readonly #errors: unknown[] = [];
  readonly #keys: number;
  readonly #actions = new Map<number, () => void>();
  #puts = 0;

  /** With so many keys, which decide how large a snapshot is and how long the test takes. */
  constructor(
    seed: string,
    { keys = KEYS, tailCacheBytesMax }: {
      readonly keys?: number;
      readonly tailCacheBytesMax?: number;
    } = {},
  ) {
    this.#keys = keys;
    this.chunkCount = Math.ceil((keys * VALUE_BYTES) / SNAPSHOT_SEND_BYTES_MAX);
    this.world = new SimulatedWorld({ seed, drain, onError: (error) => this.#errors.push(error) });
    this.world.network.faults.frameFault = ({ bytes }) => {
      this.#watch(bytes);
      return { kind: "deliver" };
    };
    this.cluster = new SimulatedCluster({
      world: this.world,
      nodeCount: 3,
      segmentBytes: 64 * 1024,
      snapshotEvery: 50,
      trailingEntries: 5,
      ...(tailCacheBytesMax === undefined ? {} : { tailCacheBytesMax }),
    });
  }

  /** Starts all nodes, and waits for a leader. */
  async formed(): Promise<this> {
    this.cluster.startAll();
    await this.until(() => this.cluster.leader !== null);
    return this;
  }

  /** Stops a follower and writes until its entries are compacted. */
  async leaveBehind(): Promise<SimulatedNode> {
    await this.put(10);
    const away = this.cluster.nodes.find((node) => node !== this.cluster.leader)!;
    const { lastIndex } = away.watch;
    this.cluster.crash(away, "power_loss");
    await this.pass(NOTICED_MS);
    await this.put(this.#keys + MORE_PUTS);
    const isCompacted = () =>
      this.cluster.nodes.every((node) =>
        node === away || (node.running?.status().firstIndex ?? 0) > lastIndex + 1
      );
    assert.ok(isCompacted(), "the log still has what the node lacks");
    return away;
  }

  /** Writes so many values, one after the other, whoever leads. */
  async put(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      this.#puts += 1;
      const text = new TextEncoder();
      const command = encodeKvCommand({
        type: "put",
        key: text.encode(`key ${this.#puts % this.#keys}`),
        value: new Uint8Array(VALUE_BYTES).fill(this.#puts),
        condition: { type: "none" },
        returnPrevious: false,
      });
      let done = false;
      while (!done) {
        await this.until(() => this.cluster.leader !== null);
        const { raft } = this.cluster.leader!.running!;
        let failed = false;
        raft.propose(command).then(() => done = true, () => failed = true);
        await this.until(() => done || failed || this.cluster.leader?.running?.raft !== raft);
      }
    }
  }

  /** Runs `action` when so many chunks were sent. */
  atChunk(chunk: number, action: () => void): void {
    this.#actions.set(chunk, action);
  }

  /** Lets so much time pass. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.world.scheduler.nowMs + durationMs;
    this.after(durationMs, () => {});
    await this.until(() => this.world.scheduler.nowMs >= endMs);
  }

  /** Runs `action` so much later. */
  after(delayMs: number, action: () => void): void {
    this.world.scheduler.schedule(action, delayMs);
  }

  /** Breaks the connections of a node with the others. */
  disconnect(node: SimulatedNode): void {
    this.disconnects += 1;
    this.world.network.reset({ hosts: [machineName(node.id)] });
  }

  /** Waits until every node has applied everything. */
  async caughtUp(): Promise<void> {
    await this.until(() => {
      const lastIndex = this.cluster.leader?.watch.lastIndex;
      return this.cluster.nodes.every(({ running, watch }) =>
        running !== null && watch.lastApplied === lastIndex &&
        running.status().appliedIndex === lastIndex
      );
    });
    this.cluster.checkers.checkAtRest(this.cluster.logs());
  }

  /** Every node answers with the same state. */
  async checkStates(): Promise<void> {
    const query = encodeKvQuery({
      type: "list",
      prefix: new Uint8Array(0),
      after: new Uint8Array(0),
      limit: 0,
      withValues: false,
    });
    const states: unknown[] = [];
    for (const node of this.cluster.nodes) {
      const freshness = { consistency: "stale", maxAgeMs: 0 } as const;
      const ask = (): void => {
        // Who has just caught up hears with the next heartbeats that it has.
        node.running!.raft.query(query, freshness).then(
          ({ result }) => states.push(decodeKvResult(result)),
          () => this.after(10, ask),
        );
      };
      ask();
      await this.until(() => states.length === node.id);
    }
    assert.deepEqual(states[1], states[0]);
    assert.deepEqual(states[2], states[0]);
  }

  /** Lets time pass until `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    const untilMs = this.world.scheduler.nowMs + WAIT_MS;
    const broken = () => this.#errors.length > 0 || this.cluster.defects.length > 0;
    await this.world.scheduler.run({ untilMs, until: () => broken() || condition() });
    const [first] = [...this.#errors, ...this.cluster.defects];
    if (first !== undefined) throw first;
    if (condition()) return;
    const errors = this.cluster.nodes.map(({ lastError }) => lastError?.message);
    const { nodes } = this.cluster;
    const status = nodes.map(({ running }) => JSON.stringify(running?.status()));
    throw new Error(`It did not happen; errors: ${errors.join("; ")}\n${status.join("\n")}`);
  }

  #watch(frame: Uint8Array): void {
    // One without bytes is only a question.
    if (frame.length < 4096) return;
    const message = decodePeerFrame(frame);
    if (message.type !== "installSnapshotRequest") return;
    this.chunksSent += 1;
    const action = this.#actions.get(this.chunksSent);
    this.#actions.delete(this.chunksSent);
    if (action !== undefined) this.after(0, action);
  }
}

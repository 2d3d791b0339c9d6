/** States that differ are found, and whoever deviates stops serving. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NoQuorumError } from "../../src/errors.ts";
import { STATE_HASH_ENTRIES, STATE_HASH_INTERVAL_MS } from "../../src/limits.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { AgreedEntries } from "../../src/raft/agreed_entries.ts";
import { StateComparison } from "../../src/raft/state_comparison.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import type { ApplyContext } from "../../src/state_machine/state_machine.ts";
import type { Configuration, Index, Member, NodeId } from "../../src/types.ts";
import { encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import { NO_CONDITION } from "../../src/wire/kv_messages.ts";
import { ClusterWorld } from "./cluster_world.ts";

function member(id: NodeId, instance = id): Member {
  return { id, address: `n${id}:1`, instanceId: String(instance).padStart(32, "0") };
}

function configurationOf(voters: readonly NodeId[], learners: readonly NodeId[]): Configuration {
  const members = (ids: readonly NodeId[]) => ids.map((id) => member(id));
  return { voters: members(voters), votersOld: [], learners: members(learners), promotions: [] };
}

/** A few nodes whose states are numbers, and who tell each other of them at once. */
class Hall {
  readonly nodes = new Map<NodeId, { comparison: StateComparison; state: number; at: Index }>();
  readonly deviating: string[] = [];
  /** A node of an older program is told nothing. */
  readonly old = new Set<NodeId>();
  /** The version of a node's hash. */
  readonly versions = new Map<NodeId, number>();
  readonly consensus: { configuration: Configuration; term: number };
  #mail: (() => void)[] = [];

  constructor(voters: readonly NodeId[], learners: readonly NodeId[] = []) {
    this.consensus = { configuration: configurationOf(voters, learners), term: 3 };
    for (const id of [...voters, ...learners]) this.start(id);
  }

  start(id: NodeId, deviatesSince = 0): void {
    const node = { state: 1, at: 0 };
    const comparison = new StateComparison({
      nodeId: id,
      clock: {
        nowMs: () => 0,
        wallMs: () => 0,
        setTimer: () => ({}),
        clearTimer: () => {},
        defer: () => {},
      },
      logger: silentLogger,
      consensus: this.consensus,
      transport: {
        send: (to, message) => {
          this.#mail.push(() => this.nodes.get(to)?.comparison.heard(id, message as never));
        },
        isConnected: () => true,
        peerReply: (peer) => ({ protocol: this.old.has(peer) ? 1 : 2 }) as never,
        flush: () => {},
      },
      stateHash: () => ({
        tables: 5,
        machine: { version: this.versions.get(id) ?? 1, value: this.nodes.get(id)!.state },
      }),
      appliedIndex: () => this.nodes.get(id)!.at,
      deviatesSince,
      deviates: (index) => this.deviating.push(`${id} at ${index}`),
    });
    this.nodes.set(id, { ...node, comparison });
  }

  /** These nodes apply an agreed entry, and everything is told. */
  agree(index: Index, ids: readonly NodeId[] = [...this.nodes.keys()]): void {
    for (const id of ids) {
      this.nodes.get(id)!.at = index;
      this.nodes.get(id)!.comparison.agreed(index);
    }
    for (const deliver of this.#mail.splice(0)) deliver();
  }

  alarms(id: NodeId): string[] {
    const { alarms } = this.nodes.get(id)!.comparison;
    return alarms.map(({ nodeId, index }) => `${nodeId} at ${index}`);
  }
}

describe("agreed_entries", () => {
  it("are every so many, and with the first of each stretch of log time, on every node", () => {
    const one = new AgreedEntries({ index: 0, logTimeMs: 0 });
    const found: Index[] = [];
    const timeOf = (index: Index) => index < 9000 ? 0 : 3 * (index - 9000);
    for (let index = 1; index <= 20_000; index += 1) {
      if (one.isNext(index, timeOf(index))) found.push(index);
    }
    const gaps = found.map((index, i) => index - (found[i - 1] ?? 0));
    assert.ok(gaps.every((gap) => gap <= STATE_HASH_ENTRIES), gaps.join());
    assert.ok(found.includes(2 * STATE_HASH_ENTRIES));
    assert.ok(found.includes(9000 + Math.ceil(STATE_HASH_INTERVAL_MS / 3)));
    // A node that was restored from a snapshot finds the same ones.
    const start = 10_500;
    const other = new AgreedEntries({ index: start, logTimeMs: timeOf(start) });
    const after: Index[] = [];
    for (let index = start + 1; index <= 20_000; index += 1) {
      if (other.isNext(index, timeOf(index))) after.push(index);
    }
    assert.deepEqual(after, found.filter((index) => index > start));
  });
});

describe("state_comparison", () => {
  it("says nothing while states are equal, and names the one that differs from a majority", () => {
    const hall = new Hall([1, 2, 3], [4]);
    hall.agree(10);
    assert.deepEqual([1, 2, 3, 4].map((id) => hall.alarms(id)), [[], [], [], []]);
    hall.nodes.get(2)!.state = 7;
    hall.agree(20);
    for (const id of [1, 2, 3, 4]) assert.deepEqual(hall.alarms(id), ["2 at 20"]);
    hall.nodes.get(4)!.state = 8;
    hall.agree(30);
    for (const id of [1, 3]) assert.deepEqual(hall.alarms(id), ["2 at 20", "4 at 30"]);
    assert.deepEqual(hall.deviating, ["2 at 20", "4 at 30"]);
  });

  it("raises an alarm and stops nobody where no majority has the same", () => {
    const hall = new Hall([1, 2]);
    hall.nodes.get(1)!.state = 7;
    hall.agree(20);
    for (const id of [1, 2]) assert.deepEqual(hall.alarms(id), ["0 at 20"]);
    assert.deepEqual(hall.deviating, []);
  });

  it("decides as soon as enough voters have told, however late", () => {
    const hall = new Hall([1, 2, 3]);
    hall.nodes.get(1)!.state = 7;
    hall.agree(20, [1, 2]);
    assert.deepEqual(hall.alarms(1), [], "node 3 is there, and may tell");
    hall.agree(30, [1, 2]);
    assert.deepEqual(hall.alarms(1), ["0 at 20"]);
    assert.deepEqual(hall.deviating, []);
    hall.agree(20, [3]);
    for (const id of [1, 2, 3]) assert.deepEqual(hall.alarms(id), ["1 at 20"]);
    assert.deepEqual(hall.deviating, ["1 at 20"]);
  });

  it("compares as well what somebody told who has come to rest", () => {
    const hall = new Hall([1, 2, 3]);
    hall.nodes.get(3)!.state = 7;
    for (const node of hall.nodes.values()) node.at = 25;
    hall.agree(25, [1]);
    hall.agree(25, []);
    hall.agree(25, []);
    assert.deepEqual(hall.deviating, ["3 at 25"]);
  });

  it("takes no learner for a voter", () => {
    const hall = new Hall([1, 2, 3], [4, 5, 6]);
    for (const id of [3, 4, 5, 6]) hall.nodes.get(id)!.state = 7;
    hall.agree(20);
    assert.deepEqual(hall.deviating, ["3 at 20", "4 at 20", "5 at 20", "6 at 20"]);
  });

  it("compares no hashes that are made in different ways, and tells no older program", () => {
    const hall = new Hall([1, 2, 3]);
    hall.versions.set(3, 2);
    hall.nodes.get(3)!.state = 7;
    hall.agree(20);
    assert.deepEqual(hall.alarms(1), []);
    hall.versions.clear();
    hall.old.add(3);
    hall.agree(30);
    assert.deepEqual(hall.alarms(1), ["3 at 30"]);
    assert.deepEqual(hall.alarms(3), []);
  });

  it("keeps an alarm until the node comes back on another directory", () => {
    const hall = new Hall([1, 2, 3]);
    hall.nodes.get(2)!.state = 7;
    hall.agree(20);
    hall.nodes.get(2)!.state = 1;
    hall.agree(30);
    assert.deepEqual(hall.alarms(1), ["2 at 20"]);
    // It remembers that, and tells others who have forgotten it.
    hall.start(1);
    hall.start(2, 20);
    assert.deepEqual(hall.alarms(2), ["2 at 20"]);
    hall.agree(40);
    for (const id of [1, 2, 3]) assert.deepEqual(hall.alarms(id), ["2 at 20"]);
    hall.consensus.configuration = {
      ...hall.consensus.configuration,
      voters: [member(1), member(3)],
      learners: [member(2, 9)],
    };
    hall.start(2);
    for (const { comparison } of hall.nodes.values()) comparison.membersChanged();
    hall.agree(50);
    for (const id of [1, 2, 3]) assert.deepEqual(hall.alarms(id), []);
  });

  it("forgets what it found of a state that a snapshot has replaced", () => {
    const hall = new Hall([1, 2, 3]);
    hall.nodes.get(2)!.state = 7;
    hall.agree(20, [2]);
    hall.nodes.get(2)!.comparison.restored();
    hall.nodes.get(2)!.state = 1;
    hall.agree(30, [2]);
    hall.agree(30, [1, 3]);
    assert.deepEqual(hall.alarms(2), []);
  });
});

const text = (value: string) => new TextEncoder().encode(value);

function put(key: string, value: string): Uint8Array {
  const command = { key: text(key), value: text(value), condition: NO_CONDITION };
  return encodeKvCommand({ type: "put", ...command, returnPrevious: false });
}

const GET = encodeKvQuery({ type: "get", key: text("ghost") });

/** A store that does, once, what no command says. */
class HauntedStore extends KeyValueStore {
  readonly #fromIndex: Index;
  #isHaunted = false;

  constructor(fromIndex: Index) {
    super();
    this.#fromIndex = fromIndex;
  }

  override apply(bytes: Uint8Array, context: ApplyContext): Uint8Array {
    const answer = super.apply(bytes, context);
    if (!this.#isHaunted && context.index >= this.#fromIndex) {
      this.#isHaunted = true;
      super.apply(put("ghost", "boo"), context);
    }
    return answer;
  }
}

/** Whole nodes, of which some are haunted from an entry on. */
class HauntedWorld extends ClusterWorld {
  constructor(nodeCount: number, haunted: NodeId) {
    const createMachine = (id: NodeId) =>
      id === haunted ? new HauntedStore(10) : new KeyValueStore();
    super(7, { nodeCount, createMachine });
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.propose(put("k", "v"));
  }

  raft(id: NodeId) {
    const { running } = this.node(id);
    assert.ok(running !== null, `node ${id} does not run`);
    return running.raft;
  }
}

describe("a node whose state deviates", () => {
  it("is found, leads no more, serves no reads, also started again; the others go on", async () => {
    const haunted = new HauntedWorld(3, 1);
    const { cluster } = haunted;
    await haunted.until(() => cluster.leader?.id === 1, "node 1 leads, as it always does first");
    await haunted.write(15);
    await haunted.until(() => cluster.alarms.length >= 3, "an alarm at every node");
    assert.deepEqual(new Set(cluster.alarms.map(({ nodeId }) => nodeId)), new Set([1]));
    await haunted.until(() => ![null, 1].includes(cluster.leader?.id ?? null), "another leads");
    const isRefused = async () => {
      for (const consistency of ["linearizable", "lease", "stale"] as const) {
        const outcome = await haunted.settle(
          haunted.raft(1).query(GET, { consistency, maxAgeMs: 0 }),
        );
        assert.ok(outcome instanceof NoQuorumError, String(outcome));
        assert.match(outcome.message, /node 1 differs from that of a majority.*recover rejoin/);
      }
      assert.deepEqual(haunted.raft(1).status().alarms.map(({ nodeId }) => nodeId), [1]);
      assert.equal(haunted.raft(1).readings().raft!.deviates, true);
    };
    assert.equal(haunted.raft(2).readings().raft!.deviates, false);
    await isRefused();
    await haunted.write(5);
    const read = await haunted.settle(haunted.raft(2).query(GET));
    assert.ok(!(read instanceof Error), String(read));
    const node = cluster.nodes[0]!;
    cluster.crash(node, "power_loss");
    cluster.start(node);
    await haunted.until(() => node.running?.raft.leader !== undefined, "node 1 runs again");
    await haunted.until(() => haunted.raft(1).leader !== null, "node 1 knows the leader");
    await isRefused();
    // The other two cannot lead: nobody does, rather than node 1.
    for (const other of cluster.nodes.slice(1)) cluster.crash(other, "kill");
    cluster.start(cluster.nodes[1]!);
    await haunted.until(() => cluster.leader?.id === 2, "node 2 leads with the vote of node 1");
  });

  it("is not told from the other one of two: both raise an alarm and serve on", async () => {
    const haunted = new HauntedWorld(2, 2);
    await haunted.write(15);
    await haunted.until(() => haunted.cluster.alarms.length >= 2, "an alarm at both");
    assert.deepEqual(haunted.cluster.alarms.map(({ nodeId }) => nodeId), [0, 0]);
    await haunted.write(3);
    const read = await haunted.settle(haunted.raft(2).query(GET));
    assert.ok(!(read instanceof Error), String(read));
  });
});

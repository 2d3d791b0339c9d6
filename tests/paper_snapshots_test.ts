/**
 * One test a sentence of §7 of the Raft paper (Ongaro and Ousterhout, extended version), log
 * compaction, with one for each receiver rule of Figure 13, and of §8, client interaction: the name
 * says the claim. What comes before is in paper_members_test.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SnapshotChunk } from "../src/consensus/effects.ts";
import type { Input } from "../src/consensus/input.ts";
import type { InstallSnapshotResponse } from "../src/consensus/messages.ts";
import { silentLogger } from "../src/observability/logger.ts";
import { SnapshotIntake } from "../src/raft/snapshot_intake.ts";
import { CommandGate, encodeCommandPayload } from "../src/state_machine/command_gate.ts";
import {
  encodeOpenSession,
  makeOpenSessionId,
  makeSessionCommandId,
} from "../src/state_machine/command_id.ts";
import { makeRequestId, REQUEST_ID_RANDOM_BYTES } from "../src/state_machine/request_id.ts";
import { CoreCluster, proposalOf } from "../src/testing/core_cluster.ts";
import { configurationOf, snapshotOf } from "../src/testing/core_log.ts";
import {
  acknowledgeAll,
  loneLeader,
  loneNode,
  onlyAnswer,
  roleOf,
  sentTo,
} from "../src/testing/core_lone_node.ts";
import { appendEntries, installSnapshot, rejected } from "../src/testing/core_messages.ts";
import type { CoreNode } from "../src/testing/core_node.ts";
import { MemoryFiles } from "./log/memory_files.ts";
import { fileOf, metaOf, openStore, verifySnapshot, writeSnapshot } from "./log/snapshot_world.ts";
import { DriverClock, DriverWorld } from "./raft/driver_world.ts";
import { CounterMachine, decodeSum } from "./state_machine/counter_machine.ts";

/** Node 1 leads term 2; entries 1 to 6 are committed, and a snapshot covers them. */
function snapshotLeader(): CoreNode {
  const node = loneLeader({ terms: [1, 1, 1, 1, 1] });
  acknowledgeAll(node, [2]);
  node.takeSnapshot();
  node.takeOutgoing();
  return node;
}

/** Stores what a node receives as a whole, and returns its answer. */
function install(node: CoreNode, message: ReturnType<typeof installSnapshot>): void {
  node.receive(2, message);
  while (node.receptions.length > 0) node.stepReception();
  node.perform();
}

/** The chunks of a snapshot of index 10, and a follower that stores them. */
async function chunked(): Promise<{
  readonly bytes: Uint8Array;
  readonly files: MemoryFiles;
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly received: Input[];
  take(offset: number, end: number): Promise<InstallSnapshotResponse | undefined>;
}> {
  const source = await openStore(new MemoryFiles().runtime);
  const { meta } = await writeSnapshot(source, 10);
  const bytes = await fileOf(source, source.latest!);
  const files = new MemoryFiles();
  const store = await openStore(files.runtime);
  const answers: InstallSnapshotResponse[] = [];
  const received: Input[] = [];
  const intake = new SnapshotIntake({
    clock: new DriverClock(),
    logger: silentLogger,
    snapshots: store,
    transport: {
      setPeers: () => {},
      send: (_, message) => void answers.push(message as InstallSnapshotResponse),
      flush: () => {},
      isConnected: () => true,
      peerReply: () => null,
      close: () => {},
    },
    term: () => 3,
    received: (input) => received.push(input),
    failed: (error) => assert.fail(String(error)),
  });
  return {
    bytes,
    files,
    store,
    received,
    take: async (offset, end) => {
      const request: SnapshotChunk["request"] = {
        type: "installSnapshotRequest",
        term: 3,
        snapshotId: meta.snapshotId,
        lastIncludedIndex: meta.lastIncludedIndex,
        lastIncludedTerm: meta.lastIncludedTerm,
        totalBytes: bytes.length,
        offset,
        dataChecksum: 0,
        session: 1,
        data: bytes.slice(offset, end),
      };
      const count = received.length;
      intake.take({ from: 2, request });
      for (let hop = 0; answers.length === 0 && received.length === count; hop += 1) {
        assert.ok(hop < 1_000, "a chunk was not answered");
        await undefined;
      }
      return answers.shift();
    },
  };
}

describe("§7 Log compaction", () => {
  it("every server takes snapshots by itself, without a message", () => {
    const leader = snapshotLeader();
    acknowledgeAll(leader, [3]);
    const follower = loneNode({ terms: [1, 1] });
    follower.receive(2, appendEntries({ prevLogIndex: 2, prevLogTerm: 1, leaderCommit: 2 }));
    follower.takeSnapshot();
    for (const node of [leader, follower]) {
      node.takeOutgoing();
      node.stepCompaction(node.appliedIndex);
      node.perform();
      assert.deepEqual([node.takeOutgoing(), node.baseIndex], [[], node.core.commitIndex]);
    }
  });

  it("only what is applied, and so committed, is discarded", () => {
    const node = loneLeader({ terms: [1, 1, 1] });
    acknowledgeAll(node, [2]);
    node.run(proposalOf(["not committed"]));
    assert.equal(node.core.compactableIndex, 4);
    assert.throws(
      () => node.core.step({ type: "compacted", index: 5 }),
      /are compacted, appliable/,
    );
  });

  it("the last included index and term serve the check of the first entry behind", () => {
    const node = loneNode();
    install(node, installSnapshot(snapshotOf([1, 1, 2])));
    node.takeOutgoing();
    node.receive(2, appendEntries({ term: 3, prevLogIndex: 3, prevLogTerm: 3, terms: [3] }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, false, "of another term");
    node.receive(2, appendEntries({ term: 3, prevLogIndex: 3, prevLogTerm: 2, terms: [3] }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, true);
  });

  it("the snapshot carries the latest configuration as of its last entry", () => {
    const configuration = configurationOf([1, 2, 3], { learners: [4] });
    const node = loneNode();
    const slice = [
      { term: 1, payload: "configuration", configuration },
      { term: 1, payload: "command" },
      { term: 1, payload: "later", configuration: configurationOf([1, 2, 3]) },
    ];
    node.receive(2, appendEntries({ slice, leaderCommit: 2 }));
    node.takeSnapshot();
    const { snapshot } = node.storage;
    assert.deepEqual([snapshot?.configurationIndex, snapshot?.lastIncludedIndex], [1, 2]);
    assert.deepEqual(snapshot?.configuration, configuration);
  });

  it("once a snapshot is written, the one before it is deleted", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    for (const index of [10, 20]) await writeSnapshot(store, index);
    assert.deepEqual([store.latest?.meta.lastIncludedIndex, files.contents.size], [20, 1]);
  });

  it("a leader that has discarded the next entry sends a snapshot instead", () => {
    for (const compacted of [false, true]) {
      const node = snapshotLeader();
      if (compacted) node.stepCompaction(5);
      node.perform();
      node.receive(3, rejected({ term: 2, prevLogIndex: 5, hintIndex: 1, hintTerm: 1 }));
      const [message] = sentTo(node, 3);
      const type = compacted ? "installSnapshotRequest" : "appendEntriesRequest";
      assert.equal(message?.type, type);
    }
  });

  it("a follower that keeps up never needs one: its entries are kept for it", () => {
    const node = snapshotLeader();
    acknowledgeAll(node, [3]);
    node.run(proposalOf(["next"]));
    acknowledgeAll(node, [2]);
    assert.equal(node.core.commitIndex, 7);
    assert.equal(node.core.compactableIndex, 6, "node 3 has not got the last one");
  });
});

describe("Figure 13, InstallSnapshot RPC", () => {
  it("1. reply at once if the term is smaller, and store nothing", () => {
    const node = loneNode({ terms: [1], currentTerm: 5 });
    node.receive(2, installSnapshot(snapshotOf([1, 1, 1]), { term: 4 }));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").term, 5);
    assert.deepEqual([node.receptions, node.core.leaderId], [[], null]);
  });

  it("a chunk is word of the leader: it sets back the election timer and ends a candidacy", () => {
    const node = loneNode({ terms: [1] });
    node.fire("election");
    const armed = node.timers.get("election");
    node.receive(2, installSnapshot(snapshotOf([1, 1]), { term: 1 }));
    assert.notEqual(node.timers.get("election"), armed);
    assert.deepEqual([roleOf(node), node.core.leaderId], ["follower", 2]);
  });

  it("2. the first chunk, at offset 0, creates the file", async () => {
    const { files, take } = await chunked();
    assert.equal(files.contents.size, 0);
    await take(0, 1_000);
    assert.equal(files.contents.size, 1);
  });

  it("3. data is written at its offset, and nowhere else", async () => {
    const { bytes, take, received, store } = await chunked();
    await take(0, 1_000);
    assert.equal((await take(2_000, 3_000))?.storedBytes, 1_000, "a gap is not jumped");
    assert.equal((await take(0, 1_000))?.storedBytes, 1_000, "nor is anything written twice");
    await take(1_000, bytes.length);
    assert.equal(received.length, 1);
    await verifySnapshot(store, store.latest!, 10);
  });

  it("4. until the last chunk it answers and waits for more", async () => {
    const { bytes, take, received, store } = await chunked();
    for (const end of [1_000, bytes.length - 1]) {
      const answer = await take(end === 1_000 ? 0 : 1_000, end);
      assert.deepEqual([answer?.status, answer?.storedBytes], ["receiving", end]);
      assert.deepEqual([received.length, store.latest], [0, null]);
    }
  });

  it("5. the whole file is saved; older ones, whole and partial, are discarded", async () => {
    const { bytes, files, take, store } = await chunked();
    await writeSnapshot(store, 5, "b");
    const partial = await store.receive({ ...metaOf(7, "c"), totalBytes: 5_000 });
    const other = await openStore(new MemoryFiles().runtime);
    const file = await fileOf(other, await writeSnapshot(other, 7, "c"));
    await partial.append(0, file.slice(0, 1_000));
    assert.equal(files.contents.size, 2);
    await take(0, bytes.length);
    assert.equal(store.latest?.meta.lastIncludedIndex, 10);
    assert.equal(files.contents.size, 1, [...files.contents.keys()].join());
  });

  it("6. a log that holds the last included entry keeps what follows, and it is answered", () => {
    const node = loneNode({ terms: [1, 1, 1, 1] });
    node.receive(2, installSnapshot(snapshotOf([1, 1])));
    assert.equal(onlyAnswer(node, "installSnapshotResponse").status, "installed");
    assert.deepEqual([node.core.lastIndex, node.receptions], [4, []]);
  });

  it("7. any other log is discarded as a whole", () => {
    for (const terms of [[], [1], [1, 1, 1], [1, 1, 1, 1, 1]]) {
      const node = loneNode({ terms, currentTerm: 2 });
      install(node, installSnapshot(snapshotOf([1, 2, 2])));
      assert.deepEqual([node.core.lastIndex, node.baseIndex], [3, 3], `it was ${terms}`);
      node.takeOutgoing();
      node.receive(2, appendEntries({ term: 2, prevLogIndex: 3, prevLogTerm: 2 }));
      assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, true);
    }
  });

  it("8. the state machine and the configuration become those of the snapshot", async () => {
    const world = await new DriverWorld({ voters: 3 }).start();
    const other = new CounterMachine();
    const context = { index: 1, term: 1, logTimeMs: 1 };
    other.apply(Uint8Array.of(7), context);
    world.machine.apply(Uint8Array.of(100), context);
    world.snapshotState = async function* () {
      yield* { [Symbol.iterator]: () => new CommandGate(other).takeSnapshot() };
    };
    const configuration = configurationOf([1, 2, 4]);
    const meta = { ...metaOf(9), lastIncludedTerm: 1, configurationIndex: 8, configuration };
    const source = { stored: { meta, totalBytes: 100 }, from: 2, startMs: 0 };
    world.driver.input({ type: "snapshotReceived", snapshot: meta, source });
    await world.clock.settle();
    assert.deepEqual([world.failures, world.driver.appliedIndex], [[], 9]);
    assert.equal(decodeSum(world.machine.query(new Uint8Array(0))), 7);
    assert.deepEqual(world.consensus.configuration, configuration);
  });
});

/** A counter behind its gate, as a replica applies a log. */
class Replica {
  readonly machine = new CounterMachine();
  readonly gate = new CommandGate(this.machine);
  #index = 0;

  apply(id: Uint8Array, command: Uint8Array, logTimeMs = 1): ReturnType<CommandGate["applyEntry"]> {
    this.#index += 1;
    const context = { index: this.#index, term: 1, logTimeMs };
    return this.gate.applyEntry(encodeCommandPayload(id, command), context);
  }

  get sum(): number {
    return decodeSum(this.machine.query(new Uint8Array(0)));
  }
}

describe("§8 Client interaction, exactly once", () => {
  it("a server that does not lead rejects a command, and knows whom it heard last", () => {
    const node = loneNode({ terms: [1] });
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1 }));
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals.map(({ reason }) => reason), ["not_leader"]);
    assert.deepEqual([node.core.leaderId, node.core.lastIndex], [2, 1]);
  });

  it("a command in the log twice, as after a leader's crash, is carried out once", () => {
    const replica = new Replica();
    const random = new Uint8Array(REQUEST_ID_RANDOM_BYTES).fill(5);
    const id = makeRequestId(1, random);
    const first = replica.apply(id, Uint8Array.of(1));
    const second = replica.apply(id, Uint8Array.of(1));
    assert.ok(first.type === "applied" && second.type === "duplicate");
    assert.deepEqual([second.result, second.index, replica.sum], [first.result, 1, 1]);
    const other = makeRequestId(1, random.slice().fill(6));
    assert.equal(replica.apply(other, Uint8Array.of(1)).type, "applied", "the id, not the bytes");
  });

  it("each client numbers its commands; the answer of the latest is kept with it", () => {
    const replica = new Replica();
    const nonce = new Uint8Array(8);
    replica.apply(makeOpenSessionId(nonce), encodeOpenSession(60_000));
    const add = (sequence: number) =>
      replica.apply(
        makeSessionCommandId({ session: 1, sequence, lowestUnanswered: sequence }),
        Uint8Array.of(1),
      );
    const first = add(1);
    const again = add(1);
    assert.ok(first.type === "applied" && again.type === "duplicate");
    assert.deepEqual(again.result, first.result);
    assert.equal(add(2).type, "applied");
    assert.equal(add(1).type, "expired", "it was answered, and is never carried out again");
    assert.equal(replica.sum, 2);
  });
});

describe("§8 Client interaction, read-only operations", () => {
  it("at its start a leader has all that is committed, and does not know how far that goes", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const index = cluster.propose(1, "a");
    // Node 2 has the entry, and has not heard that it is committed.
    cluster.stabilize();
    const before = cluster.node(2).core.commitIndex;
    cluster.crash(1);
    cluster.node(2).fire("leaderContact");
    cluster.node(3).fire("leaderContact");
    cluster.node(2).fire("election");
    while (!cluster.node(2).core.isLeader) cluster.deliver();
    assert.ok(cluster.node(2).core.lastIndex > index && before < index, `it knows of ${before}`);
    assert.equal(cluster.node(2).core.commitIndex, before);
    cluster.stabilize();
    assert.equal(cluster.node(2).core.commitIndex, index + 1, "with the no-op of its term");
  });

  it("until its no-op is committed it answers no read, though a majority answers it", () => {
    const node = loneLeader({ terms: [1] });
    node.run({ type: "readIndex", readId: 1 });
    for (const from of [2, 3]) node.receive(from, rejected({ term: 2, readSequence: 1 }));
    assert.deepEqual(node.reads, []);
    acknowledgeAll(node, [2]);
    node.fire("heartbeat");
    for (const from of [2, 3]) node.receive(from, rejected({ term: 2, readSequence: 2 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 2 }]);
  });

  it("what is read includes every write that was answered before the read began", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    for (const payload of ["a", "b", "c"]) {
      const index = cluster.propose(1, payload);
      cluster.stabilize();
      for (const id of [1, 2, 3]) {
        const readId = cluster.read(id);
        cluster.stabilize();
        assert.equal(cluster.outcome(id, readId)?.readIndex, index, `read at node ${id}`);
      }
    }
  });

  it("a majority must answer the heartbeat; who was replaced gets none", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    acknowledgeAll(node, [2, 3]);
    node.run({ type: "readIndex", readId: 1 });
    node.receive(2, rejected({ readSequence: 1 }));
    assert.deepEqual(node.reads, []);
    node.receive(3, rejected({ readSequence: 1 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 1 }]);
    const deposed = loneLeader();
    acknowledgeAll(deposed, [2]);
    deposed.run({ type: "readIndex", readId: 2 });
    deposed.receive(2, rejected({ term: 7 }));
    assert.deepEqual(deposed.reads, [{ readId: 2, readIndex: null, reason: "lost" }]);
  });
});

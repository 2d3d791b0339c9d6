import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster, proposalOf } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { loneLeader, loneNode, onlyAnswer, roleOf } from "../../src/testing/core_lone_node.ts";
import { accepted, appendEntries, requestVote } from "../../src/testing/core_messages.ts";

const FULL = { type: "storageRoom", isFull: true } as const;
const ROOM = { type: "storageRoom", isFull: false } as const;

describe("storage_room", () => {
  it("a leader without room takes no command, takes ticks, and goes on with room", () => {
    const node = loneLeader({ configuration: configurationOf([1]) });
    const { lastIndex } = node.core;
    node.run(FULL);
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals.map(({ reason }) => reason), ["no_room"]);
    assert.equal(node.core.lastIndex, lastIndex, "nothing of it is in the log");
    node.run({ type: "propose", kind: 4, count: 1, bytes: 40, source: null });
    assert.equal(node.core.lastIndex, lastIndex + 1, "what is due must not wait for a disk");
    node.run(ROOM);
    node.run(proposalOf(["b"]));
    assert.equal(node.core.lastIndex, lastIndex + 2);
  });

  it("a leader without room has a voter with room lead", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.node(2).run(FULL);
    cluster.heartbeat(1);
    cluster.node(1).run(FULL);
    cluster.stabilize();
    assert.equal(cluster.leader?.id, 3);
    assert.deepEqual(cluster.node(1).core.status().withoutRoom, [1]);
    cluster.heartbeat(3);
    assert.deepEqual(cluster.leader?.core.status().withoutRoom, [1, 2]);
  });

  it("a leader leads on where nobody else has room, and hands over once somebody has", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    for (const id of [2, 3]) cluster.node(id).run(FULL);
    cluster.heartbeat(1);
    cluster.node(1).run(FULL);
    cluster.stabilize();
    assert.equal(cluster.leader?.id, 1);
    cluster.node(3).run(ROOM);
    cluster.heartbeat(1);
    cluster.node(1).fire("quorum");
    cluster.stabilize();
    assert.equal(cluster.leader?.id, 3);
  });

  it("a leader with room takes no command that too few others could store", () => {
    const node = loneLeader({});
    node.receive(2, accepted({ matchIndex: node.core.lastIndex, storageFull: true }));
    node.receive(3, accepted({ matchIndex: node.core.lastIndex }));
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals, [], "two of three have room");
    node.receive(3, accepted({ matchIndex: 1, storageFull: true }));
    node.run(proposalOf(["b"]));
    assert.deepEqual(node.refusals.map(({ reason }) => reason), ["no_room"]);
    node.receive(2, accepted({ matchIndex: 1 }));
    node.run(proposalOf(["c"]));
    assert.equal(node.refusals.length, 1);
  });

  it("one that is down does not count as room", () => {
    const node = loneLeader({});
    for (const id of [2, 3]) node.receive(id, accepted({ matchIndex: 1, storageFull: id === 2 }));
    node.run({ type: "connectionLost", peer: 3 });
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals.map(({ reason }) => reason), ["no_room"]);
  });

  it("without room a node grants votes and pre-votes, also where a sync waits for it", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.run(FULL);
    node.run({ type: "storageStalled" });
    node.receive(2, requestVote({ preVote: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    node.receive(2, requestVote({}));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    node.fire("election");
    assert.equal(roleOf(node), "follower", "it could not lead");
  });

  it("a follower says with each answer whether it has room", () => {
    const node = loneNode();
    node.run(FULL);
    node.receive(2, appendEntries());
    assert.equal(onlyAnswer(node, "appendEntriesResponse").storageFull, true);
    node.receive(2, appendEntries({ prevLogIndex: 9, prevLogTerm: 1 }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").storageFull, true);
    node.run(ROOM);
    node.receive(2, appendEntries());
    assert.equal(onlyAnswer(node, "appendEntriesResponse").storageFull, false);
  });

  it("a stalled leader asks a voter with room to lead, though its log is shorter", () => {
    const node = loneLeader({ syncsAtOnce: false });
    node.receive(2, accepted({ matchIndex: 1, storageFull: true }));
    node.receive(3, accepted({ matchIndex: 0 }));
    node.takeOutgoing();
    node.run({ type: "storageStalled" });
    const asked = node.takeOutgoing().filter(({ message }) => message.type === "timeoutNow");
    assert.deepEqual(asked.map(({ to }) => to), [3]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Message } from "../../src/consensus/messages.ts";
import { READS_WAITING_MAX } from "../../src/limits.ts";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { acknowledgeAll, loneLeader, loneNode, sentTo } from "../../src/testing/core_lone_node.ts";
import { accepted, appendEntries, rejected, vote } from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** A leader of term 1 whose no-op is committed. */
function readyLeader(options: Parameters<typeof loneLeader>[0] = {}): CoreNode {
  const node = loneLeader(options);
  acknowledgeAll(node, [2, 3]);
  node.takeOutgoing();
  return node;
}

function ask(node: CoreNode, readId: number): void {
  node.run({ type: "readIndex", readId });
}

/** The confirmation rounds that left for node 2. */
function roundsTo2(node: CoreNode): number[] {
  return sentTo(node, 2).map((message) => {
    assert.ok(message.type === "appendEntriesRequest");
    return message.readSequence;
  });
}

/** The answer of a leader to a read of another node. */
function readAnswer(fields: { term: number; readId: number; readIndex: number | null }): Message {
  return { type: "readIndexResponse", ...fields };
}

describe("read_index", () => {
  it("serves a leader's read once a quorum answered a message that was sent after it", () => {
    const node = readyLeader();
    ask(node, 1);
    assert.deepEqual(node.reads, []);
    assert.deepEqual(roundsTo2(node), [1], "the round starts at once");
    node.receive(2, accepted({ matchIndex: 1, readSequence: 1 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 1 }]);
  });

  it("a single voter serves its reads at once", () => {
    const node = loneLeader({ configuration: configurationOf([1], { learners: [2] }) });
    ask(node, 1);
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 1 }]);
  });

  it("ancestor A4: a leader that nobody confirms serves nothing", () => {
    const node = readyLeader();
    ask(node, 1);
    node.fire("heartbeat");
    node.fire("quorum");
    assert.deepEqual(node.reads, []);
    node.fire("quorum");
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: null, reason: "lost" }]);
  });

  it("trap 39: a new leader lets reads wait until its no-op is committed", () => {
    const node = loneLeader({ terms: [1, 1] });
    ask(node, 1);
    node.fire("heartbeat");
    for (const from of [2, 3]) node.receive(from, accepted({ term: 2, readSequence: 0 }));
    for (const from of [2, 3]) node.receive(from, accepted({ term: 2, readSequence: 1 }));
    assert.deepEqual(node.reads, []);
    acknowledgeAll(node, [2]);
    node.receive(2, accepted({ term: 2, matchIndex: 3, readSequence: 1 }));
    assert.deepEqual(node.reads, [], "the round of the heartbeat was sent before");
    node.receive(2, accepted({ term: 2, matchIndex: 3, readSequence: 2 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 3 }]);
  });

  it("trap 40: an answer to an older message confirms nothing", () => {
    const node = readyLeader();
    ask(node, 1);
    for (const from of [2, 3]) node.receive(from, accepted({ matchIndex: 1, readSequence: 0 }));
    assert.deepEqual(node.reads, []);
  });

  it("trap 40: reads that come while a round is under way wait for the next one", () => {
    const node = readyLeader();
    ask(node, 1);
    ask(node, 2);
    ask(node, 3);
    assert.deepEqual(roundsTo2(node), [1]);
    node.receive(2, accepted({ matchIndex: 1, readSequence: 1 }));
    assert.deepEqual(node.reads.map(({ readId }) => readId), [1]);
    assert.deepEqual(roundsTo2(node), [2], "the next round starts with the answer of the first");
    node.receive(3, accepted({ matchIndex: 1, readSequence: 2 }));
    assert.deepEqual(node.reads.map(({ readId }) => readId), [1, 2, 3]);
  });

  it("trap 40: rounds of an earlier leadership confirm nothing", () => {
    const node = readyLeader();
    for (let readId = 1; readId <= 3; readId += 1) {
      ask(node, readId);
      node.receive(2, accepted({ matchIndex: 1, readSequence: readId }));
    }
    node.receive(3, rejected({ term: 2 }));
    node.fire("election");
    node.receive(2, vote({ term: 3, preVote: true }));
    node.receive(2, vote({ term: 3 }));
    acknowledgeAll(node, [2]);
    ask(node, 4);
    node.receive(2, accepted({ term: 1, matchIndex: 1, readSequence: 3 }));
    assert.equal(node.reads.length, 3);
    node.receive(2, accepted({ term: 3, matchIndex: 2, readSequence: 1 }));
    assert.deepEqual(node.reads[3], { readId: 4, readIndex: 2 });
  });

  it("trap 40: a follower that restarts answers for rounds that it heard of since", () => {
    const node = loneNode();
    node.receive(2, appendEntries({ readSequence: 8 }));
    node.crash();
    node.restart();
    node.takeOutgoing();
    node.receive(2, appendEntries({ readSequence: 3 }));
    const [answer] = sentTo(node, 2);
    assert.ok(answer?.type === "appendEntriesResponse" && answer.readSequence === 3);
  });

  it("trap 40: a follower confirms the rounds of one leader only", () => {
    const node = loneNode();
    node.receive(2, appendEntries({ readSequence: 8 }));
    node.receive(3, appendEntries({ term: 2, readSequence: 1 }));
    const [answer] = sentTo(node, 3);
    assert.ok(answer?.type === "appendEntriesResponse" && answer.readSequence === 1);
  });

  it("trap 41: the index is taken before leadership is confirmed, and not raised after", () => {
    const node = readyLeader();
    ask(node, 1);
    node.run({ type: "propose", kind: 2, count: 1, bytes: 1, source: ["a"] });
    node.receive(3, accepted({ matchIndex: 2, readSequence: 0 }));
    assert.equal(node.core.commitIndex, 2);
    node.receive(3, accepted({ matchIndex: 2, readSequence: 1 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 1 }]);
  });

  it("trap 12: learners confirm no read", () => {
    const node = readyLeader({ configuration: configurationOf([1, 2, 3], { learners: [4, 5] }) });
    ask(node, 1);
    for (const from of [4, 5]) node.receive(from, accepted({ matchIndex: 1, readSequence: 1 }));
    assert.deepEqual(node.reads, []);
  });

  it("a refused AppendEntries of the term confirms leadership as well", () => {
    const node = readyLeader();
    ask(node, 1);
    node.receive(2, rejected({ prevLogIndex: 1, readSequence: 1 }));
    assert.equal(node.reads.length, 1);
  });

  it("a round whose messages were lost is confirmed by the next heartbeat", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const readId = cluster.read(1);
    cluster.drop();
    cluster.heartbeat(1);
    assert.equal(cluster.outcome(1, readId)?.readIndex, 1);
  });

  it("a follower's read asks the leader and waits for its answer", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const readId = cluster.read(2);
    cluster.stabilize();
    assert.deepEqual(cluster.outcome(2, readId), { readId, readIndex: 1 });
  });

  it("a follower's reads that were lost with the connection to the leader end", () => {
    for (const isAsked of [false, true]) {
      const cluster = new CoreCluster({ nodes: 3 });
      cluster.elect(1);
      const readId = cluster.read(2);
      if (isAsked) cluster.deliver();
      cluster.disconnect(1, 2);
      assert.deepEqual(cluster.outcome(2, readId), { readId, readIndex: null, reason: "lost" });
      cluster.stabilize();
      assert.equal(cluster.checker.readsWaiting, 0, "an answer that comes late is ignored");
    }
  });

  it("a follower keeps its reads when it loses another connection", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const readId = cluster.read(2);
    cluster.disconnect(2, 3);
    cluster.stabilize();
    assert.equal(cluster.outcome(2, readId)?.readIndex, 1);
  });

  it("reads fail at once where no leader is known", () => {
    const node = loneNode();
    ask(node, 1);
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: null, reason: "no_leader" }]);
  });

  it("reads fail when who leads changes", () => {
    const follower = loneNode();
    follower.receive(2, appendEntries());
    ask(follower, 1);
    follower.receive(3, appendEntries({ term: 2 }));
    ask(follower, 2);
    follower.fire("election");
    const lost = (readId: number) => ({ readId, readIndex: null, reason: "lost" });
    assert.deepEqual(follower.reads, [lost(1), lost(2)]);
    const leader = readyLeader();
    ask(leader, 1);
    leader.receive(2, { type: "readIndexRequest", term: 1, readId: 7 });
    leader.takeOutgoing();
    leader.receive(3, vote({ term: 9, voteGranted: false }));
    assert.deepEqual(leader.reads, [lost(1)]);
    assert.deepEqual(sentTo(leader, 2), [readAnswer({ term: 9, readId: 7, readIndex: null })]);
  });

  it("a refusal of the leader ends a read in any term, an index only in its own", () => {
    const node = loneNode();
    node.receive(2, appendEntries({ term: 4 }));
    ask(node, 1);
    node.receive(2, readAnswer({ term: 3, readId: 1, readIndex: 9 }));
    assert.deepEqual(node.reads, []);
    node.receive(2, readAnswer({ term: 5, readId: 1, readIndex: null }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: null, reason: "lost" }]);
    node.receive(2, readAnswer({ term: 4, readId: 1, readIndex: 9 }));
    assert.equal(node.reads.length, 1, "an answer to nobody");
  });

  it("a node that does not lead the asker's term refuses", () => {
    const refusalOf = (node: CoreNode, term: number): Message | undefined => {
      node.takeOutgoing();
      node.receive(2, { type: "readIndexRequest", term, readId: 7 });
      return sentTo(node, 2)[0];
    };
    const follower = loneNode({ currentTerm: 1 });
    assert.deepEqual(refusalOf(follower, 1), readAnswer({ term: 1, readId: 7, readIndex: null }));
    for (const term of [0, 2]) {
      assert.deepEqual(
        refusalOf(readyLeader(), term),
        readAnswer({ term: 1, readId: 7, readIndex: null }),
      );
    }
  });

  it("a leader forgets the reads of a peer whose connection it lost", () => {
    const node = readyLeader();
    node.receive(2, { type: "readIndexRequest", term: 1, readId: 7 });
    node.receive(2, { type: "readIndexRequest", term: 1, readId: 8 });
    ask(node, 1);
    node.run({ type: "connectionLost", peer: 2 });
    for (const readSequence of [1, 2]) node.receive(3, accepted({ matchIndex: 1, readSequence }));
    assert.equal(node.reads.length, 1);
    const answers = node.takeOutgoing().filter(({ message }) => {
      return message.type === "readIndexResponse";
    });
    assert.deepEqual(answers, []);
  });

  it("trap 30: reads beyond the limit fail at once", () => {
    const follower = loneNode();
    follower.receive(2, appendEntries());
    const leader = readyLeader();
    for (const node of [follower, leader]) {
      for (let readId = 1; readId <= READS_WAITING_MAX + 1; readId += 1) {
        node.step({ type: "readIndex", readId });
      }
      node.perform();
      assert.equal(node.reads.length, node === follower ? 1 : 0);
      node.step({ type: "readIndex", readId: READS_WAITING_MAX + 2 });
      node.perform();
      assert.equal(node.reads.length, node === follower ? 2 : 1);
    }
  });
});

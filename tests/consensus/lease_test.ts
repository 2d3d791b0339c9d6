import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import {
  acknowledgeAll,
  loneLeader,
  loneNode,
  onlyAnswer,
  roleOf,
} from "../../src/testing/core_lone_node.ts";
import {
  accepted,
  appendEntries,
  rejected,
  requestVote,
  vote,
} from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

const PROMISE_MS = 1_000;

/** A leader of term 1 with lease reads on, whose no-op is committed. */
function readyLeader(options: Parameters<typeof loneLeader>[0] = {}): CoreNode {
  const node = loneLeader({ promiseMs: PROMISE_MS, ...options });
  acknowledgeAll(node, [2, 3]);
  node.takeOutgoing();
  return node;
}

function promisedRound(node: CoreNode): number | null {
  return node.roundPromised?.readSequence ?? null;
}

function promise(readSequence: number, promiseMs = PROMISE_MS) {
  return accepted({ matchIndex: 1, readSequence, promiseMs });
}

describe("lease", () => {
  it("each heartbeat asks for promises, and a quorum of them is told", () => {
    const node = readyLeader();
    node.fire("heartbeat");
    assert.deepEqual(node.roundsStarted, [{ term: 1, readSequence: 1 }]);
    assert.equal(node.core.mayUseLease, false);
    node.receive(2, promise(1, 800));
    const told = { term: 1, readSequence: 1, promiseMs: 800 };
    assert.deepEqual(node.roundPromised, told, "the shortest of the quorum");
    assert.equal(node.core.mayUseLease, true);
    node.fire("heartbeat");
    assert.equal(node.roundsStarted.length, 2);
    assert.deepEqual(node.roundPromised, told, "the next round is not answered");
  });

  it("trap 42: an answer without a promise, or to an older round, counts for nothing", () => {
    const node = readyLeader();
    node.fire("heartbeat");
    node.receive(2, promise(1, 0));
    node.receive(3, promise(0));
    assert.equal(node.core.mayUseLease, false);
    assert.deepEqual([node.roundPromised], [null]);
    node.receive(3, rejected({ prevLogIndex: 1, readSequence: 1, promiseMs: PROMISE_MS }));
    assert.equal(promisedRound(node), 1, "who rejects entries promises all the same");
  });

  it("trap 12: a learner's promise counts for nothing", () => {
    const configuration = configurationOf([1, 2, 3], { learners: [4] });
    const node = readyLeader({ configuration });
    node.fire("heartbeat");
    node.receive(4, promise(1));
    assert.equal(node.roundPromised, null);
  });

  it("needs both halves of a joint configuration", () => {
    const configuration = configurationOf([1, 2, 3], { votersOld: [1, 4, 5] });
    const node = readyLeader({ configuration });
    node.fire("heartbeat");
    for (const id of [2, 3]) node.receive(id, promise(1));
    assert.equal(promisedRound(node), null);
    node.receive(4, promise(1));
    assert.equal(promisedRound(node), 1);
  });

  it("trap 39: is not used before an entry of the own term is committed", () => {
    const node = loneLeader({ promiseMs: PROMISE_MS });
    node.fire("heartbeat");
    for (const id of [2, 3]) node.receive(id, accepted({ readSequence: 1, promiseMs: 1_000 }));
    assert.deepEqual([node.roundPromised !== null, node.core.mayUseLease], [true, false]);
    acknowledgeAll(node, [2]);
    assert.equal(node.core.mayUseLease, true);
  });

  it("trap 42: a transfer voids it at once, and for the rest of the term once it was asked", () => {
    const node = readyLeader();
    node.fire("heartbeat");
    for (const id of [2, 3]) node.receive(id, promise(1));
    node.run({ type: "transferLeadership", target: 2, source: null });
    assert.equal(node.core.mayUseLease, false);
    node.fire("transfer");
    node.fire("heartbeat");
    for (const id of [2, 3]) node.receive(id, promise(2));
    assert.equal(node.core.mayUseLease, false, "TimeoutNow may still be on its way");
  });

  it("a transfer that asked nobody leaves the promises as they are", () => {
    const node = readyLeader();
    node.fire("heartbeat");
    node.receive(2, promise(1));
    node.run({ type: "propose", kind: 2, count: 1, bytes: 1, source: ["a"] });
    node.run({ type: "transferLeadership", target: 3, source: null });
    assert.equal(node.core.mayUseLease, false);
    node.fire("transfer");
    assert.equal(node.core.mayUseLease, true);
  });

  it("asks for nothing where lease reads are off", () => {
    const node = readyLeader({ promiseMs: 0 });
    node.fire("heartbeat");
    for (const id of [2, 3]) node.receive(id, promise(1));
    assert.deepEqual([node.roundsStarted, node.roundPromised], [[], null]);
    assert.equal(node.core.mayUseLease, false);
  });
});

describe("promise", () => {
  /** A follower that has answered a leader. */
  function promised(options: Parameters<typeof loneNode>[0] = {}): CoreNode {
    const node = loneNode({ promiseMs: PROMISE_MS, ...options });
    node.receive(2, appendEntries({ readSequence: 7 }));
    return node;
  }

  it("is given with every answer, also with one that rejects", () => {
    const node = promised();
    const answer = onlyAnswer(node, "appendEntriesResponse");
    assert.deepEqual([answer.readSequence, answer.promiseMs], [7, PROMISE_MS]);
    node.receive(2, appendEntries({ prevLogIndex: 9, prevLogTerm: 1 }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").promiseMs, PROMISE_MS);
    node.receive(2, appendEntries({ term: 0 }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").promiseMs, 0, "not to an old leader");
    const off = promised({ promiseMs: 0 });
    assert.equal(onlyAnswer(off, "appendEntriesResponse").promiseMs, 0);
  });

  it("trap 42: lasts although the leader is forgotten, for votes, pre-votes and itself", () => {
    const node = promised();
    // A higher term that a late answer brings makes it forget its leader, not its promise.
    node.receive(3, accepted({ term: 5 }));
    node.takeOutgoing();
    for (const preVote of [true, false]) {
      node.receive(3, requestVote({ term: 9, preVote }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    }
    assert.equal(node.core.term, 5, "nor does it take the candidate's term");
    node.fire("election");
    assert.deepEqual([node.takeOutgoing(), roleOf(node)], [[], "follower"]);
    node.fire("promise");
    node.receive(3, requestVote({ term: 9 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });

  it("trap 42: outlasts an expiry that was overtaken by what renewed it", () => {
    const node = promised();
    node.takeOutgoing();
    // Both are read in one turn, after the process stood still: the timer was that of before.
    node.core.step({ type: "message", from: 2, message: appendEntries({ readSequence: 8 }) });
    node.core.step({ type: "timer", timer: "promise" });
    node.fire("election");
    assert.equal(roleOf(node), "follower");
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 9 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
  });

  it("trap 42: may have been given before a crash, so a node elects nobody at first", () => {
    const node = promised();
    node.crash();
    node.restart();
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 9 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    node.fire("election");
    assert.equal(roleOf(node), "follower");
    node.fire("promise");
    node.fire("election");
    assert.equal(roleOf(node), "preCandidate");
  });

  it("does not bind against who the leader itself asks to stand", () => {
    const node = promised();
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 2, leadershipTransfer: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    const target = promised();
    target.receive(2, { type: "timeoutNow", term: 1 });
    target.receive(3, vote({ term: 2 }));
    assert.equal(target.core.isLeader, true);
  });

  it("a cluster with promises transfers leadership and elects again", () => {
    const cluster = new CoreCluster({ nodes: 3, promiseMs: PROMISE_MS });
    cluster.elect(1);
    cluster.heartbeat(1);
    assert.equal(cluster.node(1).core.mayUseLease, true);
    cluster.node(1).run({ type: "transferLeadership", target: null, source: null });
    cluster.stabilize();
    assert.equal(cluster.leader?.id, 2);
    cluster.heartbeat(2);
    assert.equal(cluster.node(2).core.mayUseLease, true);
    cluster.elect(3);
  });
});

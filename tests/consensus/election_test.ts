import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { acknowledgeAll, loneLeader, loneNode } from "../../src/testing/core_lone_node.ts";
import {
  accepted,
  appendEntries,
  rejected,
  requestVote,
  vote,
} from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

describe("election", () => {
  it("asks every voter for a pre-vote first, and no learner", () => {
    const configuration = configurationOf([1, 2, 3], { learners: [4] });
    const node = loneNode({ configuration, terms: [1, 3], currentTerm: 5 });
    node.fire("election");
    const sent = node.takeOutgoing();
    assert.deepEqual(sent.map(({ to }) => to), [2, 3]);
    assert.deepEqual(sent[0]!.message, {
      type: "requestVoteRequest",
      term: 6,
      lastLogIndex: 2,
      lastLogTerm: 3,
      preVote: true,
      leadershipTransfer: false,
    });
    assert.deepEqual(node.storage.currentTerm, 5, "a pre-vote raises no term");
  });

  it("asks the voters of both halves of a joint configuration", () => {
    const configuration = configurationOf([1, 2], { votersOld: [1, 3] });
    const node = loneNode({ configuration });
    node.fire("election");
    assert.deepEqual(node.takeOutgoing().map(({ to }) => to), [2, 3]);
    node.receive(2, vote({ preVote: true }));
    assert.equal(node.core.status().role, "preCandidate");
    node.receive(3, vote({ preVote: true }));
    assert.equal(node.core.status().role, "candidate");
  });

  it("a node without a vote never campaigns and keeps its timer", () => {
    const node = loneNode({ voters: [2, 3] });
    node.fire("election");
    assert.deepEqual(node.takeOutgoing(), []);
    assert.ok(node.timers.has("election"));
    assert.equal(node.core.status().role, "follower");
  });

  it("a lost election waits for the next timeout, in the same term", () => {
    const node = loneNode();
    node.fire("election");
    const refusal = vote({ term: 0, preVote: true, voteGranted: false });
    for (const from of [2, 3]) node.receive(from, refusal);
    assert.equal(node.core.status().role, "follower");
    assert.equal(node.core.term, 0);
    assert.ok(node.timers.has("election"));
    node.takeOutgoing();
    node.fire("election");
    assert.equal(node.takeOutgoing().length, 2);
  });

  it("trap 12: learners elect nobody and keep nobody in office", () => {
    const configuration = configurationOf([1, 2, 3], { learners: [4, 5] });
    const node = loneNode({ configuration });
    node.fire("election");
    for (const from of [4, 5]) node.receive(from, vote({ preVote: true }));
    assert.equal(node.core.status().role, "preCandidate");
    node.receive(2, vote({ preVote: true }));
    for (const from of [4, 5]) node.receive(from, vote());
    assert.equal(node.core.status().role, "candidate");
    node.receive(2, vote());
    node.fire("quorum");
    for (const from of [4, 5]) node.receive(from, accepted());
    node.fire("quorum");
    assert.equal(node.core.isLeader, false, "two learners are no quorum");
  });

  it("trap 8: a node at a higher term that is ignored raises the term of the leader", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    // Node 3 won a pre-vote before, and nobody heard of the election that followed.
    cluster.node(3).storage.currentTerm = 8;
    cluster.crash(3);
    cluster.restart(3);
    cluster.node(3).fire("election");
    cluster.stabilize();
    assert.equal(cluster.leader?.id, 1, "its pre-vote is refused by those who hear the leader");
    cluster.heartbeat(1);
    assert.equal(cluster.leader, null, "its answer to the leader carries the newer term");
    assert.equal(cluster.node(1).core.term, 8);
    cluster.elect(1);
    assert.equal(cluster.node(3).core.leaderId, 1);
    assert.equal(cluster.node(1).core.term, 9);
  });

  it("trap 15: a single node leads after a restart although it voted before", () => {
    const node = loneNode({ voters: [1], terms: [1, 1], currentTerm: 3, votedFor: 1 });
    node.fire("election");
    assert.equal(node.core.isLeader, true);
    assert.equal(node.core.commitIndex, 3, "the no-op commits what was there");
    assert.deepEqual(node.terms, [1, 1, 4]);
    assert.equal(node.appliedIndex, 3);
  });

  it("ancestor A11: a solitary node starts with any persisted vote", () => {
    for (const votedFor of [0, 1, 2]) {
      const node = loneNode({ voters: [1], currentTerm: 3, votedFor });
      node.fire("election");
      assert.equal(node.core.isLeader, true);
      assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [4, 1]);
    }
  });

  it("trap 15: a single node that crashed in its own election leads in the next term", () => {
    for (const point of ["hardState", "logChanges"] as const) {
      const node = loneNode({ voters: [1] });
      node.step({ type: "timer", timer: "election" });
      node.crash({ point });
      node.restart();
      node.fire("election");
      assert.deepEqual([node.core.isLeader, node.core.term], [true, 2]);
      assert.equal(node.core.commitIndex, node.core.lastIndex);
    }
  });

  it("check-quorum: a leader that no quorum answers steps down at the second check", () => {
    const node = loneLeader();
    node.fire("quorum");
    assert.equal(node.core.isLeader, true);
    node.fire("quorum");
    const { role, term, leaderId } = node.core.status();
    assert.deepEqual([role, term, leaderId], ["follower", 1, null]);
    assert.ok(node.timers.has("election"));
  });

  it("check-quorum: any answer of the term counts, a refusal too", () => {
    for (const answer of [accepted(), rejected()]) {
      const node = loneLeader();
      for (let round = 0; round < 4; round += 1) {
        node.fire("quorum");
        node.receive(2, answer);
      }
      assert.equal(node.core.isLeader, true);
    }
  });

  it("check-quorum: answers of an older term do not count", () => {
    const node = loneLeader({ currentTerm: 4 });
    node.fire("quorum");
    node.receive(2, accepted({ term: 4 }));
    node.fire("quorum");
    assert.equal(node.core.isLeader, false);
  });

  it("check-quorum: a single node keeps itself", () => {
    const node = loneLeader({ voters: [1] });
    for (let round = 0; round < 3; round += 1) node.fire("quorum");
    assert.equal(node.core.isLeader, true);
  });

  it("a pre-candidate or candidate follows the leader of its own term", () => {
    for (const preVote of [true, false]) {
      const node = loneNode({ currentTerm: 4 });
      node.fire("election");
      if (!preVote) node.receive(2, vote({ term: 5, preVote: true }));
      const { term } = node.core;
      node.receive(3, appendEntries({ term }));
      const { role, leaderId } = node.core.status();
      assert.deepEqual([role, leaderId, node.core.term], ["follower", 3, term]);
    }
  });

  it("ancestor A7: a newer term names no leader until one speaks", () => {
    const node = loneNode();
    node.receive(2, appendEntries());
    node.fire("leaderContact");
    node.receive(3, vote({ term: 9, voteGranted: false }));
    assert.equal(node.core.leaderId, null, "whoever sends a term is not its leader");
    node.receive(2, appendEntries({ term: 9 }));
    assert.equal(node.core.leaderId, 2);
  });

  it("ancestor A7: the leader of the term that this node voted in becomes known", () => {
    const node = loneLeader();
    acknowledgeAll(node, [2]);
    node.receive(3, rejected({ term: 5 }));
    assert.deepEqual([node.core.leaderId, node.core.term], [null, 5]);
    node.receive(3, appendEntries({ term: 5, prevLogIndex: 1, prevLogTerm: 1 }));
    assert.equal(node.core.leaderId, 3);
  });

  it("succeeds a leader whose process is gone, without an election timeout", () => {
    const node = loneNode({ voters: [1, 2, 3], currentTerm: 1 });
    node.receive(2, appendEntries({ term: 2 }));
    node.takeOutgoing();
    node.run({ type: "peerGone", peer: 3 });
    assert.equal(node.timers.has("succession"), false, "node 3 does not lead");
    node.run({ type: "peerGone", peer: 2 });
    node.fire("succession");
    assert.deepEqual(node.takeOutgoing().map(({ to, message }) => [to, message.type]), [
      [2, "requestVoteRequest"],
      [3, "requestVoteRequest"],
    ]);
    // The others have not noticed yet: it stands again as soon as the leader is found gone again.
    node.receive(3, { ...vote({ preVote: true, term: 2 }), voteGranted: false });
    node.receive(2, { ...vote({ preVote: true, term: 2 }), voteGranted: false });
    assert.equal(node.core.status().role, "follower");
    node.run({ type: "peerGone", peer: 2 });
    node.fire("succession");
    assert.equal(node.core.status().role, "preCandidate");
  });

  it("does not stand in succession where the leader is heard again, or another stood", () => {
    for (const what of ["leader", "candidate"] as const) {
      const node = loneNode({ voters: [1, 2, 3], currentTerm: 1 });
      node.receive(2, appendEntries({ term: 2 }));
      node.run({ type: "peerGone", peer: 2 });
      if (what === "leader") node.receive(2, appendEntries({ term: 2 }));
      else node.receive(3, requestVote({ term: 3 }));
      node.takeOutgoing();
      node.fire("succession");
      assert.deepEqual(node.takeOutgoing(), [], what);
      assert.equal(node.core.status().role, "follower");
    }
  });

  it("stands once a quorum is connected, where it heard of no leader and promised nothing", () => {
    const voters = [1, 2, 3, 4, 5];
    const cases = [
      { what: "free", run: () => {}, stands: true },
      { what: "promised", promiseMs: 1000, run: () => {}, stands: false },
      {
        what: "led",
        run: (node: CoreNode) => node.receive(2, appendEntries({ term: 2 })),
        stands: false,
      },
      {
        what: "has voted",
        run: (node: CoreNode) => node.receive(2, requestVote({ term: 2 })),
        stands: false,
      },
    ];
    for (const { what, run, stands, ...options } of cases) {
      const node = loneNode({ voters, currentTerm: 1, ...options });
      node.crash();
      node.restart();
      node.run({ type: "peerReached", peer: 2 });
      node.run({ type: "connectionLost", peer: 2 });
      node.run({ type: "peerReached", peer: 3 });
      assert.equal(node.timers.has("succession"), false, "two of five stand");
      node.run({ type: "peerReached", peer: 4 });
      assert.equal(node.timers.has("succession"), true);
      run(node);
      node.takeOutgoing();
      node.fire("succession");
      assert.equal(node.core.status().role, stands ? "preCandidate" : "follower", what);
    }
  });

  it("grants votes once the leader's process is gone, but for a promise to it", () => {
    for (const promiseMs of [0, 1000]) {
      const node = loneNode({ voters: [1, 2, 3], currentTerm: 1, promiseMs });
      node.receive(2, appendEntries({ term: 2 }));
      node.run({ type: "peerGone", peer: 2 });
      node.takeOutgoing();
      node.receive(3, requestVote({ term: 3, preVote: true }));
      const [answer] = node.takeOutgoing();
      assert.ok(answer?.message.type === "requestVoteResponse");
      assert.equal(answer.message.voteGranted, promiseMs === 0);
      node.fire("succession");
      assert.equal(node.core.status().role, promiseMs === 0 ? "preCandidate" : "follower");
    }
  });

  it("timers of nodes that do not lead do nothing", () => {
    const node = loneNode();
    for (const timer of ["heartbeat", "quorum", "commitNotice"] as const) {
      node.core.step({ type: "timer", timer });
    }
    node.perform();
    assert.deepEqual(node.takeOutgoing(), []);
    assert.equal(node.core.status().role, "follower");
  });
});

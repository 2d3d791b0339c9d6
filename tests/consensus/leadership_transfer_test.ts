import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CoreCluster, proposalOf } from "../../src/testing/core_cluster.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import {
  acknowledgeAll,
  loneLeader,
  loneNode,
  nodesOfEveryRole,
  onlyAnswer,
  roleOf,
} from "../../src/testing/core_lone_node.ts";
import { accepted, appendEntries, requestVote, vote } from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

function transfer(node: CoreNode, target: number | null = 2, source: unknown = "asked"): void {
  node.run({ type: "transferLeadership", target, source });
}

/** Who was asked to stand. */
function asked(node: CoreNode): number[] {
  return node.takeOutgoing().filter(({ message }) => message.type === "timeoutNow")
    .map(({ to }) => to);
}

/** A leader of term 1 whose log is at every follower. */
function readyLeader(options: Parameters<typeof loneLeader>[0] = {}): CoreNode {
  const node = loneLeader(options);
  acknowledgeAll(node, [2, 3]);
  node.takeOutgoing();
  return node;
}

describe("leadership_transfer", () => {
  it("has the target lead in the next term, and says so", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    transfer(cluster.node(1), 3);
    cluster.stabilize();
    assert.equal(cluster.node(3).core.isLeader, true);
    assert.equal(cluster.node(3).core.term, 2, "one election, and no timeout");
    const outcome = { source: "asked", failure: null, leaderId: 3, term: 2 };
    assert.deepEqual(cluster.node(1).transfers, [outcome]);
    assert.equal(cluster.node(1).timers.has("transfer"), false);
  });

  it("trap 9: brings the target up to date before it asks it to stand", () => {
    const node = readyLeader();
    node.run(proposalOf(["a"]));
    node.receive(3, accepted({ matchIndex: 2 }));
    transfer(node);
    assert.deepEqual(asked(node), [], "node 2 lacks an entry");
    node.receive(2, accepted({ matchIndex: 1 }));
    assert.deepEqual(asked(node), []);
    node.receive(2, accepted({ matchIndex: 2 }));
    assert.deepEqual(asked(node), [2]);
    node.fire("heartbeat");
    assert.deepEqual(asked(node), [], "it is asked once");
  });

  it("refuses at once to wait for a voter that is down, and goes on", () => {
    const node = readyLeader();
    node.run({ type: "connectionLost", peer: 3 });
    transfer(node, 3);
    assert.deepEqual(node.transfers, [{ source: "asked", failure: "target_down" }]);
    assert.equal(node.core.status().transferTarget, null);
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals, []);
    transfer(node, null);
    assert.equal(node.core.status().transferTarget, 2, "the voter that is up takes over");
    const alone = readyLeader();
    for (const peer of [2, 3]) alone.run({ type: "connectionLost", peer });
    transfer(alone, null);
    assert.deepEqual(alone.transfers, [{ source: "asked", failure: "target_down" }]);
  });

  it("waits until this node has applied its log, so that its clients are answered", () => {
    const node = readyLeader({ syncsAtOnce: false });
    node.sync();
    node.run(proposalOf(["a"]));
    acknowledgeAll(node, [2, 3]);
    transfer(node);
    assert.deepEqual(asked(node), [], "entry 2 is not durable here");
    node.sync();
    assert.deepEqual(asked(node), [2]);
  });

  it("trap 9: takes no proposals meanwhile, and takes them again when it gives up", () => {
    const node = readyLeader();
    transfer(node);
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.refusals, [{ source: ["a"], reason: "transferring" }]);
    assert.ok(node.timers.has("transfer"));
    assert.equal(node.core.status().transferTarget, 2);
    node.fire("transfer");
    assert.deepEqual(node.transfers, [{ source: "asked", failure: "timed_out" }]);
    assert.equal(node.core.status().transferTarget, null);
    node.run(proposalOf(["b"]));
    assert.equal(node.refusals.length, 1);
  });

  it("trap 9: the election of a transfer passes stickiness, a common one does not", () => {
    const follower = loneNode({ currentTerm: 1 });
    follower.receive(2, appendEntries());
    follower.takeOutgoing();
    follower.receive(3, requestVote({ term: 2 }));
    assert.equal(onlyAnswer(follower, "requestVoteResponse").voteGranted, false);
    follower.receive(3, requestVote({ term: 2, leadershipTransfer: true }));
    assert.equal(onlyAnswer(follower, "requestVoteResponse").voteGranted, true);
    const leader = readyLeader();
    leader.receive(2, requestVote({ term: 2, lastLogIndex: 1, lastLogTerm: 1 }));
    assert.equal(leader.core.isLeader, true);
    const flagged = { term: 2, lastLogIndex: 1, lastLogTerm: 1, leadershipTransfer: true };
    leader.receive(2, requestVote(flagged));
    assert.equal(leader.core.isLeader, false);
  });

  it("stands at once, without a pre-vote, where the leader of its term asks", () => {
    const node = loneNode({ terms: [1] });
    node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1 }));
    node.takeOutgoing();
    node.receive(2, { type: "timeoutNow", term: 1 });
    const sent = node.takeOutgoing();
    assert.deepEqual(sent.map(({ to }) => to), [2, 3]);
    assert.deepEqual(sent[0]!.message, {
      type: "requestVoteRequest",
      term: 2,
      lastLogIndex: 1,
      lastLogTerm: 1,
      preVote: false,
      leadershipTransfer: true,
    });
    assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [2, 1]);
  });

  it("does not stand where another term, another node or a leader is asked", () => {
    const node = loneNode({ currentTerm: 5 });
    node.receive(2, appendEntries({ term: 5 }));
    node.takeOutgoing();
    node.receive(2, { type: "timeoutNow", term: 4 });
    node.receive(2, { type: "timeoutNow", term: 6 });
    node.receive(3, { type: "timeoutNow", term: 5 });
    assert.deepEqual(node.takeOutgoing(), []);
    assert.equal(roleOf(node), "follower");
    const leader = readyLeader();
    leader.receive(2, { type: "timeoutNow", term: 1 });
    assert.equal(leader.core.isLeader, true);
  });

  it("does not stand without a vote", () => {
    const node = loneNode({ configuration: configurationOf([2, 3], { learners: [1] }) });
    node.receive(2, appendEntries());
    node.takeOutgoing();
    node.receive(2, { type: "timeoutNow", term: 1 });
    assert.deepEqual(node.takeOutgoing(), []);
  });

  it("a later election of the same node passes no stickiness", () => {
    const node = loneNode({ currentTerm: 1 });
    node.receive(2, appendEntries());
    node.receive(2, { type: "timeoutNow", term: 1 });
    node.takeOutgoing();
    node.fire("election");
    for (const from of [2, 3]) node.receive(from, vote({ term: 3, preVote: true }));
    const flags = node.takeOutgoing().map(({ message }) =>
      message.type === "requestVoteRequest" && message.leadershipTransfer
    );
    assert.deepEqual(flags, [false, false, false, false]);
  });

  it("chooses the voter that is furthest where none is named, active ones first", () => {
    const configuration = configurationOf([1, 2, 3, 4], { learners: [5] });
    const node = loneLeader({ configuration });
    node.run(proposalOf(["a", "b"]));
    node.receive(5, accepted({ matchIndex: 3 }));
    node.receive(2, accepted({ matchIndex: 3 }));
    node.receive(4, accepted({ matchIndex: 3 }));
    for (let check = 1; check <= 2; check += 1) {
      node.fire("quorum");
      for (const id of [3, 4]) node.receive(id, accepted({ matchIndex: 3 }));
    }
    node.takeOutgoing();
    transfer(node, null);
    assert.equal(node.core.status().transferTarget, 3);
    assert.deepEqual(asked(node), [3]);
  });

  it("says why it cannot: no leader, no voter, nobody else", () => {
    for (const node of nodesOfEveryRole()) {
      if (node.core.isLeader) continue;
      transfer(node);
      assert.deepEqual(node.transfers, [{ source: "asked", failure: "not_leader" }]);
    }
    const leader = readyLeader({ configuration: configurationOf([1, 2, 3], { learners: [4] }) });
    for (const target of [4, 9]) transfer(leader, target);
    const failures = leader.transfers.map(({ failure }) => failure);
    assert.deepEqual(failures, ["not_a_voter", "not_a_voter"]);
    const alone = loneLeader({ configuration: configurationOf([1], { learners: [2] }) });
    transfer(alone, null);
    assert.deepEqual(alone.transfers, [{ source: "asked", failure: "no_other_voter" }]);
    assert.equal(alone.core.status().transferTarget, null);
  });

  it("is done at once where this node is the target", () => {
    const node = readyLeader();
    transfer(node, 1);
    assert.deepEqual(node.transfers, [{ source: "asked", failure: null, leaderId: 1, term: 1 }]);
    assert.deepEqual(asked(node), []);
  });

  it("does not hand over to a voter that is being removed", () => {
    const configuration = configurationOf([1, 2], { votersOld: [1, 2, 3] });
    const node = readyLeader({ configuration });
    transfer(node, 3);
    assert.deepEqual(node.transfers, [{ source: "asked", failure: "not_a_voter" }]);
  });

  it("another transfer takes the place of one under way", () => {
    const node = loneLeader();
    transfer(node, 2, "first");
    transfer(node, 3, "second");
    assert.deepEqual(node.transfers, [{ source: "first", failure: "replaced" }]);
    assert.equal(node.core.status().transferTarget, 3);
    acknowledgeAll(node, [2, 3]);
    assert.deepEqual(asked(node), [3]);
  });

  it("tells who leads although it is not who was meant", () => {
    const node = readyLeader();
    transfer(node);
    node.receive(3, appendEntries({ term: 4, prevLogIndex: 1, prevLogTerm: 1 }));
    assert.deepEqual(node.transfers, [{ source: "asked", failure: null, leaderId: 3, term: 4 }]);
  });

  it("waits for the next leader after it stepped down, and not for ever", () => {
    const node = readyLeader();
    transfer(node);
    const flagged = { term: 2, lastLogIndex: 1, lastLogTerm: 1, leadershipTransfer: true };
    node.receive(2, requestVote(flagged));
    assert.deepEqual([node.transfers, node.timers.has("transfer")], [[], true]);
    node.fire("transfer");
    assert.deepEqual(node.transfers, [{ source: "asked", failure: "leader_unknown" }]);
  });

  it("fails where this node is elected again", () => {
    const node = readyLeader();
    transfer(node);
    node.receive(3, vote({ term: 2, voteGranted: false }));
    node.fire("election");
    node.receive(2, vote({ term: 3, preVote: true }));
    node.receive(2, vote({ term: 3 }));
    assert.equal(node.core.isLeader, true);
    assert.deepEqual(node.transfers, [{ source: "asked", failure: "elected_again" }]);
  });
});

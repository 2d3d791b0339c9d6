/**
 * One test a sentence of §5.1 to §5.4 and §8 of the Raft paper (Ongaro and Ousterhout, extended
 * version) and of §6.2, §6.4 and §9.6 of Ongaro's dissertation: the name quotes the section and the
 * sentence; the body is init, act, check. Figure 2 is in paper_test.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest, Message } from "../src/consensus/messages.ts";
import { CoreCluster, proposalOf } from "../src/testing/core_cluster.ts";
import {
  acknowledgeAll,
  lead,
  loneLeader,
  loneNode,
  nodesOfEveryRole,
  onlyAnswer,
  roleOf,
  sentTo,
} from "../src/testing/core_lone_node.ts";
import {
  accepted,
  appendEntries,
  rejected,
  requestVote,
  vote,
} from "../src/testing/core_messages.ts";

/** The AppendEntries among messages. */
function appendsAmong(messages: readonly Message[]): AppendEntriesRequest[] {
  return messages.filter((message) => message.type === "appendEntriesRequest");
}

describe("§5.1 Raft basics", () => {
  it("If a server receives a request with a stale term number, it rejects the request", () => {
    const node = loneNode({ currentTerm: 5 });
    node.receive(2, appendEntries({ term: 4 }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, false);
    node.receive(2, requestVote({ term: 4 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
  });

  it("A candidate or leader whose term is out of date reverts to follower", () => {
    for (const node of nodesOfEveryRole().slice(2)) {
      node.receive(2, rejected({ term: 2 }));
      assert.deepEqual([roleOf(node), node.core.term], ["follower", 2]);
    }
  });
});

describe("§5.2 Leader election", () => {
  it("When servers start up, they begin as followers", () => {
    for (const currentTerm of [0, 7]) assert.equal(roleOf(loneNode({ currentTerm })), "follower");
  });

  it("Each server will vote for at most one candidate in a term, first-come-first-served", () => {
    const node = loneNode();
    const answers = [2, 3, 2].map((from) => {
      node.receive(from, requestVote());
      return onlyAnswer(node, "requestVoteResponse").voteGranted;
    });
    assert.deepEqual(answers, [true, false, true]);
  });

  it("A candidate with a legitimate AppendEntries returns to follower state", () => {
    for (const term of [1, 2]) {
      const node = nodesOfEveryRole()[2]!;
      node.receive(3, appendEntries({ term }));
      assert.deepEqual([roleOf(node), node.core.leaderId, node.core.term], ["follower", 3, term]);
    }
  });

  it("If the term is smaller, the candidate rejects it and continues as candidate", () => {
    const node = nodesOfEveryRole()[2]!;
    node.receive(3, appendEntries({ term: 0 }));
    assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, false);
    assert.equal(roleOf(node), "candidate");
  });

  it("When a split vote happens, each candidate times out and starts a new election", () => {
    const cluster = new CoreCluster({ nodes: 4 });
    for (const id of [1, 2]) cluster.node(id).fire("election");
    // Pre-votes bind nobody: both become candidates, and each gets one vote besides its own.
    cluster.deliver();
    cluster.deliver();
    assert.deepEqual([1, 2].map((id) => roleOf(cluster.node(id))), ["candidate", "candidate"]);
    cluster.deliver(({ from, to }) => to === from + 2);
    cluster.stabilize();
    assert.equal(cluster.leader, null);
    cluster.elect(1);
    assert.equal(cluster.node(1).core.term, 2);
  });
});

describe("§5.3 Log replication", () => {
  it("The leader sends AppendEntries in parallel to each of the other servers", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    acknowledgeAll(node, [2, 3, 4, 5]);
    node.takeOutgoing();
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.takeOutgoing().map(({ to }) => to), [2, 3, 4, 5]);
  });

  it("The leader retries AppendEntries indefinitely until all followers store all entries", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a");
    cluster.stabilize();
    assert.equal(cluster.node(1).core.commitIndex, 2, "after it has responded to the client, too");
    for (let round = 0; round < 5; round += 1) cluster.heartbeat(1);
    cluster.restart(3);
    cluster.heartbeat(1);
    assert.deepEqual(cluster.node(3).log, cluster.node(1).log);
  });

  it("A committed entry commits all preceding entries, those of previous leaders included", () => {
    const cluster = new CoreCluster({ nodes: 3, logs: { 1: [1, 2, 2], 2: [1], 3: [1] } });
    cluster.elect(1);
    assert.equal(cluster.node(1).core.commitIndex, 4);
    assert.equal(cluster.node(1).appliedIndex, 4);
  });

  it("Once a follower learns that an entry is committed, it applies it, in log order", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.propose(1, "a", "b");
    cluster.stabilize();
    assert.equal(cluster.node(2).appliedIndex, 1, "of the rest it learns with the next message");
    cluster.heartbeat(1);
    assert.deepEqual([2, 3].map((id) => cluster.node(id).appliedIndex), [3, 3]);
  });

  it("The leader forces the followers' logs to duplicate its own (Figure 7)", () => {
    const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers = [
      [1, 1, 1, 4, 4, 5, 5, 6, 6],
      [1, 1, 1, 4],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
      [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
      [1, 1, 1, 4, 4, 4, 4],
      [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    followers.forEach((terms, position) => {
      const node = loneNode({ terms: leader, currentTerm: 7 });
      lead(node);
      const follower = loneNode({ id: 2, terms, currentTerm: 8 });
      node.fire("heartbeat");
      for (let round = 0; round < 12; round += 1) {
        for (const message of sentTo(node, 2)) follower.receive(1, message);
        for (const message of sentTo(follower, 1)) node.receive(2, message);
      }
      assert.deepEqual(follower.terms, [...leader, 8], `follower (${"abcdef"[position]})`);
    });
  });

  it("A leader never overwrites or deletes entries in its own log (Leader Append-Only)", () => {
    const node = loneLeader({ terms: [1, 1] });
    const before = [...node.log];
    node.receive(2, rejected({ term: 2, prevLogIndex: 2 }));
    node.receive(3, rejected({ term: 2, prevLogIndex: 2, hintIndex: 1, hintTerm: 1 }));
    assert.throws(() => node.receive(2, appendEntries({ term: 2, terms: [2] })), /two leaders/);
    assert.deepEqual(node.log, before);
  });
});

describe("§5.4 Safety", () => {
  it("§5.4.1 The voter denies its vote if its own log is more up-to-date", () => {
    const node = loneNode({ terms: [1, 2], currentTerm: 2 });
    const cases = [[1, 9, false], [2, 1, false], [2, 2, true], [2, 3, true], [3, 1, true]] as const;
    cases.forEach(([lastLogTerm, lastLogIndex, granted], round) => {
      node.receive(2, requestVote({ term: 4 + round, lastLogTerm, lastLogIndex }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, granted);
    });
  });

  it("§5.4.1 Entries only flow from leaders; a leader has all committed entries", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "committed without node 3");
    cluster.stabilize();
    assert.equal(cluster.node(1).core.commitIndex, 2);
    cluster.heal();
    for (const node of cluster.nodesUp) node.fire("leaderContact");
    cluster.crash(1);
    cluster.node(3).fire("election");
    cluster.stabilize();
    assert.equal(cluster.leader, null, "node 3 lacks the entry, so node 2 denies it");
    cluster.elect(2);
    assert.equal(cluster.node(3).log[1]?.payload, "committed without node 3");
  });

  it("§5.4.2 Raft never commits log entries from previous terms by counting replicas", () => {
    const node = loneLeader({ terms: [1, 1] });
    for (const from of [2, 3]) node.receive(from, accepted({ term: 2, matchIndex: 2 }));
    assert.equal(node.core.commitIndex, 0);
  });

  it("§5.4.2 Once an entry of its term is committed, all prior ones are, indirectly", () => {
    const node = loneLeader({ terms: [1, 1] });
    node.receive(2, accepted({ term: 2, matchIndex: 3 }));
    assert.equal(node.core.commitIndex, 3);
  });
});

describe("§8 Client interaction", () => {
  it("A leader commits a blank no-op entry into the log at the start of its term", () => {
    const node = loneLeader({ terms: [1] });
    assert.deepEqual(node.log[1], { term: 2, payload: "noop@2" });
    acknowledgeAll(node, [2]);
    assert.equal(node.core.commitIndex, 2);
  });

  it("A leader exchanges heartbeats with a majority before it answers reads", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    const readId = cluster.read(1);
    assert.equal(cluster.outcome(1, readId), undefined);
    cluster.stabilize();
    assert.equal(cluster.outcome(1, readId)?.readIndex, 1);
  });

  it("A deposed leader serves no stale data", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.isolate(1);
    const readId = cluster.read(1);
    cluster.elect(2);
    cluster.propose(2, "newer");
    cluster.stabilize();
    cluster.heal();
    cluster.heartbeat(1);
    assert.deepEqual(cluster.outcome(1, readId), { readId, readIndex: null, reason: "lost" });
  });
});

describe("dissertation §6.2, §6.4, §9.6", () => {
  it("§6.2 A leader steps down if a timeout elapses without a round to a majority", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    node.fire("quorum");
    node.receive(2, accepted());
    node.receive(3, accepted());
    node.fire("quorum");
    assert.equal(node.core.isLeader, true);
    node.receive(2, accepted());
    node.fire("quorum");
    assert.equal(node.core.isLeader, false);
  });

  it("§6.4 1. A leader that has not committed an entry of its term waits until it has", () => {
    const node = loneLeader();
    node.run({ type: "readIndex", readId: 1 });
    node.receive(2, accepted({ readSequence: 0 }));
    assert.deepEqual(node.reads, []);
    acknowledgeAll(node, [2]);
    node.receive(2, accepted({ matchIndex: 1, readSequence: 1 }));
    assert.equal(node.reads.length, 1);
  });

  it("§6.4 2. The leader saves its current commit index as readIndex", () => {
    const node = loneLeader();
    acknowledgeAll(node, [2]);
    node.run({ type: "readIndex", readId: 1 });
    node.run(proposalOf(["later"]));
    node.receive(2, accepted({ matchIndex: 2, readSequence: 1 }));
    assert.deepEqual(node.reads, [{ readId: 1, readIndex: 1 }]);
  });

  it("§6.4 3. It issues a new round of heartbeats and waits for a majority of the cluster", () => {
    const node = loneLeader({ voters: [1, 2, 3, 4, 5] });
    acknowledgeAll(node, [2, 3]);
    node.takeOutgoing();
    node.run({ type: "readIndex", readId: 1 });
    assert.deepEqual(node.takeOutgoing().map(({ to }) => to), [2, 3, 4, 5]);
    node.receive(4, accepted({ readSequence: 1 }));
    assert.deepEqual(node.reads, []);
    node.receive(5, accepted({ readSequence: 1 }));
    assert.equal(node.reads.length, 1);
  });

  it("§6.4 One round serves any number of read-only queries that have accumulated", () => {
    const node = loneLeader();
    acknowledgeAll(node, [2]);
    node.takeOutgoing();
    for (let readId = 1; readId <= 50; readId += 1) node.run({ type: "readIndex", readId });
    node.receive(2, accepted({ matchIndex: 1, readSequence: 1 }));
    node.receive(2, accepted({ matchIndex: 1, readSequence: 2 }));
    assert.equal(node.reads.length, 50);
    assert.equal(appendsAmong(sentTo(node, 3)).length, 2);
  });

  it("§6.4 A follower asks the leader for a current readIndex", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.stabilize();
    const readId = cluster.read(3);
    cluster.stabilize();
    assert.deepEqual(cluster.outcome(3, readId), { readId, readIndex: 2 });
    assert.equal(cluster.node(3).appliedIndex, 2, "the round told it the commit index");
  });

  it("§9.6 A candidate only increments its term if a majority would give it their votes", () => {
    const node = loneNode({ currentTerm: 4 });
    for (let round = 0; round < 5; round += 1) {
      node.fire("election");
      node.receive(2, vote({ term: 4, preVote: true, voteGranted: false }));
    }
    assert.deepEqual([roleOf(node), node.core.term], ["preCandidate", 4]);
    node.receive(3, vote({ term: 5, preVote: true }));
    assert.deepEqual([roleOf(node), node.core.term], ["candidate", 5]);
  });

  it("§9.6 Servers grant it if they have not heard from a leader for an election timeout", () => {
    const node = loneNode();
    node.receive(2, appendEntries());
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 2, preVote: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    node.fire("leaderContact");
    node.receive(3, requestVote({ term: 2, preVote: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });

  it("§9.6 A partitioned server does not disrupt the cluster when it rejoins", () => {
    const cluster = new CoreCluster({ nodes: 3 });
    cluster.elect(1);
    cluster.isolate(3);
    for (let round = 0; round < 10; round += 1) cluster.node(3).fire("election");
    assert.equal(cluster.node(3).core.term, 1);
    cluster.heal();
    cluster.node(3).fire("election");
    cluster.stabilize();
    cluster.heartbeat(1);
    assert.deepEqual([cluster.leader?.id, cluster.node(1).core.term], [1, 1]);
    assert.equal(cluster.node(3).core.leaderId, 1);
  });
});

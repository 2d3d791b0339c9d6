import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Consensus } from "../../src/consensus/consensus.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { loneLeader, loneNode, onlyAnswer } from "../../src/testing/core_lone_node.ts";
import { appendEntries, requestVote, vote } from "../../src/testing/core_messages.ts";
import type { CoreNode } from "../../src/testing/core_node.ts";

/** Everything that a question must leave alone. */
function observable(node: CoreNode): unknown {
  const { role, term, votedFor, leaderId } = node.core.status();
  return { role, term, votedFor, leaderId, timers: [...node.timers], storage: node.storage };
}

/** Whether node 4, of data directory `bb…`, votes by a log with this configuration only. */
function votesAs(instanceId: string, hasJoined = false): boolean {
  const four = { id: 4, address: "node4:7000", instanceId };
  const configuration = { ...configurationOf([1, 2, 3]), learners: [four] };
  const core = new Consensus({
    nodeId: 4,
    instanceId: "b".repeat(32),
    hasJoined,
    currentTerm: 1,
    votedFor: 0,
    baseIndex: 0,
    baseTerm: 0,
    lastIndex: 1,
    termRuns: [{ term: 1, firstIndex: 1 }],
    configurations: [{ index: 1, configuration }],
    commitIndex: 1,
  });
  const message = requestVote({ term: 2, lastLogTerm: 1, lastLogIndex: 1 });
  core.step({ type: "message", from: 2, message });
  const [sent] = core.takeEffects().messagesNow;
  assert.ok(sent?.type === "message" && sent.message.type === "requestVoteResponse");
  return sent.message.voteGranted;
}

describe("request_vote", () => {
  it("grants its first vote of a term, durably, and to nobody else", () => {
    const node = loneNode();
    node.receive(2, requestVote());
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    const { currentTerm, votedFor, entries } = node.storage;
    assert.deepEqual([currentTerm, votedFor, entries], [1, 2, []]);
    node.receive(3, requestVote());
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    node.receive(2, requestVote());
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true, "asked again");
  });

  it("re-arms the election timer when it grants, and not when it refuses", () => {
    const node = loneNode({ currentTerm: 1, votedFor: 2 });
    const armed = node.timers.get("election");
    node.receive(3, requestVote());
    assert.equal(node.timers.get("election"), armed);
    node.receive(2, requestVote());
    assert.notEqual(node.timers.get("election"), armed);
  });

  it("trap 3: keeps its vote over a crash, in one record with the term", () => {
    const node = loneNode();
    node.receive(2, requestVote({ term: 7 }));
    node.crash();
    node.restart();
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 7 }));
    const answer = onlyAnswer(node, "requestVoteResponse");
    assert.deepEqual([answer.voteGranted, answer.term], [false, 7]);
  });

  it("trap 3: a crash before the hard state is durable leaves no answer behind", () => {
    const node = loneNode();
    node.step({ type: "message", from: 2, message: requestVote({ term: 7 }) });
    assert.deepEqual(node.outgoing, [], "nothing leaves before the effects are performed");
    node.crash();
    node.restart();
    node.receive(3, requestVote({ term: 7 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });

  it("trap 5: compares the last terms first and the indexes only between equal terms", () => {
    const cases = [
      { lastLogTerm: 3, lastLogIndex: 1, granted: true },
      { lastLogTerm: 2, lastLogIndex: 3, granted: true },
      { lastLogTerm: 2, lastLogIndex: 4, granted: true },
      { lastLogTerm: 2, lastLogIndex: 2, granted: false },
      { lastLogTerm: 1, lastLogIndex: 9, granted: false },
    ];
    for (const { granted, ...log } of cases) {
      for (const preVote of [true, false]) {
        const node = loneNode({ terms: [1, 2, 2], currentTerm: 5 });
        node.receive(2, requestVote({ term: 6, preVote, ...log }));
        const answer = onlyAnswer(node, "requestVoteResponse");
        assert.equal(answer.voteGranted, granted, JSON.stringify({ ...log, preVote }));
      }
    }
  });

  it("ancestor A3: votes for a newer last term with a shorter log", () => {
    const node = loneNode({ terms: [1, 1, 1, 1] });
    node.receive(2, requestVote({ term: 3, lastLogTerm: 2, lastLogIndex: 2 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });

  it("trap 14: who joins votes once its log names its own data directory, not its id alone", () => {
    assert.equal(votesAs("a".repeat(32)), false, "its predecessor is the member");
    assert.equal(votesAs(""), false, "a place that its predecessor may have taken");
    assert.equal(votesAs("b".repeat(32)), true);
    assert.equal(votesAs("", true), true, "what named it is compacted");
  });

  it("trap 6: a newer term resets the vote, does not grant it, and the same term keeps it", () => {
    const node = loneNode({ terms: [2], currentTerm: 2, votedFor: 3 });
    // Not up to date: the term is adopted and the vote stays free.
    node.receive(2, requestVote({ term: 3 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [3, 0]);
    node.receive(3, requestVote({ term: 3, lastLogTerm: 2, lastLogIndex: 1 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    node.receive(2, appendEntries({ term: 3 }));
    assert.equal(node.storage.votedFor, 3, "following a leader of the term keeps the vote");
  });

  it("trap 7: a pre-vote changes nothing at the voter, granted or refused", () => {
    for (const lastLogIndex of [0, 9]) {
      const node = loneNode({ terms: [1], currentTerm: 4, votedFor: 3 });
      const before = observable(node);
      node.receive(2, requestVote({ term: 5, preVote: true, lastLogIndex, lastLogTerm: 1 }));
      assert.deepEqual(observable(node), before);
      const answer = onlyAnswer(node, "requestVoteResponse");
      assert.deepEqual([answer.preVote, answer.voteGranted], [true, lastLogIndex === 9]);
      assert.equal(answer.term, lastLogIndex === 9 ? 5 : 4);
    }
  });

  it("trap 7: a pre-vote for the current term or an older one is refused", () => {
    for (const term of [3, 4]) {
      const node = loneNode({ currentTerm: 4 });
      node.receive(2, requestVote({ term, preVote: true }));
      const answer = onlyAnswer(node, "requestVoteResponse");
      assert.deepEqual([answer.voteGranted, answer.term], [false, 4]);
    }
  });

  it("trap 7: a pre-vote is granted to several, for it binds nobody", () => {
    const node = loneNode();
    for (const from of [2, 3]) {
      node.receive(from, requestVote({ preVote: true }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    }
  });

  it("trap 7: the two kinds of answer are told apart", () => {
    const node = loneNode({ voters: [1, 2, 3, 4, 5] });
    node.fire("election");
    node.receive(2, vote({ term: 1 }));
    node.receive(3, vote({ term: 1 }));
    assert.equal(node.core.status().role, "preCandidate", "votes are no pre-votes");
    for (const from of [2, 3]) node.receive(from, vote({ term: 1, preVote: true }));
    assert.equal(node.core.status().role, "candidate");
    for (const from of [4, 5]) node.receive(from, vote({ term: 2, preVote: true }));
    assert.equal(node.core.status().role, "candidate", "pre-votes are no votes");
  });

  it("trap 11: a learner votes, for the candidate may know a newer configuration", () => {
    const node = loneNode({ voters: [2, 3, 4] });
    node.receive(2, requestVote());
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
  });

  it("trap 38: a follower that hears its leader refuses and keeps its term", () => {
    for (const preVote of [true, false]) {
      const node = loneNode();
      node.receive(2, appendEntries());
      node.takeOutgoing();
      const before = observable(node);
      node.receive(3, requestVote({ term: 9, preVote }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
      assert.deepEqual(observable(node), before);
      node.fire("leaderContact");
      node.receive(3, requestVote({ term: 9, preVote }));
      assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    }
  });

  it("trap 38: a leader refuses and keeps its term", () => {
    const node = loneLeader();
    node.receive(3, requestVote({ term: 9, lastLogIndex: 9, lastLogTerm: 8 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
    assert.equal(node.core.isLeader, true);
    assert.equal(node.core.term, 1);
  });

  it("trap 9: an election that the leader asked for passes stickiness", () => {
    const node = loneNode();
    node.receive(2, appendEntries());
    node.takeOutgoing();
    node.receive(3, requestVote({ term: 2, leadershipTransfer: true }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    const leader = loneLeader();
    const log = { lastLogIndex: 1, lastLogTerm: 1 };
    leader.receive(3, requestVote({ term: 2, leadershipTransfer: true, ...log }));
    assert.equal(onlyAnswer(leader, "requestVoteResponse").voteGranted, true);
    assert.equal(leader.core.isLeader, false);
  });

  it("trap 9: an early election does not pass a log that is ahead", () => {
    const node = loneNode({ terms: [1, 1] });
    node.receive(3, requestVote({ term: 2, leadershipTransfer: true, lastLogIndex: 1 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, false);
  });

  it("a candidate counts each voter once", () => {
    const node = loneNode({ voters: [1, 2, 3, 4, 5] });
    node.fire("election");
    for (const from of [2, 2, 2]) node.receive(from, vote({ preVote: true }));
    assert.equal(node.core.status().role, "preCandidate");
    node.receive(3, vote({ preVote: true }));
    for (const from of [2, 2, 2]) node.receive(from, vote());
    assert.equal(node.core.status().role, "candidate");
    node.receive(3, vote());
    assert.equal(node.core.isLeader, true);
  });

  it("a candidate ignores votes of another term", () => {
    const node = loneNode({ currentTerm: 4 });
    node.fire("election");
    node.receive(2, vote({ term: 5, preVote: true }));
    node.receive(2, vote({ term: 4 }));
    node.receive(3, vote({ term: 4 }));
    assert.equal(node.core.status().role, "candidate");
    assert.equal(node.core.term, 5);
  });

  it("a candidate counts a vote that follows a late refusal of an older election", () => {
    const node = loneNode({ currentTerm: 4 });
    node.fire("election");
    node.receive(2, vote({ term: 5, preVote: true }));
    node.receive(2, vote({ term: 4, voteGranted: false }));
    node.receive(2, vote({ term: 5 }));
    assert.equal(node.core.isLeader, true);
  });

  it("a candidate adopts the newer term of a refusal", () => {
    for (const preVote of [true, false]) {
      const node = loneNode();
      node.fire("election");
      if (!preVote) node.receive(2, vote({ term: 1, preVote: true }));
      node.receive(3, vote({ term: 8, voteGranted: false, preVote }));
      assert.deepEqual([node.core.status().role, node.core.term], ["follower", 8]);
      assert.equal(node.storage.currentTerm, 8);
      assert.ok(node.timers.has("election"));
    }
  });
});

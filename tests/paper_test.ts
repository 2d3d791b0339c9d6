/**
 * One test a sentence of Figure 2 of the Raft paper (Ongaro and Ousterhout, extended version): the
 * name quotes the sentence; the body is init, act, check. The sections of the paper and of Ongaro's
 * dissertation are in paper_sections_test.ts.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest, Message } from "../src/consensus/messages.ts";
import { proposalOf } from "../src/testing/core_cluster.ts";
import {
  acknowledgeAll,
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

describe("Figure 2, state", () => {
  it("currentTerm, votedFor, log: updated on stable storage before responding to RPCs", () => {
    const node = loneNode({ syncsAtOnce: false });
    node.receive(2, requestVote({ term: 4 }));
    assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, true);
    assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [4, 2]);
    node.receive(2, appendEntries({ term: 4, terms: [4] }));
    assert.deepEqual(node.takeOutgoing(), [], "the log is not durable yet");
    node.sync();
    assert.equal(onlyAnswer(node, "appendEntriesResponse").accepted, true);
    assert.equal(node.storage.entries.length, 1);
  });

  it("nextIndex: initialized to leader last log index + 1", () => {
    const node = loneNode({ terms: [1, 1, 1] });
    node.fire("election");
    node.receive(2, vote({ term: 2, preVote: true }));
    node.takeOutgoing();
    node.receive(2, vote({ term: 2 }));
    const [first] = appendsAmong(sentTo(node, 3));
    assert.deepEqual([first?.prevLogIndex, first?.entries?.firstIndex], [3, 4]);
  });

  it("matchIndex: initialized to 0, increases monotonically", () => {
    const node = loneLeader({ terms: [1, 1] });
    const matchOf2 = (): number => node.core.status().followers[0]!.matchIndex;
    assert.equal(matchOf2(), 0);
    const seen = [2, 1, 3, 0].map((matchIndex) => {
      node.receive(2, accepted({ term: 2, matchIndex }));
      return matchOf2();
    });
    assert.deepEqual(seen, [2, 2, 3, 3]);
  });
});

describe("Figure 2, AppendEntries RPC", () => {
  it("1. Reply false if term < currentTerm (§5.1)", () => {
    for (const node of nodesOfEveryRole()) {
      const role = roleOf(node);
      node.receive(2, appendEntries({ term: 0, terms: [0] }));
      const answer = onlyAnswer(node, "appendEntriesResponse");
      assert.deepEqual([answer.accepted, answer.term], [false, 1]);
      assert.equal(roleOf(node), role);
    }
  });

  it("2. Reply false if log has no entry at prevLogIndex with prevLogTerm (§5.3)", () => {
    const cases = [
      { prevLogIndex: 0, prevLogTerm: 0, accepts: true },
      { prevLogIndex: 1, prevLogTerm: 1, accepts: true },
      { prevLogIndex: 2, prevLogTerm: 2, accepts: true },
      { prevLogIndex: 1, prevLogTerm: 2, accepts: false },
      { prevLogIndex: 2, prevLogTerm: 1, accepts: false },
      { prevLogIndex: 3, prevLogTerm: 2, accepts: false },
    ];
    for (const { accepts, ...prev } of cases) {
      const node = loneNode({ terms: [1, 2] });
      node.receive(2, appendEntries({ term: 2, ...prev }));
      const answer = onlyAnswer(node, "appendEntriesResponse");
      assert.equal(answer.accepted, accepts, JSON.stringify(prev));
    }
  });

  it("3. If an entry conflicts with a new one, delete it and all that follow (§5.3)", () => {
    const node = loneNode({ terms: [1, 2, 2, 2], currentTerm: 3 });
    node.receive(2, appendEntries({ term: 3, prevLogIndex: 1, prevLogTerm: 1, terms: [2, 3] }));
    assert.deepEqual(node.terms, [1, 2, 3]);
    assert.deepEqual(node.storage.entries, node.log);
  });

  it("4. Append any new entries not already in the log", () => {
    const node = loneNode({ terms: [1, 1] });
    node.receive(2, appendEntries({ terms: [1, 1, 1, 1] }));
    assert.deepEqual(node.terms, [1, 1, 1, 1]);
    node.receive(2, appendEntries({ terms: [1, 1, 1, 1] }));
    assert.deepEqual(node.terms, [1, 1, 1, 1]);
  });

  it("5. If leaderCommit > commitIndex, it is min(leaderCommit, last new entry)", () => {
    const cases = [
      { leaderCommit: 1, terms: [1], commitIndex: 1 },
      { leaderCommit: 9, terms: [1], commitIndex: 2 },
      { leaderCommit: 9, terms: [], commitIndex: 1 },
      { leaderCommit: 0, terms: [1], commitIndex: 0 },
    ];
    for (const { commitIndex, ...fields } of cases) {
      const node = loneNode({ terms: [1, 1, 1] });
      node.receive(2, appendEntries({ prevLogIndex: 1, prevLogTerm: 1, ...fields }));
      assert.equal(node.core.commitIndex, commitIndex, JSON.stringify(fields));
    }
  });
});

describe("Figure 2, RequestVote RPC", () => {
  it("1. Reply false if term < currentTerm (§5.1)", () => {
    const node = loneNode({ currentTerm: 3 });
    node.receive(2, requestVote({ term: 2, lastLogTerm: 2, lastLogIndex: 9 }));
    const answer = onlyAnswer(node, "requestVoteResponse");
    assert.deepEqual([answer.voteGranted, answer.term], [false, 3]);
  });

  it("2. If votedFor is null or candidateId, and the log is up-to-date, grant (§5.2)", () => {
    for (const votedFor of [0, 1, 2, 3]) {
      for (const lastLogIndex of [0, 1, 2]) {
        const node = loneNode({ terms: [1], votedFor });
        node.receive(2, requestVote({ lastLogTerm: Math.min(lastLogIndex, 1), lastLogIndex }));
        const granted = (votedFor === 0 || votedFor === 2) && lastLogIndex >= 1;
        assert.equal(onlyAnswer(node, "requestVoteResponse").voteGranted, granted);
      }
    }
  });
});

describe("Figure 2, rules for servers", () => {
  it("All: if commitIndex > lastApplied, apply log[lastApplied] (§5.3)", () => {
    const node = loneNode({ terms: [1, 1, 1] });
    node.receive(2, appendEntries({ prevLogIndex: 3, prevLogTerm: 1, leaderCommit: 2 }));
    assert.equal(node.appliedIndex, 2);
  });

  it("All: if an RPC contains term T > currentTerm: adopt it, be a follower (§5.1)", () => {
    const messages = [
      appendEntries({ term: 9 }),
      accepted({ term: 9 }),
      rejected({ term: 9 }),
      vote({ term: 9, voteGranted: false }),
      vote({ term: 9, voteGranted: false, preVote: true }),
    ];
    for (const message of messages) {
      for (const node of nodesOfEveryRole()) {
        node.receive(3, message);
        assert.deepEqual([roleOf(node), node.core.term], ["follower", 9], message.type);
        assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [9, 0]);
      }
    }
  });

  it("Followers: without AppendEntries or a granted vote for an election timeout, campaign", () => {
    const node = loneNode();
    assert.ok(node.timers.has("election"));
    const armings: (number | undefined)[] = [node.timers.get("election")];
    node.receive(2, appendEntries({ term: 1 }));
    armings.push(node.timers.get("election"));
    node.fire("leaderContact");
    node.receive(3, requestVote({ term: 2 }));
    armings.push(node.timers.get("election"));
    assert.equal(new Set(armings).size, 3, "each of the two arms the timer anew");
    node.fire("election");
    assert.equal(roleOf(node), "preCandidate");
  });

  it("Candidates: increment currentTerm, vote for self, arm the timer, ask all", () => {
    const node = loneNode({ terms: [1], currentTerm: 4, voters: [1, 2, 3, 4, 5] });
    node.fire("election");
    node.takeOutgoing();
    const armed = node.timers.get("election");
    for (const from of [2, 3]) node.receive(from, vote({ term: 5, preVote: true }));
    assert.deepEqual([roleOf(node), node.core.term], ["candidate", 5]);
    assert.deepEqual([node.storage.currentTerm, node.storage.votedFor], [5, 1]);
    assert.notEqual(node.timers.get("election"), armed);
    const requests = node.takeOutgoing();
    assert.deepEqual(requests.map(({ to }) => to), [2, 3, 4, 5]);
    const expected = requestVote({ term: 5, lastLogIndex: 1, lastLogTerm: 1 });
    for (const { message } of requests) assert.deepEqual(message, expected);
  });

  it("Candidates: if votes received from majority of servers: become leader", () => {
    const node = loneNode({ voters: [1, 2, 3, 4, 5] });
    node.fire("election");
    for (const from of [2, 3]) node.receive(from, vote({ preVote: true }));
    node.receive(4, vote());
    assert.equal(roleOf(node), "candidate");
    node.receive(5, vote());
    assert.equal(roleOf(node), "leader");
  });

  it("Candidates: if AppendEntries RPC received from new leader: convert to follower", () => {
    const node = nodesOfEveryRole()[2]!;
    node.receive(3, appendEntries());
    assert.deepEqual([roleOf(node), node.core.leaderId], ["follower", 3]);
  });

  it("Candidates: if election timeout elapses: start new election", () => {
    const node = nodesOfEveryRole()[2]!;
    node.fire("election");
    node.receive(3, vote({ term: 2, preVote: true }));
    assert.deepEqual([roleOf(node), node.core.term], ["candidate", 2]);
  });

  it("Leaders: upon election send AppendEntries to each server, and when idle", () => {
    const node = loneNode();
    node.fire("election");
    node.receive(2, vote({ preVote: true }));
    node.takeOutgoing();
    node.receive(2, vote());
    assert.deepEqual(node.takeOutgoing().map(({ to }) => to), [2, 3]);
    acknowledgeAll(node, [2, 3]);
    for (let round = 0; round < 3; round += 1) {
      node.takeOutgoing();
      assert.ok(node.timers.has("heartbeat"));
      node.fire("heartbeat");
      assert.equal(appendsAmong(sentTo(node, 3)).length, 1);
    }
  });

  it("Leaders: append a command to the log, respond after it is applied (§5.3)", () => {
    const node = loneLeader();
    node.run(proposalOf(["a"]));
    assert.deepEqual(node.log[1], { term: 1, payload: "a" });
    assert.equal(node.appliedIndex, 0);
    acknowledgeAll(node, [2]);
    assert.equal(node.appliedIndex, 2);
  });

  it("Leaders: if last log index ≥ nextIndex: send the entries from nextIndex", () => {
    const node = loneLeader();
    acknowledgeAll(node, [2]);
    node.takeOutgoing();
    node.run(proposalOf(["a", "b"]));
    const [append] = appendsAmong(sentTo(node, 2));
    const { firstIndex, lastIndex } = append!.entries!;
    assert.deepEqual([append!.prevLogIndex, firstIndex, lastIndex], [1, 2, 3]);
  });

  it("Leaders: if successful: update nextIndex and matchIndex for follower (§5.3)", () => {
    const node = loneLeader({ terms: [1, 1] });
    node.receive(2, accepted({ term: 2, matchIndex: 3 }));
    assert.equal(node.core.status().followers[0]!.matchIndex, 3);
    node.takeOutgoing();
    node.fire("heartbeat");
    assert.equal(appendsAmong(sentTo(node, 2))[0]!.prevLogIndex, 3);
  });

  it("Leaders: if refused for inconsistency: decrement nextIndex and retry (§5.3)", () => {
    const node = loneLeader({ terms: [1, 1, 1] });
    const hint = { hintIndex: 1, hintTerm: 1 };
    node.receive(2, rejected({ term: 2, prevLogIndex: 3, ...hint }));
    const [retry] = appendsAmong(sentTo(node, 2));
    assert.deepEqual([retry?.prevLogIndex, retry?.entries?.lastIndex], [1, 4]);
  });

  it("Leaders: commit N if a majority has it and log[N].term == currentTerm (§5.4)", () => {
    const node = loneLeader({ terms: [1, 2], voters: [1, 2, 3, 4, 5] });
    const commitAfter = (from: number, matchIndex: number): number => {
      node.receive(from, accepted({ term: 3, matchIndex }));
      return node.core.commitIndex;
    };
    assert.equal(commitAfter(2, 2), 0);
    assert.equal(commitAfter(3, 2), 0, "a majority, but of an older term");
    assert.equal(commitAfter(4, 3), 0);
    assert.equal(commitAfter(5, 3), 3);
  });
});

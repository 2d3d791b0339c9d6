/** Votes, promises and reads are held against what made them right or wrong. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Message } from "../../../src/consensus/messages.ts";
import type { ObservedLog } from "../../../src/testing/checkers/observations.ts";
import { AcknowledgementRule } from "../../../src/testing/checkers/acknowledgement_rule.ts";
import { PromiseRule } from "../../../src/testing/checkers/promise_rule.ts";
import { checkRead } from "../../../src/testing/checkers/read_recency.ts";
import { VoteRule } from "../../../src/testing/checkers/vote_rule.ts";

/** A log with entries of these terms. */
function logOf(...terms: number[]): ObservedLog {
  const entries = terms.map((term, i) => ({ index: i + 1, term, payloadHash: "" }));
  return { lastIncludedIndex: 0, lastIncludedTerm: 0, entries };
}

describe("VoteRule", () => {
  it("trap 5: compares the last terms first, then the indexes", () => {
    const rule = new VoteRule();
    rule.onCandidate(1, 4, logOf(1, 2));
    rule.onVote(2, 1, 4, logOf(1, 1, 1));
    rule.onVote(2, 1, 4, logOf(1, 2));
    assert.throws(() => rule.onVote(2, 1, 4, logOf(1, 2, 2)), /ends with entry 3 of term 2/);
    assert.throws(() => rule.onVote(2, 1, 4, logOf(3)), /votes in term 4 for 1/);
  });

  it("goes by the snapshot where nothing is behind it", () => {
    const rule = new VoteRule();
    rule.onCandidate(1, 4, { lastIncludedIndex: 7, lastIncludedTerm: 3, entries: [] });
    rule.onVote(2, 1, 4, logOf(1, 3));
    assert.throws(() => rule.onVote(2, 1, 4, logOf(1, 1, 1, 1, 1, 1, 1, 3)), /entry 8 of term 3/);
  });
});

describe("PromiseRule", () => {
  const round = 5;
  const request: Message = {
    type: "appendEntriesRequest",
    term: 2,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 0,
    readSequence: round,
    session: 0,
    provenToken: 0,
    entries: null,
  };
  const promise: Message = {
    type: "appendEntriesResponse",
    accepted: true,
    term: 2,
    matchIndex: 0,
    readSequence: round,
    session: 0,
    promiseMs: 200,
    storageFull: false,
    ageToken: 0,
  };
  const vote: Message = {
    type: "requestVoteResponse",
    term: 3,
    voteGranted: true,
    preVote: false,
  };
  const candidacy = {
    type: "requestVoteRequest",
    term: 3,
    lastLogIndex: 0,
    lastLogTerm: 0,
    preVote: false,
    leadershipTransfer: false,
  } as const;

  /** Node 2 has promised leader 1, at 1000 ms, to elect nobody for 200 ms. */
  function promised(): PromiseRule {
    const rule = new PromiseRule();
    rule.onSaid({ nodeId: 1, instanceId: "a", message: request, to: 2, nowMs: 1_000 });
    rule.onSaid({ nodeId: 2, instanceId: "b", message: promise, to: 1, nowMs: 1_120 });
    return rule;
  }

  it("trap 42: finds a vote while a promise lasts, counted from when its round was sent", () => {
    const said = { nodeId: 2, instanceId: "b", message: vote, to: 3 };
    assert.throws(() => promised().onSaid({ ...said, nowMs: 1_140 }), /for another 10 ms/);
    promised().onSaid({ ...said, nowMs: 1_200 });
    promised().onSaid({ ...said, nowMs: 1_140, instanceId: "its successor" });
  });

  it("finds a node that stands for election itself, unless the leader asked for it", () => {
    const said = { nodeId: 2, instanceId: "b", to: 3, nowMs: 1_140 };
    assert.throws(
      () => promised().onSaid({ ...said, message: candidacy }),
      /votes for 2 in term 3/,
    );
    promised().onSaid({ ...said, message: { ...candidacy, leadershipTransfer: true } });
  });

  it("accepts a vote for whom the leader asked to stand", () => {
    const rule = promised();
    const message = { ...candidacy, leadershipTransfer: true };
    rule.onSaid({ nodeId: 3, instanceId: "c", message, to: 2, nowMs: 1_130 });
    rule.onSaid({ nodeId: 2, instanceId: "b", message: vote, to: 3, nowMs: 1_140 });
  });
});

describe("Read recency", () => {
  it("trap 40: finds a read that lacks what was committed when it was asked for", () => {
    checkRead({ committedIndex: 7, index: 7, servedBy: 1, label: "read of a" });
    assert.throws(
      () => checkRead({ committedIndex: 8, index: 7, servedBy: 1, label: "read of a" }),
      /"read of a" was answered by node 1 as of index 7/,
    );
  });
});

describe("AcknowledgementRule", () => {
  it("trap 16: finds what the leader does not have, or has with another term", () => {
    const terms = [0, 1, 2, 4];
    const rule = new AcknowledgementRule();
    rule.onRole(1, 4, { lastIndex: 3, termAt: (index) => terms[index] ?? null });
    const said = { nodeId: 2, leaderId: 1, term: 4, index: 2, entryTerm: 2 };
    rule.onAcknowledged(said);
    assert.throws(() => rule.onAcknowledged({ ...said, entryTerm: 3 }), /which has term 2 there/);
    assert.throws(() => rule.onAcknowledged({ ...said, index: 4 }), /which has nothing there/);
    rule.onAcknowledged({ ...said, term: 3, index: 4 });
    rule.onRole(1, 0, { lastIndex: 0, termAt: () => null });
    rule.onAcknowledged({ ...said, index: 4 });
  });
});

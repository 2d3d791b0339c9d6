/** What nodes say is held against what they said before, and against what they find afterwards. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest, Message } from "../../../src/consensus/messages.ts";
import { CommitRule } from "../../../src/testing/checkers/commit_rule.ts";
import type { ObservedLog } from "../../../src/testing/checkers/observations.ts";
import { Persistence } from "../../../src/testing/checkers/persistence.ts";
import { RevisionAgreement } from "../../../src/testing/checkers/revision_agreement.ts";

/** A log with entries of these terms. */
function logOf(...terms: number[]): ObservedLog {
  const entries = terms.map((term, i) => ({ index: i + 1, term, payloadHash: "" }));
  return { lastIncludedIndex: 0, lastIncludedTerm: 0, entries };
}

function vote(term: number): Message {
  return { type: "requestVoteResponse", term, voteGranted: true, preVote: false };
}

function acknowledgement(term: number, matchIndex: number): Message {
  return {
    type: "appendEntriesResponse",
    accepted: true,
    term,
    matchIndex,
    readSequence: 0,
    session: 0,
    promiseMs: 0,
    storageFull: false,
    ageToken: 0,
  };
}

function heartbeat(term: number, leaderCommit: number): AppendEntriesRequest {
  return {
    type: "appendEntriesRequest",
    term,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit,
    readSequence: 0,
    session: 0,
    provenToken: 0,
    entries: null,
  };
}

describe("Persistence", () => {
  it("accepts a node that finds what it said, or a later term", () => {
    const check = new Persistence(1);
    check.onSaid(vote(3), logOf(1), 2);
    check.onRestored({ currentTerm: 3, votedFor: 2 }, logOf(1));
    check.onRestored({ currentTerm: 4, votedFor: 0 }, logOf(1));
  });

  it("finds a vote or a term that was forgotten", () => {
    const check = new Persistence(1);
    check.onSaid(vote(3), logOf(1), 2);
    assert.throws(() => check.onRestored({ currentTerm: 3, votedFor: 0 }, logOf(1)), /vote for 2/);
    assert.throws(() => check.onRestored({ currentTerm: 2, votedFor: 2 }, logOf(1)), /term 2/);
    assert.throws(() => check.onSaid(vote(3), logOf(1), 3), /votes for 3 in term 3/);
  });

  it("finds an acknowledged entry that is gone, unless a leader had it removed", () => {
    const check = new Persistence(1);
    const hardState = { currentTerm: 2, votedFor: 0 };
    check.onSaid(acknowledgement(2, 2), logOf(1, 2, 2), 2);
    check.onRestored(hardState, logOf(1, 2));
    assert.throws(() => check.onRestored(hardState, logOf(1)), /acknowledged entry 2 of term 2/);
    assert.throws(() => check.onRestored(hardState, logOf(1, 1)), /starts with term 1 there/);
    check.onTruncated(1);
    check.onRestored(hardState, logOf(1));
  });
});

describe("CommitRule", () => {
  it("accepts what was known at the election, and what ends with the own term", () => {
    const check = new CommitRule(1);
    check.onSaid(heartbeat(3, 1), logOf(1, 2, 3));
    check.onSaid(heartbeat(3, 3), logOf(1, 2, 3));
  });

  it("finds an entry of an older term that was committed by counting", () => {
    const check = new CommitRule(1);
    check.onSaid(heartbeat(3, 1), logOf(1, 2, 3));
    assert.throws(() => check.onSaid(heartbeat(3, 2), logOf(1, 2, 3)), /which is of term 2/);
  });
});

describe("RevisionAgreement", () => {
  it("finds a revision that has two values", () => {
    const check = new RevisionAgreement();
    check.onSeen({ key: "a", revision: 5, value: "1" });
    check.onSeen({ key: "a", revision: 5, value: "1" });
    check.onSeen({ key: "b", revision: 5, value: "2" });
    assert.throws(() => check.onSeen({ key: "a", revision: 5, value: "2" }), /was 1, and is 2/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Consensus } from "../../src/consensus/consensus.ts";
import type { ConsensusOptions } from "../../src/consensus/state.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { acknowledgeAll, loneLeader, loneNode } from "../../src/testing/core_lone_node.ts";
import { accepted, appendEntries, rejected, requestVote } from "../../src/testing/core_messages.ts";

const fresh: ConsensusOptions = {
  nodeId: 1,
  currentTerm: 0,
  votedFor: 0,
  baseIndex: 0,
  baseTerm: 0,
  lastIndex: 0,
  termRuns: [],
  configurations: [{ index: 0, configuration: configurationOf([1, 2, 3]) }],
  commitIndex: 0,
};

describe("consensus", () => {
  it("starts as a follower of nobody with its election timer armed", () => {
    const core = new Consensus(fresh);
    const effects = core.takeEffects();
    assert.deepEqual(effects.softState, { role: "follower", term: 0, leaderId: null });
    assert.deepEqual(effects.timers, [{ timer: "election", armed: true }]);
    assert.deepEqual([effects.hardState, effects.logChanges, effects.messagesNow], [null, [], []]);
  });

  it("takeEffects hands everything out once, and numbers the records", () => {
    const core = new Consensus(fresh);
    const first = core.takeEffects();
    const second = core.takeEffects();
    assert.equal(second.sequence, first.sequence + 1);
    assert.deepEqual(second.timers, []);
    assert.equal(second.softState, null);
  });

  it("trap 31: refuses to start with a commit index beyond its log", () => {
    assert.throws(() => new Consensus({ ...fresh, commitIndex: 1 }), /commit 1 > last 0/);
  });

  it("trap 31: refuses to start with a log of a later term than its hard state", () => {
    const termRuns = [{ term: 4, firstIndex: 1 }];
    assert.throws(
      () => new Consensus({ ...fresh, currentTerm: 3, lastIndex: 1, termRuns }),
      /last term 4 > 3/,
    );
  });

  it("trap 4: the last of several terms and votes in one batch is the one to save", () => {
    const core = new Consensus({ ...fresh, currentTerm: 1 });
    core.takeEffects();
    core.step({ type: "message", from: 2, message: requestVote({ term: 2 }) });
    core.step({ type: "message", from: 3, message: requestVote({ term: 5 }) });
    core.step({ type: "message", from: 2, message: appendEntries({ term: 5, terms: [5] }) });
    const effects = core.takeEffects();
    assert.deepEqual(effects.hardState, { currentTerm: 5, votedFor: 3 });
    assert.equal(effects.logChanges.length, 1);
  });

  it("a step whose effects were not taken is not heard of", () => {
    const node = loneNode();
    node.step({ type: "message", from: 2, message: appendEntries({ terms: [1] }) });
    assert.deepEqual([node.outgoing, node.log, node.storage.currentTerm], [[], [], 0]);
    node.perform();
    assert.deepEqual([node.log.length, node.storage.currentTerm], [1, 1]);
  });

  it("any answer with a newer term ends a leadership", () => {
    for (const answer of [accepted({ term: 5 }), rejected({ term: 5 })]) {
      const node = loneLeader();
      node.receive(3, answer);
      assert.deepEqual([node.core.isLeader, node.core.term, node.core.leaderId], [false, 5, null]);
      assert.equal(node.storage.currentTerm, 5);
      assert.equal(node.timers.has("heartbeat"), false);
      assert.ok(node.timers.has("election"));
    }
  });

  it("status tells what a leader knows of the others", () => {
    const node = loneLeader();
    acknowledgeAll(node, [3]);
    const status = node.core.status();
    assert.deepEqual(
      status.followers.map(({ id, matchIndex }) => ({ id, matchIndex })),
      [{ id: 2, matchIndex: 0 }, { id: 3, matchIndex: 1 }],
    );
    const { role, term, commitIndex, lastIndex, durableIndex, votedFor, leaderId } = status;
    assert.deepEqual(
      { role, term, commitIndex, lastIndex, durableIndex, votedFor, leaderId },
      {
        role: "leader",
        term: 1,
        commitIndex: 1,
        lastIndex: 1,
        durableIndex: 1,
        votedFor: 1,
        leaderId: 1,
      },
    );
    assert.deepEqual(loneNode().core.status().followers, []);
  });

  it("refuses a message from itself", () => {
    assert.throws(() => loneNode().receive(1, requestVote()), /to itself/);
  });

  it("the same inputs give the same effects", () => {
    const run = (): unknown[] => {
      const core = new Consensus(fresh);
      const inputs = [
        { type: "message", from: 2, message: appendEntries({ terms: [1, 1] }) },
        { type: "timer", timer: "election" },
        { type: "message", from: 3, message: requestVote({ term: 3 }) },
      ] as const;
      return inputs.map((input) => {
        core.step(input);
        return core.takeEffects();
      });
    };
    assert.deepEqual(run(), run());
  });
});

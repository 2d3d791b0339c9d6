import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  becomeCandidate,
  becomeFollower,
  becomeLeader,
  becomePreCandidate,
} from "../../src/consensus/role.ts";
import { ConsensusState } from "../../src/consensus/state.ts";
import { configurationOf, entriesOfTerms, termRunsOf } from "../../src/testing/core_log.ts";
import type { NodeId, Term } from "../../src/types.ts";

function stateOf(options: { voters?: NodeId[]; terms?: Term[]; votedFor?: NodeId } = {}) {
  const { voters = [1, 2, 3], terms = [1], votedFor = 0 } = options;
  const configuration = configurationOf(voters);
  return new ConsensusState({
    nodeId: 1,
    currentTerm: terms[terms.length - 1] ?? 0,
    votedFor,
    baseIndex: 0,
    baseTerm: 0,
    lastIndex: terms.length,
    termRuns: termRunsOf(entriesOfTerms(terms)),
    configurations: [{ index: 0, configuration }],
    commitIndex: 0,
  });
}

describe("role", () => {
  it("trap 6: becomeFollower resets the vote with a new term only, and saves both", () => {
    const state = stateOf({ votedFor: 3 });
    becomeFollower(state, 1, 2);
    assert.equal(state.votedFor, 3);
    assert.equal(state.outbox.take().hardState, null);
    becomeFollower(state, 2, null);
    assert.equal(state.votedFor, 0);
    assert.deepEqual(state.outbox.take().hardState, { currentTerm: 2, votedFor: 0 });
  });

  it("becomeFollower refuses a falling term and itself as leader", () => {
    assert.throws(() => becomeFollower(stateOf(), 0, null), /term falls/);
    assert.throws(() => becomeFollower(stateOf(), 1, 1), /does not follow itself/);
  });

  it("trap 7: becomePreCandidate changes neither term nor vote and saves nothing", () => {
    const state = stateOf({ votedFor: 3 });
    becomePreCandidate(state);
    assert.deepEqual([state.currentTerm, state.votedFor, state.leaderId], [1, 3, null]);
    const effects = state.outbox.take();
    assert.equal(effects.hardState, null);
    assert.deepEqual(effects.timers, [{ timer: "election", armed: true }]);
  });

  it("becomeCandidate raises the term and votes for itself, in one record", () => {
    const state = stateOf({ votedFor: 3 });
    becomeCandidate(state);
    assert.deepEqual(state.outbox.take().hardState, { currentTerm: 2, votedFor: 1 });
    assert.deepEqual([...state.votes], [[1, true]]);
  });

  it("a node without a vote becomes no candidate", () => {
    assert.throws(() => becomePreCandidate(stateOf({ voters: [2, 3] })), /has no vote/);
    assert.throws(() => becomeCandidate(stateOf({ voters: [2, 3] })), /has no vote/);
  });

  it("becomeLeader appends its no-op and knows nothing of the others", () => {
    const state = stateOf({ terms: [1, 1] });
    becomeCandidate(state);
    becomeLeader(state);
    assert.equal(state.termStartIndex, 3);
    assert.equal(state.committedInTerm, false);
    assert.deepEqual([...state.progress.keys()], [2, 3]);
    const progress = state.progress.get(2)!;
    assert.deepEqual([progress.nextIndex, progress.matchIndex], [3, 0]);
    const [change] = state.outbox.take().logChanges;
    assert.ok(change?.type === "append" && change.append.kind === 1);
    assert.deepEqual([change.append.firstIndex, change.append.term], [3, 2]);
  });

  it("becomeLeader is for candidates that voted for themselves", () => {
    assert.throws(() => becomeLeader(stateOf()), /a follower does not become leader/);
    const leader = stateOf();
    becomeCandidate(leader);
    becomeLeader(leader);
    for (const become of [becomePreCandidate, becomeCandidate]) {
      assert.throws(() => become(leader), /a leader does not campaign/);
    }
  });

  it("ancestor A10: leaving leadership forgets what only a leader keeps", () => {
    const state = stateOf();
    becomeCandidate(state);
    becomeLeader(state);
    state.uncommitted.push({ lastIndex: 2, bytes: 7 });
    state.uncommittedBytes = 7;
    state.outbox.take();
    becomeFollower(state, 3, 2);
    assert.deepEqual([state.progress.size, state.uncommitted, state.uncommittedBytes], [0, [], 0]);
    const effects = state.outbox.take();
    assert.deepEqual(effects.softState, { role: "follower", term: 3, leaderId: 2 });
    const cancelled = effects.timers.filter(({ armed }) => !armed).map(({ timer }) => timer);
    assert.deepEqual(cancelled, ["heartbeat", "quorum", "commitNotice"]);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkBasic, checkDelta, observe } from "../../src/consensus/invariants.ts";
import { becomeCandidate, becomeLeader } from "../../src/consensus/role.ts";
import { ConsensusState } from "../../src/consensus/state.ts";
import { configurationOf, entriesOfTerms, termRunsOf } from "../../src/testing/core_log.ts";

/** A follower in term 2 with the entries 1@1, 2@1 and 3@2. */
function followerState(): ConsensusState {
  return new ConsensusState({
    nodeId: 1,
    currentTerm: 2,
    votedFor: 3,
    baseIndex: 0,
    baseTerm: 0,
    lastIndex: 3,
    termRuns: termRunsOf(entriesOfTerms([1, 1, 2])),
    configurations: [{ index: 0, configuration: configurationOf([1, 2, 3]) }],
    commitIndex: 0,
  });
}

function leaderState(): ConsensusState {
  const state = followerState();
  becomeCandidate(state);
  becomeLeader(state);
  return state;
}

/** Each invariant, and a change that breaks it. */
const broken: [RegExp, () => ConsensusState, (state: ConsensusState) => void][] = [
  [/last term 2 > 1/, followerState, (state) => state.currentTerm = 1],
  [/commit 4 > last 3/, followerState, (state) => state.commitIndex = 4],
  [/appliable 1 > commit/, followerState, (state) => state.appliableIndex = 1],
  [/durable 3 > last/, followerState, (state) => state.log.truncateSuffix(2)],
  [/takes itself for the leader/, followerState, (state) => state.leaderId = 1],
  [/a candidate voted for 3/, followerState, (state) => state.role = "candidate"],
  [/a follower has progress/, leaderState, (state) => state.role = "follower"],
  [/a leader follows 2/, leaderState, (state) => state.leaderId = 2],
  [/match of 2 is 9/, leaderState, (state) => state.progress.get(2)!.matchIndex = 9],
  [/next of 2 is 0/, leaderState, (state) => state.progress.get(2)!.nextIndex = 0],
  [/next of 2 is 9/, leaderState, (state) => state.progress.get(2)!.nextIndex = 9],
];

/** Each rule on changes, and a change that breaks it. */
const brokenDeltas: [RegExp, () => ConsensusState, (state: ConsensusState) => void][] = [
  [/term fell to 1/, followerState, (state) => state.currentTerm = 1],
  [/vote changed from 3 to 2/, followerState, (state) => state.votedFor = 2],
  [/vote changed from 3 to 0/, followerState, (state) => state.votedFor = 0],
  [/leader's log shrank to 3/, leaderState, (state) => state.log.truncateSuffix(3)],
];

describe("invariants", () => {
  it("hold at the start and for a new leader", () => {
    checkBasic(followerState());
    checkBasic(leaderState());
  });

  for (const [message, create, change] of broken) {
    it(`checkBasic notices: ${message.source}`, () => {
      const state = create();
      change(state);
      assert.throws(() => checkBasic(state), message);
    });
  }

  for (const [message, create, change] of brokenDeltas) {
    it(`checkDelta notices: ${message.source}`, () => {
      const state = create();
      const before = observe(state);
      checkDelta(before, state);
      change(state);
      assert.throws(() => checkDelta(before, state), message);
    });
  }

  it("checkDelta notices a commit index that falls", () => {
    const state = followerState();
    state.commitIndex = 2;
    const before = observe(state);
    state.commitIndex = 1;
    assert.throws(() => checkDelta(before, state), /commit index fell to 1/);
  });
});

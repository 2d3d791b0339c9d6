/**
 * The core's part in saying how old the state of a node is: see raft/freshness.ts.
 *
 * When a message was sent is not known to whoever receives it: it may have waited in a socket, or
 * for a process that stood still. So a time counts only from a node's own clock, by a round trip. A
 * follower's answers carry a token for a moment of its clock. Once a round of confirmation that the
 * leader started after it had the token was answered by a quorum, nobody else had committed
 * anything by then that this leader does not know: whatever was committed before that moment is at
 * or below the commit index of each later message of this leader, which tells the token with it. As
 * with ReadIndex, that index may be of an earlier term until an entry of the leader's own term is
 * committed; who uses the token waits until such an entry is applied.
 *
 * The leader's own token goes the same way without a journey. Tokens are opaque here.
 *
 * Only heartbeats start such rounds, one at a time: it costs no message, and next to nothing where
 * many are on their way.
 *
 * @module
 */
import { hasQuorum } from "./quorum.ts";
import type { ConsensusState } from "./state.ts";

/** A round of confirmation starts: it is to prove the tokens that are known by now. */
export function startAgeProof(state: ConsensusState): void {
  // What has not been answered yet is older, and will be by the answers to this round too.
  if (state.ageProofRound !== 0) return;
  state.ageProofRound = state.reads.readSequence;
  state.pendingToken = state.ageToken;
  for (const progress of state.progress.values()) progress.pendingToken = progress.ageToken;
  maybeFinishAgeProof(state);
}

/** Proves the tokens of the round under way, once a quorum has answered it or a later one. */
export function maybeFinishAgeProof(state: ConsensusState): void {
  const { ageProofRound } = state;
  if (ageProofRound === 0) return;
  const confirmed = hasQuorum(state.membership.latest.configuration, (id) => {
    return id === state.nodeId || (state.progress.get(id)?.readSequence ?? 0) >= ageProofRound;
  });
  if (!confirmed) return;
  state.ageProofRound = 0;
  state.provenToken = state.pendingToken;
  for (const progress of state.progress.values()) progress.provenToken = progress.pendingToken;
}

/** This node leads from now on: nothing was proven in this term. */
export function resetAgeProof(state: ConsensusState): void {
  state.ageProofRound = 0;
  state.provenToken = 0;
}

/**
 * What becomes of a node whose state machine differs from that of a majority. Its log is as good as
 * any: it votes and acknowledges as before. But what it would answer as a leader is wrong, so it
 * never leads again.
 *
 * @module
 */
import { furthestVoter, sendTimeoutNow } from "./leadership_transfer.ts";
import { becomeFollower } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** The state of this node is not what the log says. */
export function stepStateDeviates(state: ConsensusState): void {
  state.stateDeviates = true;
  if (state.role === "follower") return;
  const heir = state.role === "leader" ? furthestVoter(state) : null;
  if (heir !== null) sendTimeoutNow(state, heir);
  becomeFollower(state, state.currentTerm, null);
}

/**
 * What becomes of a node whose storage does not answer. Its heartbeats would go on for ever and
 * hide that nothing gets done, so a leader gives up its leadership, and nobody stands for election
 * before storage has made progress.
 *
 * @module
 */
import { furthestVoter, sendTimeoutNow } from "./leadership_transfer.ts";
import { becomeFollower } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** A sync has been under way for far too long, or has failed. */
export function stepStorageStalled(state: ConsensusState): void {
  state.storageStalled = true;
  if (state.role === "leader") {
    const heir = furthestVoter(state);
    // A leader without other voters stays: nobody could do better.
    if (heir === null) return;
    // TimeoutNow needs no write here. If the heir lacks entries that others have, it loses, and the
    // next one stands after its timeout.
    sendTimeoutNow(state, heir);
    becomeFollower(state, state.currentTerm, null);
  } else if (state.role !== "follower") {
    becomeFollower(state, state.currentTerm, null);
  }
}

/** Storage made progress: this node may lead again. */
export function stepStorageProgress(state: ConsensusState): void {
  state.storageStalled = false;
}

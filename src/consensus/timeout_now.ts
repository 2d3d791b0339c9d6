/**
 * The receiver of TimeoutNow (dissertation §3.10): the leader wants this node to lead.
 *
 * @module
 */
import type { NodeId } from "../types.ts";
import { campaign } from "./election.ts";
import type { TimeoutNow } from "./messages.ts";
import type { ConsensusState } from "./state.ts";

/**
 * Stands for election at once, without asking by pre-vote first: the others hear a leader, and it
 * is that leader which asks. Its promise to that leader binds the node no longer either.
 */
export function receiveTimeoutNow(state: ConsensusState, from: NodeId, message: TimeoutNow): void {
  // One of another term is late: who leads has changed since, or is not known here yet.
  if (message.term !== state.currentTerm) return;
  if (state.role === "leader" || (state.leaderId !== null && state.leaderId !== from)) return;
  if (!state.mayCampaign || state.storageStalled) return;
  campaign(state, { leadershipTransfer: true });
}

/**
 * The receivers of RequestVote and of its answer (Figure 2 of the paper), pre-votes included.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { NodeId } from "../types.ts";
import { countVotes } from "./election.ts";
import type { RequestVoteRequest, RequestVoteResponse } from "./messages.ts";
import { becomeFollower, told } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** A candidate asks for this node's vote, or whether it would get it. */
export function receiveRequestVoteRequest(
  state: ConsensusState,
  from: NodeId,
  request: RequestVoteRequest,
): void {
  // "If a server receives a RequestVote within the minimum election timeout of hearing from a
  // current leader, it does not update its term or grant its vote (§6)."
  if ((hearsLeader(state) || state.promised) && !request.leadershipTransfer) {
    answer(state, from, { granted: false, request });
    return;
  }
  // A candidate may know of a newer configuration in which this node has a vote, so a learner and a
  // node that was removed vote as well. But one that joins is nobody yet.
  if (!state.hasJoined) {
    answer(state, from, { granted: false, request });
    return;
  }
  if (request.preVote) {
    // A question: it must change nothing, neither term nor vote nor timer. A vote that could not be
    // made durable is none to count on; on a full disk it can be, for its place is there.
    const granted = request.term > state.currentTerm && isUpToDate(state, request) &&
      (!state.storageStalled || state.storageFull);
    answer(state, from, { granted, request });
    return;
  }
  // "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to
  // follower (§5.1)."
  if (request.term > state.currentTerm) becomeFollower(state, request.term, null);
  answer(state, from, { granted: maybeGrant(state, from, request), request });
}

/** A voter answered. */
export function receiveRequestVoteResponse(
  state: ConsensusState,
  from: NodeId,
  response: RequestVoteResponse,
): void {
  const electionTerm = response.preVote ? state.currentTerm + 1 : state.currentTerm;
  const expectedRole = response.preVote ? "preCandidate" : "candidate";
  if (!response.voteGranted && response.term > state.currentTerm) {
    becomeFollower(state, response.term, null);
    return;
  }
  if (state.role !== expectedRole) return;
  // A grant names the term of the election that it is for; one for an older election is void.
  if (response.voteGranted && response.term !== electionTerm) return;
  // A vote that was granted stays granted; a refusal may be the late answer of an older election.
  if (response.voteGranted || !state.votes.has(from)) state.votes.set(from, response.voteGranted);
  countVotes(state);
}

function maybeGrant(state: ConsensusState, from: NodeId, request: RequestVoteRequest): boolean {
  // 1. Reply false if term < currentTerm (§5.1).
  if (request.term < state.currentTerm) return false;
  assert(request.term === state.currentTerm, "a newer term was adopted before");
  // 2. If votedFor is null or candidateId, and candidate's log is at least as up-to-date as
  //    receiver's log, grant vote (§5.2, §5.4).
  if (state.votedFor !== 0 && state.votedFor !== from) return false;
  if (!isUpToDate(state, request)) return false;
  told(state);
  if (state.votedFor === 0) {
    state.votedFor = from;
    state.outbox.saveHardState(state.currentTerm, from);
  }
  state.outbox.arm("election");
  return true;
}

/**
 * "Raft determines which of two logs is more up-to-date by comparing the index and term of the last
 * entries in the logs (§5.4.1)": the term first, the index only between equal terms.
 */
function isUpToDate(state: ConsensusState, request: RequestVoteRequest): boolean {
  const { lastTerm, lastIndex } = state.log;
  if (request.lastLogTerm !== lastTerm) return request.lastLogTerm > lastTerm;
  return request.lastLogIndex >= lastIndex;
}

function hearsLeader(state: ConsensusState): boolean {
  // A leader that a quorum answers hears itself; check-quorum ends the other case.
  return state.role === "leader" || (state.leaderId !== null && state.leaderContact);
}

function answer(
  state: ConsensusState,
  to: NodeId,
  options: { readonly granted: boolean; readonly request: RequestVoteRequest },
): void {
  const { granted, request } = options;
  state.outbox.send(to, {
    type: "requestVoteResponse",
    term: granted && request.preVote ? request.term : state.currentTerm,
    voteGranted: granted,
    preVote: request.preVote,
  });
}

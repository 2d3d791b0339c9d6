/**
 * Elections (§5.2; pre-vote and check-quorum: dissertation §9.6 and §6.2).
 *
 * @module
 */
import { assert } from "../assert.ts";
import { dropLeavers } from "./followers.ts";
import { maybePromote } from "./membership_change.ts";
import type { NodeId } from "../types.ts";
import { hasQuorum, voteResult } from "./quorum.ts";
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate, tell } from "./role.ts";
import type { ConsensusState } from "./state.ts";
import { handOverForRoom } from "./storage_room.ts";

/** No leader was heard for an election timeout, or an election came to nothing. */
export function stepElectionTimer(state: ConsensusState): void {
  if (state.role === "leader") return;
  if (state.promised || state.storageStalled) {
    // To stand is to vote for oneself, and a leader must be able to write.
    state.leaderContact = false;
    state.outbox.arm("election");
    return;
  }
  if (!state.mayCampaign) {
    // A node without a vote has no use for an election; it waits to be contacted.
    state.leaderContact = false;
    state.outbox.arm("election");
    return;
  }
  becomePreCandidate(state);
  requestVotes(state, { preVote: true, leadershipTransfer: false });
  countVotes(state);
}

/**
 * The process of a peer is gone. If it is the leader's, there is nothing to wait for: this node
 * forgets it, so that it grants pre-votes, and stands itself where nobody before it in succession
 * did. Elections may start at any time, so the worst that a wrong word does is a pre-vote that the
 * others refuse; and a promise to the leader is kept all the same.
 */
export function stepPeerGone(state: ConsensusState, peer: NodeId): void {
  if (state.role !== "follower" || ![state.leaderId, state.goneLeaderId].includes(peer)) return;
  state.goneLeaderId = peer;
  state.leaderContact = false;
  state.outbox.arm("succession");
}

/**
 * A peer can be asked. Where this node has heard of no leader since its start, there may be none:
 * once a quorum can be asked it stands by pre-vote, in its turn, instead of waiting for an election
 * timeout. If somebody leads, those who hear it refuse, and nothing has happened; a promise of this
 * node is kept as ever.
 */
export function stepPeerReached(state: ConsensusState, peer: NodeId): void {
  if (!state.isUntold) return;
  state.reached.add(peer);
  if (!state.mayCampaign) return;
  const { latest: { configuration } } = state.membership;
  const canAsk = hasQuorum(configuration, (id) => id === state.nodeId || state.reached.has(id));
  if (canAsk) state.outbox.arm("succession");
}

/** It is this node's turn to succeed the leader that is gone, or to be the first one. */
export function stepSuccessionTimer(state: ConsensusState): void {
  const isUntold = state.isUntold && (state.role === "follower" || state.role === "preCandidate");
  if (!isUntold && (state.role !== "follower" || state.goneLeaderId === 0)) return;
  if (state.promised || state.storageStalled || !state.mayCampaign) return;
  stepElectionTimer(state);
}

/** Stands for election in the next term. */
export function campaign(
  state: ConsensusState,
  options: { readonly leadershipTransfer: boolean },
): void {
  becomeCandidate(state);
  requestVotes(state, { preVote: false, ...options });
  countVotes(state);
}

/** The promise to a leader, or one from before this node's start, has run out. */
export function stepPromiseTimer(state: ConsensusState): void {
  state.promised = false;
}

/** One election timeout has passed since the leader was heard. */
export function stepLeaderContactTimer(state: ConsensusState): void {
  state.leaderContact = false;
}

/** Leader: steps down where no quorum answered for an election timeout (dissertation §6.2). */
export function stepQuorumTimer(state: ConsensusState): void {
  if (state.role !== "leader") return;
  const active = hasQuorum(state.membership.latest.configuration, (id) => {
    return id === state.nodeId || (state.progress.get(id)?.recentlyActive ?? false);
  });
  if (!active) {
    becomeFollower(state, state.currentTerm, null);
    return;
  }
  dropLeavers(state);
  for (const progress of state.progress.values()) progress.checked();
  state.roundTarget = state.log.lastIndex;
  maybePromote(state);
  handOverForRoom(state);
  state.outbox.arm("quorum");
}

/** Acts on the votes as they stand. */
export function countVotes(state: ConsensusState): void {
  assert(
    state.role === "candidate" || state.role === "preCandidate",
    () => `a ${state.role} counts no votes`,
  );
  const result = voteResult(state.membership.latest.configuration, state.votes);
  if (result === "pending") return;
  if (result === "lost") {
    // Wait for the next timeout; the term stays, so the vote stays.
    state.role = "follower";
    state.votes = new Map();
    tell(state);
    return;
  }
  if (state.role === "preCandidate") {
    campaign(state, { leadershipTransfer: false });
  } else {
    becomeLeader(state);
  }
}

/**
 * Asks every voter. The request goes out in the record of effects that carries the own vote as hard
 * state, so that it is durable before anybody hears of it.
 */
function requestVotes(
  state: ConsensusState,
  options: { readonly preVote: boolean; readonly leadershipTransfer: boolean },
): void {
  const { voters, votersOld } = state.membership.latest.configuration;
  const asked = new Set([...voters, ...votersOld].map((member) => member.id));
  asked.delete(state.nodeId);
  for (const to of asked) {
    state.outbox.send(to, {
      type: "requestVoteRequest",
      term: options.preVote ? state.currentTerm + 1 : state.currentTerm,
      lastLogIndex: state.log.lastIndex,
      lastLogTerm: state.log.lastTerm,
      ...options,
    });
  }
}

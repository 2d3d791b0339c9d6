/**
 * The changes of role (Figure 4 of the paper). Every change of term or vote goes through here, so
 * that the hard state cannot be forgotten.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { EntryKind } from "../types.ts";
import type { NodeId, Term } from "../types.ts";
import { resetAgeProof } from "./age_proof.ts";
import { followConfiguration } from "./followers.ts";
import { completeTransfer, failTransfer } from "./leadership_transfer.ts";
import { failReads } from "./read_index.ts";
import type { ConsensusState } from "./state.ts";

/**
 * Becomes a follower in `term`. A new term resets the vote; the same term must not. It never grants
 * a vote by itself.
 */
export function becomeFollower(
  state: ConsensusState,
  term: Term,
  leaderId: NodeId | null,
): void {
  assert(term >= state.currentTerm, () => `term falls from ${state.currentTerm} to ${term}`);
  assert(leaderId !== state.nodeId, "a follower does not follow itself");
  if (term > state.currentTerm) {
    state.currentTerm = term;
    state.votedFor = 0;
    state.outbox.saveHardState(term, 0);
    forgetLeader(state);
  }
  if (state.leaderId !== leaderId) forgetLeader(state);
  leaveLeadership(state);
  state.role = "follower";
  state.leaderId = leaderId;
  state.goneLeaderId = 0;
  state.votes = new Map();
  state.outbox.arm("election");
  state.tracing?.note("BecomeFollower");
  if (leaderId !== null) {
    told(state);
    completeTransfer(state, leaderId);
  }
  tell(state);
}

/** Asks whether an election could be won; changes neither term nor vote (dissertation §9.6). */
export function becomePreCandidate(state: ConsensusState): void {
  assert(state.role !== "leader", "a leader does not campaign");
  assert(state.mayCampaign, () => `node ${state.nodeId} has no vote`);
  forgetLeader(state);
  state.role = "preCandidate";
  state.leaderId = null;
  state.votes = new Map([[state.nodeId, true]]);
  state.outbox.arm("election");
  tell(state);
}

/** Starts an election: the next term, and the own vote (§5.2). */
export function becomeCandidate(state: ConsensusState): void {
  assert(state.role !== "leader", "a leader does not campaign");
  assert(state.mayCampaign, () => `node ${state.nodeId} has no vote`);
  forgetLeader(state);
  state.role = "candidate";
  told(state);
  state.leaderId = null;
  state.goneLeaderId = 0;
  state.currentTerm += 1;
  state.votedFor = state.nodeId;
  state.votes = new Map([[state.nodeId, true]]);
  state.outbox.saveHardState(state.currentTerm, state.votedFor);
  state.outbox.arm("election");
  state.tracing?.becomeCandidate();
  tell(state);
}

/** Leads: knows nothing of the others yet, and appends a no-op of its term (§8). */
export function becomeLeader(state: ConsensusState): void {
  assert(state.role === "candidate", () => `a ${state.role} does not become leader`);
  assert(state.votedFor === state.nodeId, () => `the vote went to ${state.votedFor}`);
  state.role = "leader";
  state.leaderId = state.nodeId;
  state.leaseVoid = false;
  state.promisedRound = 0;
  state.leaseConfigurationIndex = -1;
  resetAgeProof(state);
  failTransfer(state, "elected_again");
  state.progress = new Map();
  followConfiguration(state, state.log.lastIndex + 1);
  state.outbox.cancel("election");
  state.outbox.cancel("leaderContact");
  state.outbox.arm("heartbeat");
  state.outbox.arm("quorum");
  state.tracing?.note("BecomeLeader");
  appendNoop(state);
  tell(state);
}

/** A leader was heard, or somebody voted for: from here on the election timeout decides. */
export function told(state: ConsensusState): void {
  state.isUntold = false;
  state.reached.clear();
}

/** Says who leads, to whoever shows it to people or redirects clients. */
export function tell(state: ConsensusState): void {
  state.outbox.tell({
    role: state.role,
    term: state.currentTerm,
    leaderId: state.leaderId,
  });
}

function appendNoop(state: ConsensusState): void {
  const index = state.log.lastIndex + 1;
  state.log.append(state.currentTerm, 1);
  state.durability.appended(state.outbox.sequence, index);
  state.termStartIndex = index;
  state.roundTarget = index;
  state.tracing?.replicate(1);
  state.outbox.changeLog({
    type: "append",
    append: {
      firstIndex: index,
      lastIndex: index,
      term: state.currentTerm,
      kind: EntryKind.noop,
      source: null,
    },
  });
}

/** What was proved by one leader says nothing about another. */
function forgetLeader(state: ConsensusState): void {
  state.leaderContact = false;
  state.verifiedIndex = 0;
  state.leaderReadSequence = 0;
  state.leaderSession = 0;
  state.acknowledgementDue = false;
  failReads(state);
}

function leaveLeadership(state: ConsensusState): void {
  if (state.role !== "leader") return;
  state.progress = new Map();
  state.leavers = new Map();
  state.membership.version += 1;
  if (state.change !== null) {
    state.outbox.changeEnded({ source: state.change.source, type: "lost" });
    state.change = null;
  }
  state.uncommitted = [];
  state.uncommittedBytes = 0;
  state.heartbeatDue = false;
  state.commitNoticeDue = false;
  state.commitNoticeArmed = false;
  failReads(state);
  state.outbox.cancel("heartbeat");
  state.outbox.cancel("quorum");
  state.outbox.cancel("commitNotice");
}

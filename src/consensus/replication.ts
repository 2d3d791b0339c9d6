/**
 * The leader's sending side of AppendEntries (§5.3): heartbeats, new entries, and finding where a
 * follower's log agrees.
 *
 * @module
 */
import type { Index, NodeId } from "../types.ts";
import { maybeFinishAgeProof, startAgeProof } from "./age_proof.ts";
import { maybeCommit } from "./commit.ts";
import { dropLeaver } from "./followers.ts";
import { maybePromote } from "./membership_change.ts";
import { advanceTransfer } from "./leadership_transfer.ts";
import { startRound, tellPromises } from "./lease.ts";
import type { AppendEntriesRequest, AppendEntriesResponse } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { failReads, maybeFinishReadRound } from "./read_index.ts";
import type { ConsensusState } from "./state.ts";

/**
 * Gives every follower what it lacks, as far as its window allows, and a heartbeat where one is due
 * and no entries go out. Called once a record of effects.
 */
export function replicate(state: ConsensusState): void {
  if (state.role !== "leader") return;
  advanceTransfer(state);
  for (const [to, progress] of state.progress) {
    if (progress.snapshotReady) sendSnapshot(state, to, progress);
    if (progress.nextIndex <= state.log.lastIndex && progress.ready) {
      sendEntries(state, to, progress);
    } else if (
      state.heartbeatDue || progress.askDue ||
      (state.commitNoticeDue && progress.commitIndexSent < state.commitIndex &&
        progress.mode !== "snapshot")
    ) {
      progress.asked();
      progress.commitIndexSent = state.commitIndex;
      state.outbox.send(to, request(state, progress));
    }
  }
  state.heartbeatDue = false;
  state.commitNoticeDue = false;
}

/**
 * A heartbeat is due: it also wakes probes whose message was lost, and snapshots that failed. Every
 * heartbeat is a round of confirmation, so that a lease renews itself and ages are proven whether
 * there are reads or not.
 */
export function stepHeartbeatTimer(state: ConsensusState): void {
  if (state.role !== "leader") return;
  for (const progress of state.progress.values()) {
    progress.probeUnanswered = false;
    progress.snapshotPaused = false;
  }
  state.heartbeatDue = true;
  startRound(state);
  startAgeProof(state);
  state.outbox.arm("heartbeat");
}

/** Followers that were sent nothing since the commit index grew learn it now. */
export function stepCommitNoticeTimer(state: ConsensusState): void {
  state.commitNoticeArmed = false;
  state.commitNoticeDue = state.role === "leader";
}

/** The driver sent what a send effect asked for. */
export function stepSent(
  state: ConsensusState,
  input: { readonly peer: NodeId; readonly term: number; lastIndex: number; bytes: number },
): void {
  if (state.role !== "leader" || input.term !== state.currentTerm) return;
  const progress = state.progress.get(input.peer);
  if (progress === undefined || !progress.sending) return;
  progress.sent(input.lastIndex, input.bytes);
  if (input.bytes > 0) state.tracing?.sentEntries(input.peer, input.lastIndex);
}

/** What was sent to `peer` may be lost: it is asked where it stands, and goes on from there. */
export function stepConnectionLost(state: ConsensusState, peer: NodeId): void {
  state.reads.forget(peer);
  // A question to the leader, or its answer, may be lost as well, and nobody asks twice.
  if (peer === state.leaderId) failReads(state);
  const progress = state.progress.get(peer);
  if (progress === undefined) return;
  progress.disconnected();
  // Nothing is proven of a new leader's followers, and most of them have nearly everything.
  progress.ask(state.log.lastIndex);
  dropLeaver(state, peer);
}

/** A follower answered AppendEntries. */
export function receiveAppendEntriesResponse(
  state: ConsensusState,
  from: NodeId,
  response: AppendEntriesResponse,
): void {
  if (state.role !== "leader" || response.term !== state.currentTerm) return;
  const progress = state.progress.get(from);
  // An answer of another session is of an earlier membership, and what it promises may be lost.
  if (progress === undefined || response.session !== progress.session) return;
  progress.answered();
  progress.storageFull = response.storageFull;
  if (response.accepted) progress.ageToken = response.ageToken;
  if (response.readSequence > progress.readSequence) {
    progress.readSequence = response.readSequence;
    progress.promiseMs = response.promiseMs;
    tellPromises(state);
    maybeFinishAgeProof(state);
    maybeFinishReadRound(state);
  }
  if (!response.accepted) {
    // "If AppendEntries fails because of log inconsistency: decrement nextIndex and retry (§5.3)."
    receiveRejection(state, progress, response);
    return;
  }
  accept(state, progress, response.matchIndex);
}

/** A follower's log is known to be equal to this one up to `matchIndex`, durably. */
export function accept(state: ConsensusState, progress: Progress, matchIndex: Index): void {
  // A match beyond our own log cannot be of this term: such an answer proves nothing.
  if (matchIndex > state.log.lastIndex) return;
  // "If successful: update nextIndex and matchIndex for follower (§5.3)."
  const grown = matchIndex > progress.matchIndex;
  progress.accept(matchIndex, state.log.baseIndex);
  if (grown) maybeCommit(state);
  maybePromote(state);
}

function receiveRejection(
  state: ConsensusState,
  progress: Progress,
  response: AppendEntriesResponse & { readonly accepted: false },
): void {
  // It has to reject until the snapshot is installed.
  if (progress.mode === "snapshot") return;
  const refused = response.prevLogIndex;
  // An answer that an acknowledgement or another probe has overtaken.
  if (refused <= progress.matchIndex) return;
  if (progress.mode === "probe" && refused !== progress.nextIndex - 1) return;
  if (progress.mode === "replicate" && progress.isAnswered(refused)) return;
  const hint = Math.min(response.hintIndex, refused - 1);
  // Everything of a term above the hint's differs at the follower: skip those terms at once.
  const candidate = hint < state.log.baseIndex
    ? hint
    : state.log.lastIndexOfTermAtMost(hint, response.hintTerm);
  const agreed = Math.max(candidate, progress.matchIndex);
  if (agreed < state.log.baseIndex) return progress.needSnapshot();
  // An entry with the same index and term is the same, as are all before it (Log Matching, §5.3).
  const isProven = agreed === progress.matchIndex ||
    (agreed === response.hintIndex && state.log.term(agreed) === response.hintTerm);
  // A whole window may be refused, and was sent in vain: only the answer to one question is taken.
  if (isProven && progress.mode === "probe") progress.replicateFrom(agreed + 1);
  else progress.ask(agreed);
}

function sendSnapshot(state: ConsensusState, to: NodeId, progress: Progress): void {
  progress.snapshotSending = true;
  state.outbox.sendSnapshot({ to, term: state.currentTerm, session: progress.session });
}

function sendEntries(state: ConsensusState, to: NodeId, progress: Progress): void {
  progress.sending = true;
  progress.commitIndexSent = state.commitIndex;
  const message = request(state, progress);
  state.tracing?.sending(to, message);
  state.outbox.sendEntries({ type: "entries", to, message, lastIndex: state.log.lastIndex });
}

function request(state: ConsensusState, progress: Progress): AppendEntriesRequest {
  // A follower that needs a snapshot rejects whatever comes before it, and so shows that it lives.
  const prevLogIndex = Math.max(progress.nextIndex - 1, state.log.baseIndex);
  return {
    type: "appendEntriesRequest",
    term: state.currentTerm,
    prevLogIndex,
    prevLogTerm: state.log.term(prevLogIndex),
    leaderCommit: state.commitIndex,
    readSequence: state.reads.readSequence,
    session: progress.session,
    provenToken: progress.provenToken,
    entries: null,
  };
}

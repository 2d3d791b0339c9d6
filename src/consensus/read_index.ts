/**
 * ReadIndex (dissertation §6.4): a linearizable read without a log entry. The leader takes its
 * commit index first, then has a quorum confirm that it still leads by answering messages that were
 * sent after that, and only then lets the read wait for the index to be applied.
 *
 * @module
 */
import type { NodeId } from "../types.ts";
import { READS_WAITING_MAX } from "../limits.ts";
import { startRound } from "./lease.ts";
import type { ReadIndexRequest, ReadIndexResponse } from "./messages.ts";
import { hasQuorum } from "./quorum.ts";
import type { LeaderRead } from "./read_queue.ts";
import type { ConsensusState } from "./state.ts";

/** A read of this node's own: confirmed here by a leader, asked of the leader elsewhere. */
export function stepReadIndex(state: ConsensusState, readId: number): void {
  if (state.role === "leader") {
    addLeaderRead(state, { from: 0, readId });
    return;
  }
  if (state.leaderId === null || state.reads.asked.size >= READS_WAITING_MAX) {
    state.outbox.read({ readId, readIndex: null, reason: "no_leader" });
    return;
  }
  state.reads.asked.add(readId);
  state.outbox.send(state.leaderId, {
    type: "readIndexRequest",
    term: state.currentTerm,
    readId,
  });
}

/** A follower asks on behalf of its reads. */
export function receiveReadIndexRequest(
  state: ConsensusState,
  from: NodeId,
  request: ReadIndexRequest,
): void {
  if (state.role !== "leader" || request.term !== state.currentTerm) {
    answer(state, { from, readId: request.readId }, null);
    return;
  }
  addLeaderRead(state, { from, readId: request.readId });
}

/** The leader answered a read of this node. */
export function receiveReadIndexResponse(
  state: ConsensusState,
  response: ReadIndexResponse,
): void {
  // A refusal counts in any term: the leader may have left the one in which it was asked.
  if (response.readIndex !== null && response.term !== state.currentTerm) return;
  if (!state.reads.asked.delete(response.readId)) return;
  const { readId, readIndex } = response;
  if (readIndex === null) state.outbox.read({ readId, readIndex: null, reason: "lost" });
  else state.outbox.read({ readId, readIndex });
}

/**
 * Starts the next round of confirmation, carried by the next message to each follower, where none
 * is under way and reads wait. A leader that has not committed in its term cannot know what is
 * committed, so its reads wait (Raft paper §8).
 */
export function maybeStartReadRound(state: ConsensusState): void {
  const reads = state.reads;
  if (reads.round !== null || reads.waiting.length === 0 || !state.committedInTerm) return;
  startRound(state);
  reads.round = {
    readIndex: state.commitIndex,
    readSequence: reads.readSequence,
    reads: reads.waiting,
  };
  reads.waiting = [];
  state.heartbeatDue = true;
  maybeFinishReadRound(state);
}

/** Answers the round under way once a quorum confirmed it. */
export function maybeFinishReadRound(state: ConsensusState): void {
  const round = state.reads.round;
  if (round === null) return;
  const confirmed = hasQuorum(state.membership.latest.configuration, (id) => {
    if (id === state.nodeId) return true;
    return (state.progress.get(id)?.readSequence ?? 0) >= round.readSequence;
  });
  if (!confirmed) return;
  state.reads.round = null;
  for (const read of round.reads) answer(state, read, round.readIndex);
  maybeStartReadRound(state);
}

/** Fails every read that waits: who leads has changed, so nobody will confirm it. */
export function failReads(state: ConsensusState): void {
  for (const read of state.reads.drain()) answer(state, read, null);
  for (const readId of state.reads.asked) {
    state.outbox.read({ readId, readIndex: null, reason: "lost" });
  }
  state.reads.asked.clear();
}

function addLeaderRead(state: ConsensusState, read: LeaderRead): void {
  if (state.reads.waiting.length >= READS_WAITING_MAX) {
    answer(state, read, null);
    return;
  }
  state.reads.waiting.push(read);
  maybeStartReadRound(state);
}

function answer(state: ConsensusState, read: LeaderRead, readIndex: number | null): void {
  if (read.from !== 0) {
    state.outbox.send(read.from, {
      type: "readIndexResponse",
      term: state.currentTerm,
      readId: read.readId,
      readIndex,
    });
  } else if (readIndex === null) {
    state.outbox.read({ readId: read.readId, readIndex: null, reason: "lost" });
  } else {
    state.outbox.read({ readId: read.readId, readIndex });
  }
}

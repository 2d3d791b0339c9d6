/**
 * The receiver of AppendEntries (Figure 2 of the paper, "Receiver implementation").
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, NodeId, Term } from "../types.ts";
import { advanceCommitIndex } from "./commit.ts";
import type { AppendEntriesRequest, EntriesSlice } from "./messages.ts";
import { isVoter } from "./quorum.ts";
import { becomeFollower } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** A leader sent entries or a heartbeat. */
export function receiveAppendEntriesRequest(
  state: ConsensusState,
  from: NodeId,
  request: AppendEntriesRequest,
): void {
  // 1. Reply false if term < currentTerm (§5.1). The answer's term makes a stale leader step down.
  if (request.term < state.currentTerm) {
    reject(state, from, request, { hintIndex: 0, hintTerm: 0 });
    return;
  }
  followLeader(state, from, request);
  state.leaderReadSequence = Math.max(state.leaderReadSequence, request.readSequence);
  // 2. Reply false if log does not contain an entry at prevLogIndex whose term matches (§5.3).
  if (!state.log.matches(request.prevLogIndex, request.prevLogTerm)) {
    const hintIndex = Math.max(
      state.log.baseIndex,
      state.log.lastIndexOfTermAtMost(request.prevLogIndex - 1, request.prevLogTerm),
    );
    reject(state, from, request, { hintIndex, hintTerm: state.log.term(hintIndex) });
    return;
  }
  assert(
    request.entries === null || request.entries.firstIndex === request.prevLogIndex + 1,
    () => `entries from ${request.entries?.firstIndex} on do not follow ${request.prevLogIndex}`,
  );
  const appended = request.entries !== null && appendNew(state, request.entries);
  const lastNewIndex = request.entries?.lastIndex ?? request.prevLogIndex;
  // Only what this request proved; the log may have a tail that the leader has never seen.
  state.verifiedIndex = Math.max(state.verifiedIndex, lastNewIndex);
  // 5. If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry).
  advanceCommitIndex(state, Math.min(request.leaderCommit, lastNewIndex));
  if (appended) state.acknowledgementDue = true;
  else acknowledge(state);
}

/** Tells the leader how far this log is equal to its own, and durable. */
export function acknowledge(state: ConsensusState): void {
  assert(state.role === "follower" && state.leaderId !== null, "there is nobody to answer");
  state.outbox.send(state.leaderId, {
    type: "appendEntriesResponse",
    accepted: true,
    term: state.currentTerm,
    matchIndex: acknowledgedIndex(state),
    readSequence: state.leaderReadSequence,
    session: state.leaderSession,
    promiseMs: state.promiseMs,
    storageFull: state.storageFull,
    ageToken: state.ageToken,
  });
  // What is verified and not durable is acknowledged by a later sync: of these entries, or of those
  // that another leader had sent.
  state.acknowledgementDue = state.verifiedIndex > state.durability.durableIndex;
}

/**
 * What may count for this node. A learner that restores a snapshot does not tell what it has behind
 * it: it would be made a voter, and everybody would wait for a node that is busy, or be led by one
 * that cannot apply.
 */
export function acknowledgedIndex(state: ConsensusState): Index {
  const index = Math.min(state.verifiedIndex, state.durability.durableIndex);
  if (state.restoringIndex === 0) return index;
  const isWaiting = !isVoter(state.membership.latest.configuration, state.nodeId);
  return isWaiting ? Math.min(index, state.restoringIndex) : index;
}

/** A message of this term that only its leader sends. */
export function followLeader(
  state: ConsensusState,
  from: NodeId,
  request: { readonly term: Term; readonly session: number },
): void {
  // "At most one leader can be elected in a given term" (Election Safety, Figure 3).
  assert(
    request.term > state.currentTerm || state.leaderId === null || state.leaderId === from,
    () => `two leaders in term ${request.term}: ${state.leaderId} and ${from}`,
  );
  const known = request.term === state.currentTerm && state.role === "follower" &&
    state.leaderId === from;
  if (!known) becomeFollower(state, request.term, from);
  state.leaderContact = true;
  state.goneLeaderId = 0;
  state.leaderSession = request.session;
  state.outbox.arm("election");
  state.outbox.arm("leaderContact");
  if (state.promiseMs > 0) {
    state.promised = true;
    state.outbox.arm("promise");
  }
}

/**
 * Appends what the log does not have.
 *
 * @returns Whether anything was appended.
 */
function appendNew(state: ConsensusState, entries: EntriesSlice): boolean {
  const lastRun = entries.termRuns[entries.termRuns.length - 1];
  assert(entries.termRuns[0]?.firstIndex === entries.firstIndex, "the runs start elsewhere");
  assert(lastRun !== undefined && lastRun.term <= state.currentTerm, "entries of a later term");
  const firstNewIndex = firstDifference(state, entries);
  if (firstNewIndex > entries.lastIndex) return false;
  // 3. If an existing entry conflicts with a new one (same index but different terms), delete the
  //    existing entry and all that follow it (§5.3). Without a conflict nothing is deleted.
  if (firstNewIndex <= state.log.lastIndex) truncate(state, firstNewIndex - 1);
  // 4. Append any new entries not already in the log.
  for (const run of cutRuns(entries, firstNewIndex)) state.log.append(run.term, run.count);
  assert(state.log.lastIndex === entries.lastIndex, () => `log ends at ${state.log.lastIndex}`);
  state.durability.appended(state.outbox.sequence, entries.lastIndex);
  for (const entry of entries.configurations) {
    if (entry.index < firstNewIndex) continue;
    state.membership.append(entry);
    state.tracing?.applyConfChange();
  }
  state.outbox.changeLog({
    type: "append",
    append: {
      firstIndex: firstNewIndex,
      lastIndex: entries.lastIndex,
      term: 0,
      kind: null,
      source: entries.source,
    },
  });
  return true;
}

function truncate(state: ConsensusState, lastIndexKept: Index): void {
  assert(
    lastIndexKept >= state.commitIndex,
    () =>
      `a leader's entries conflict with committed ones: commit index is ${state.commitIndex}, ` +
      `truncation would keep ${lastIndexKept}`,
  );
  state.log.truncateSuffix(lastIndexKept);
  const { latest } = state.membership;
  state.membership.truncateSuffix(lastIndexKept);
  if (state.membership.latest !== latest) state.tracing?.applyConfChange();
  state.durability.truncated(lastIndexKept);
  state.outbox.changeLog({ type: "truncateSuffix", lastIndexKept });
}

/** The first index of `entries` that the log lacks or holds with another term. */
function firstDifference(state: ConsensusState, entries: EntriesSlice): Index {
  const log = state.log;
  // What a snapshot covers is committed and therefore equal.
  let index = Math.max(entries.firstIndex, log.baseIndex + 1);
  const runs = entries.termRuns;
  for (let i = 0; i < runs.length; i += 1) {
    const runEnd = (runs[i + 1]?.firstIndex ?? entries.lastIndex + 1) - 1;
    while (index <= runEnd) {
      if (index > log.lastIndex || log.term(index) !== runs[i]!.term) return index;
      index += 1;
    }
  }
  return index;
}

function cutRuns(
  entries: EntriesSlice,
  firstIndex: Index,
): { readonly term: number; readonly count: number }[] {
  const runs: { term: number; count: number }[] = [];
  for (let i = 0; i < entries.termRuns.length; i += 1) {
    const run = entries.termRuns[i]!;
    const start = Math.max(run.firstIndex, firstIndex);
    const end = entries.termRuns[i + 1]?.firstIndex ?? entries.lastIndex + 1;
    if (end > start) runs.push({ term: run.term, count: end - start });
  }
  return runs;
}

function reject(
  state: ConsensusState,
  to: NodeId,
  request: AppendEntriesRequest,
  hint: { readonly hintIndex: Index; readonly hintTerm: number },
): void {
  state.outbox.send(to, {
    type: "appendEntriesResponse",
    accepted: false,
    term: state.currentTerm,
    prevLogIndex: request.prevLogIndex,
    readSequence: request.term === state.currentTerm ? state.leaderReadSequence : 0,
    session: request.session,
    promiseMs: request.term === state.currentTerm ? state.promiseMs : 0,
    storageFull: state.storageFull,
    ...hint,
  });
}

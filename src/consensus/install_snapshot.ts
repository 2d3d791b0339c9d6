/**
 * Snapshots between nodes (§7 of the paper, Figure 13): a follower that needs entries which its
 * leader has compacted gets the leader's newest snapshot in their place.
 *
 * The bytes are the driver's. The core says when a snapshot is to be sent and which chunks may be
 * stored; when the driver has a whole snapshot, the core says what becomes of the log.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index, NodeId, Term } from "../types.ts";
import { acknowledge, acknowledgedIndex, followLeader } from "./append_entries.ts";
import { advanceCommitIndex } from "./commit.ts";
import type { SnapshotSummary } from "./input.ts";
import type {
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  SnapshotStatus,
} from "./messages.ts";
import { accept } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import type { ConsensusState } from "./state.ts";

/** A leader sent a chunk of a snapshot, or asks how much of it is stored here. */
export function receiveInstallSnapshotRequest(
  state: ConsensusState,
  from: NodeId,
  request: InstallSnapshotRequest,
): void {
  // 1. "Reply immediately if term < currentTerm": the answer's term makes a stale leader step down.
  if (request.term < state.currentTerm) {
    answer(state, { to: from, request, status: "refused" });
    return;
  }
  followLeader(state, from, request);
  if (!holds(state, request)) {
    state.outbox.receive({ from, request });
    return;
  }
  verify(state, request.lastIncludedIndex);
  const isDurable = state.durability.durableIndex >= request.lastIncludedIndex;
  // What is not durable is acknowledged by the sync that makes it so; until then nothing helps.
  answer(state, { to: from, request, status: isDurable ? "installed" : "refused" });
  if (!isDurable) state.acknowledgementDue = true;
}

/** The driver has received a whole snapshot, from whichever leader. */
export function stepSnapshotReceived(
  state: ConsensusState,
  input: { readonly snapshot: SnapshotSummary; readonly source: unknown },
): void {
  const { snapshot, source } = input;
  assert(
    snapshot.lastIncludedTerm <= state.currentTerm,
    () => `a snapshot of term ${snapshot.lastIncludedTerm} in term ${state.currentTerm}`,
  );
  // A leader never installs: what was committed before its term is in its log.
  if (state.role === "leader") return;
  if (holds(state, snapshot)) {
    verify(state, snapshot.lastIncludedIndex);
  } else {
    // The votes that were asked for were for another log.
    if (state.role !== "follower") becomeFollower(state, state.currentTerm, null);
    replaceLog(state, snapshot, source);
  }
  if (state.leaderId === null) return;
  const isDurable = state.durability.durableIndex >= snapshot.lastIncludedIndex;
  if (!isDurable) return acknowledge(state);
  const request = { ...snapshot, session: state.leaderSession };
  answer(state, { to: state.leaderId, request, status: "installed" });
}

/** The state machine has come to the last snapshot: a learner may say what else it has. */
export function stepSnapshotRestored(state: ConsensusState, index: Index): void {
  if (state.restoringIndex !== index) return;
  const before = acknowledgedIndex(state);
  state.restoringIndex = 0;
  const isOwed = acknowledgedIndex(state) > before;
  if (isOwed && state.role === "follower" && state.leaderId !== null) acknowledge(state);
}

/** A follower answered; how far it is with the bytes is the driver's to know. */
export function receiveInstallSnapshotResponse(
  state: ConsensusState,
  from: NodeId,
  response: InstallSnapshotResponse,
): void {
  if (state.role !== "leader" || response.term !== state.currentTerm) return;
  const progress = state.progress.get(from);
  if (progress === undefined || response.session !== progress.session) return;
  progress.answered();
  if (response.status === "installed") accept(state, progress, response.lastIncludedIndex);
}

/** The driver sends a snapshot no longer. */
export function stepSnapshotEnded(
  state: ConsensusState,
  input: { readonly peer: NodeId; readonly term: Term; readonly session: number },
): void {
  if (state.role !== "leader" || input.term !== state.currentTerm) return;
  const progress = state.progress.get(input.peer);
  if (progress?.session === input.session && progress.snapshotSending) progress.snapshotEnded();
}

/** The driver removed entries that a snapshot covers. */
export function stepCompacted(state: ConsensusState, index: Index): void {
  // A snapshot may have replaced the log meanwhile.
  if (index <= state.log.baseIndex) return;
  assert(
    index <= state.appliableIndex,
    () => `entries up to ${index} are compacted, appliable are those up to ${state.appliableIndex}`,
  );
  state.log.compact(index);
  for (const progress of state.progress.values()) {
    if (progress.nextIndex <= index) progress.needSnapshot();
  }
}

/**
 * How far the log may be compacted without harm to a follower that keeps up or is being served: no
 * further than what it has. The driver does not let one slow follower hold this back for ever.
 */
export function compactableIndex(state: ConsensusState): Index {
  let index = state.appliableIndex;
  for (const progress of state.progress.values()) {
    if (!progress.isUp || progress.mode === "probe" || progress.leavingIndex !== null) continue;
    // One that installs a snapshot goes on behind it, and that is not below the base.
    index = Math.min(index, progress.mode === "snapshot" ? 0 : progress.matchIndex);
  }
  return Math.max(index, state.log.baseIndex);
}

/**
 * Whether what a snapshot covers is in the log: "if existing log entry has same index and term as
 * snapshot's last included entry, retain log entries following it and reply" (Figure 13).
 */
function holds(
  state: ConsensusState,
  snapshot: { readonly lastIncludedIndex: Index; readonly lastIncludedTerm: Term },
): boolean {
  const { lastIncludedIndex, lastIncludedTerm } = snapshot;
  // What is committed is equal everywhere; the entry itself may be compacted here.
  return lastIncludedIndex <= state.commitIndex ||
    state.log.matches(lastIncludedIndex, lastIncludedTerm);
}

/** A snapshot covers committed entries only, so the leader has them, whoever it is. */
function verify(state: ConsensusState, lastIncludedIndex: Index): void {
  state.verifiedIndex = Math.max(state.verifiedIndex, lastIncludedIndex);
  advanceCommitIndex(state, lastIncludedIndex);
}

/** "Discard the entire log", and start behind the snapshot with its configuration. */
function replaceLog(state: ConsensusState, snapshot: SnapshotSummary, source: unknown): void {
  const { lastIncludedIndex, lastIncludedTerm, configurationIndex, configuration } = snapshot;
  assert(
    configurationIndex <= lastIncludedIndex,
    () => `the configuration at ${configurationIndex} is not covered by ${lastIncludedIndex}`,
  );
  state.restoringIndex = lastIncludedIndex;
  state.log.reset(lastIncludedIndex, lastIncludedTerm);
  state.membership.reset({ index: configurationIndex, configuration });
  state.membership.committed(lastIncludedIndex);
  state.durability.installed(lastIncludedIndex);
  state.commitIndex = lastIncludedIndex;
  state.appliableIndex = lastIncludedIndex;
  // What the record lets be applied up to here is covered.
  state.outbox.appliable(null);
  state.verifiedIndex = lastIncludedIndex;
  state.acknowledgementDue = false;
  state.tracing?.applyConfChange();
  state.outbox.changeLog({ type: "installSnapshot", snapshot, source });
}

function answer(
  state: ConsensusState,
  options: {
    readonly to: NodeId;
    readonly request: Pick<
      InstallSnapshotRequest,
      "snapshotId" | "lastIncludedIndex" | "session"
    >;
    readonly status: SnapshotStatus;
  },
): void {
  const { to, request: { snapshotId, lastIncludedIndex, session }, status } = options;
  state.outbox.send(to, {
    type: "installSnapshotResponse",
    term: state.currentTerm,
    snapshotId,
    lastIncludedIndex,
    storedBytes: 0,
    session,
    status,
  });
}

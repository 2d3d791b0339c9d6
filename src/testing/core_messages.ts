/**
 * Messages for tests of the consensus core: what a test does not name has the plainest value.
 *
 * @module
 */
import type {
  AppendEntriesAccepted,
  AppendEntriesRejected,
  AppendEntriesRequest,
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  RequestVoteRequest,
  RequestVoteResponse,
} from "../consensus/messages.ts";
import type { Index, Term } from "../types.ts";
import { type CoreEntry, type CoreSnapshot, entriesOfTerms, sliceOf } from "./core_log.ts";

/** Fields of a message without its type. */
type Fields<Message> = Partial<Omit<Message, "type" | "accepted">>;

/** A candidate with an empty log asks for a vote. */
export function requestVote(fields: Fields<RequestVoteRequest> = {}): RequestVoteRequest {
  return {
    type: "requestVoteRequest",
    term: 1,
    lastLogIndex: 0,
    lastLogTerm: 0,
    preVote: false,
    leadershipTransfer: false,
    ...fields,
  };
}

/** A voter grants its vote. */
export function vote(fields: Fields<RequestVoteResponse> = {}): RequestVoteResponse {
  return { type: "requestVoteResponse", term: 1, voteGranted: true, preVote: false, ...fields };
}

/** A leader's heartbeat at the start of the log; with `terms` or `slice`, entries. */
export function appendEntries(
  fields: Fields<AppendEntriesRequest> & {
    /** The terms of the entries, the first at prevLogIndex + 1. */
    readonly terms?: readonly Term[];
    /** The entries themselves. */
    readonly slice?: readonly CoreEntry[];
  } = {},
): AppendEntriesRequest {
  const { terms, slice, ...rest } = fields;
  const firstIndex: Index = (rest.prevLogIndex ?? 0) + 1;
  const entries = slice ?? entriesOfTerms(terms ?? [], firstIndex);
  return {
    type: "appendEntriesRequest",
    term: 1,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 0,
    readSequence: 0,
    session: 0,
    provenToken: 0,
    entries: entries.length === 0 ? null : sliceOf(firstIndex, entries),
    ...rest,
  };
}

/** A follower acknowledges. */
export function accepted(fields: Fields<AppendEntriesAccepted> = {}): AppendEntriesAccepted {
  return {
    type: "appendEntriesResponse",
    accepted: true,
    term: 1,
    matchIndex: 0,
    readSequence: 0,
    session: 0,
    promiseMs: 0,
    storageFull: false,
    ageToken: 0,
    ...fields,
  };
}

/** A follower's log does not match. */
export function rejected(fields: Fields<AppendEntriesRejected> = {}): AppendEntriesRejected {
  return {
    type: "appendEntriesResponse",
    accepted: false,
    term: 1,
    prevLogIndex: 0,
    hintIndex: 0,
    hintTerm: 0,
    readSequence: 0,
    session: 0,
    promiseMs: 0,
    storageFull: false,
    ...fields,
  };
}

/** A leader sends this snapshot, in one piece. */
export function installSnapshot(
  snapshot: CoreSnapshot,
  fields: Fields<InstallSnapshotRequest> = {},
): InstallSnapshotRequest & { readonly snapshot: CoreSnapshot } {
  return {
    type: "installSnapshotRequest",
    term: snapshot.lastIncludedTerm,
    snapshotId: snapshot.snapshotId,
    lastIncludedIndex: snapshot.lastIncludedIndex,
    lastIncludedTerm: snapshot.lastIncludedTerm,
    totalBytes: 0,
    offset: 0,
    dataChecksum: 0,
    session: 0,
    data: new Uint8Array(0),
    snapshot,
    ...fields,
  };
}

/** A follower has installed a snapshot. */
export function installed(
  fields: Fields<InstallSnapshotResponse> = {},
): InstallSnapshotResponse {
  return {
    type: "installSnapshotResponse",
    term: 1,
    snapshotId: "",
    lastIncludedIndex: 1,
    storedBytes: 0,
    session: 0,
    status: "installed",
    ...fields,
  };
}

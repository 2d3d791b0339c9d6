/**
 * The RPCs between peers as data, one type a message, told apart by `type`. Field names are those
 * of Figure 2 of the paper; dissertation §9.6 adds the pre-vote.
 *
 * @module
 */
import type { Configuration, Index, NodeId, SnapshotId, Term, TermRun } from "../types.ts";

/** Entries as the core sees them: indexes, terms and sizes, never payloads. */
export interface EntriesSlice {
  /** The index of the first entry. */
  readonly firstIndex: Index;
  /** The index of the last entry, at least `firstIndex`. */
  readonly lastIndex: Index;
  /** The stretches of one term, ascending, the first at `firstIndex`. */
  readonly termRuns: readonly TermRun[];
  /** The configurations among them, decoded, ascending by index. */
  readonly configurations: readonly {
    readonly index: Index;
    readonly configuration: Configuration;
  }[];
  /** What the driver finds the bytes by; the core hands it back and never looks inside. */
  readonly source: unknown;
}

/** §5.2: a candidate asks for a vote, or (dissertation §9.6) whether it would get one. */
export interface RequestVoteRequest {
  readonly type: "requestVoteRequest";
  /** The term of the election; of a pre-vote, the term that the election would have. */
  readonly term: Term;
  readonly lastLogIndex: Index;
  readonly lastLogTerm: Term;
  /** True if this is a question that changes nobody's state. */
  readonly preVote: boolean;
  /** True if the leader asked for this election (TimeoutNow): it passes stickiness. */
  readonly leadershipTransfer: boolean;
}

/** The answer to {@linkcode RequestVoteRequest}. */
export interface RequestVoteResponse {
  readonly type: "requestVoteResponse";
  /** The voter's term; a granted pre-vote repeats the term of the request. */
  readonly term: Term;
  readonly voteGranted: boolean;
  readonly preVote: boolean;
}

/** §5.3: entries to append, or none as a heartbeat. */
export interface AppendEntriesRequest {
  readonly type: "appendEntriesRequest";
  readonly term: Term;
  readonly prevLogIndex: Index;
  readonly prevLogTerm: Term;
  readonly leaderCommit: Index;
  /** The round of leadership confirmation that an answer counts for (dissertation §6.4). */
  readonly readSequence: number;
  /**
   * The replication session: the low 32 bits of the index of the configuration that added the
   * follower. The answer repeats it.
   */
  readonly session: number;
  /**
   * The latest `ageToken` of the follower that is proven: everything committed before it was made
   * is at or below `leaderCommit`. 0 for none; see age_proof.ts.
   */
  readonly provenToken: number;
  /** The entries from `prevLogIndex + 1` on, or null. */
  readonly entries: EntriesSlice | null;
}

/** The answer to {@linkcode AppendEntriesRequest}. */
export type AppendEntriesResponse = AppendEntriesAccepted | AppendEntriesRejected;

/** The follower's log matches the leader's up to `matchIndex`, and is durable up to there. */
export interface AppendEntriesAccepted {
  readonly type: "appendEntriesResponse";
  readonly accepted: true;
  readonly term: Term;
  /** prevLogIndex + count of *that* request, as far as it is durable. Never the last index. */
  readonly matchIndex: Index;
  /** The largest readSequence of this leader that the follower has seen. */
  readonly readSequence: number;
  /** The session of the request. */
  readonly session: number;
  /**
   * For how long after the request the follower grants no vote but one that its leader asked for,
   * in milliseconds from 0 to 65,535; 0 for no promise.
   */
  readonly promiseMs: number;
  /** The follower has no room for more entries than it has prepared for. */
  readonly storageFull: boolean;
  /** Names a moment of the follower's clock before this answer, from 1 to 2^32 - 1; 0 for none. */
  readonly ageToken: number;
}

/** The follower's log does not hold (prevLogIndex, prevLogTerm). */
export interface AppendEntriesRejected {
  readonly type: "appendEntriesResponse";
  readonly accepted: false;
  readonly term: Term;
  /** The prevLogIndex that was refused; a late answer to another one is told by it. */
  readonly prevLogIndex: Index;
  /** The largest index that may match: at or below it the follower's term is `hintTerm` or less. */
  readonly hintIndex: Index;
  /** The follower's term at `hintIndex`. */
  readonly hintTerm: Term;
  readonly readSequence: number;
  readonly session: number;
  readonly promiseMs: number;
  readonly storageFull: boolean;
}

/** A follower asks the leader for an index that a linearizable read must wait for. */
export interface ReadIndexRequest {
  readonly type: "readIndexRequest";
  readonly term: Term;
  /** Unique among the requests of this follower since it started. */
  readonly readId: number;
}

/** The answer to {@linkcode ReadIndexRequest}. */
export interface ReadIndexResponse {
  readonly type: "readIndexResponse";
  readonly term: Term;
  readonly readId: number;
  /** The index to wait for, or null: not the leader, or leadership was not confirmed. */
  readonly readIndex: Index | null;
}

/** The leader asks the receiver to stand for election at once (dissertation §3.10). */
export interface TimeoutNow {
  readonly type: "timeoutNow";
  readonly term: Term;
}

/** §7: a chunk of a snapshot, for a follower that needs entries which the leader has compacted. */
export interface InstallSnapshotRequest {
  readonly type: "installSnapshotRequest";
  readonly term: Term;
  /** Names the snapshot file: chunks of different files do not fit together. */
  readonly snapshotId: SnapshotId;
  /** The last entry that the snapshot covers. */
  readonly lastIncludedIndex: Index;
  readonly lastIncludedTerm: Term;
  /** The length of the whole snapshot. */
  readonly totalBytes: number;
  /** Where the chunk starts in it. */
  readonly offset: number;
  /** CRC-32 of the chunk. */
  readonly dataChecksum: number;
  readonly session: number;
  /** The chunk, opaque to the core; empty to ask how much the follower has stored. */
  readonly data: Uint8Array;
}

/** The answer to {@linkcode InstallSnapshotRequest}. */
export interface InstallSnapshotResponse {
  readonly type: "installSnapshotResponse";
  readonly term: Term;
  /** Those of the request. */
  readonly snapshotId: SnapshotId;
  readonly lastIncludedIndex: Index;
  /** How much of that snapshot the follower has, from its start on: where to go on. */
  readonly storedBytes: number;
  readonly session: number;
  /**
   * `receiving`: it wants the bytes from `storedBytes` on; `installed`: its log is equal to the
   * leader's up to `lastIncludedIndex`, durably; `refused`: it cannot use the snapshot now.
   */
  readonly status: SnapshotStatus;
}

/** How far a follower is with a snapshot. */
export type SnapshotStatus = "receiving" | "installed" | "refused";

/** Everything that one core says to another. */
export type Message =
  | RequestVoteRequest
  | RequestVoteResponse
  | AppendEntriesRequest
  | AppendEntriesResponse
  | ReadIndexRequest
  | ReadIndexResponse
  | TimeoutNow
  | InstallSnapshotRequest
  | InstallSnapshotResponse;

/** A message and whom it goes to. */
export interface Outgoing {
  readonly to: NodeId;
  readonly message: Message;
}

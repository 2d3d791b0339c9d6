/**
 * The RPCs between peers as data, one type a message, told apart by `type`. Field names are those
 * of Figure 2 of the paper; dissertation §9.6 adds the pre-vote.
 *
 * @module
 */
import type { Configuration, Index, NodeId, Term, TermRun } from "../types.ts";

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

/** Everything that one core says to another. */
export type Message =
  | RequestVoteRequest
  | RequestVoteResponse
  | AppendEntriesRequest
  | AppendEntriesResponse
  | ReadIndexRequest
  | ReadIndexResponse;

/** A message and whom it goes to. */
export interface Outgoing {
  readonly to: NodeId;
  readonly message: Message;
}

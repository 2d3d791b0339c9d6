/**
 * What answers clients on a node, as seen from the socket side. `class Raft` implements
 * {@linkcode ClientBackend}; client_service.ts implements {@linkcode ClientAnswerSink}, one object
 * a connection. Requests are paired with answers by a number, so that neither side allocates a
 * closure or a promise a request: these calls happen several hundred thousand times a second, and
 * for that reason `propose` and `query` take four positional parameters.
 *
 * @module
 */
import type { RaftError } from "../errors.ts";
import type { SnapshotReader } from "../log/snapshot_store.ts";
import type { Address, Index, LogTimeMs, NodeId, Term } from "../types.ts";
import type {
  ChangeMembershipRequest,
  Consistency,
  StatusAnswer,
} from "../wire/client_messages.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";

/** A command was applied, now or (a retry) before. The caller may reuse the object afterwards. */
export interface ProposalOutcome {
  readonly index: Index;
  readonly term: Term;
  /** True if the command had been applied before and `result` is its first answer. */
  readonly duplicate: boolean;
  /** Copied by the sink before it returns. */
  readonly result: Uint8Array;
}

/** A query was answered. The caller may reuse the object afterwards. */
export interface QueryOutcome {
  readonly servedBy: NodeId;
  /** The last index applied when it was answered. */
  readonly index: Index;
  /** Milliseconds since the node last heard from a leader, for a stale read; else 0. */
  readonly ageMs: number;
  /** Copied by the sink before it returns. */
  readonly result: Uint8Array;
}

/** How fresh a query must be; a `QueryRequest` of the wire is one. */
export interface QueryFreshness {
  readonly consistency: Consistency;
  /** For a stale read: the oldest contact with the leader that is good enough; 0 for any. */
  readonly maxAgeMs: number;
}

/**
 * Takes the answers of requests. For every request that was handed to the backend exactly one of
 * these methods is called with its id, inside that call or later, in any order. No method throws,
 * none blocks, and each may be called after the client has gone: the answer is then dropped.
 */
export interface ClientAnswerSink {
  /** The command was applied. */
  proposalApplied(requestId: number, outcome: ProposalOutcome): void;
  /** The command has no normal answer; `error.applied` says what that means. */
  proposalFailed(requestId: number, error: RaftError): void;
  /** The query was answered. */
  queryAnswered(requestId: number, outcome: QueryOutcome): void;
  /** The query was not answered. */
  queryFailed(requestId: number, error: RaftError): void;
}

/** The leader that a node knows. */
export interface LeaderHint {
  readonly id: NodeId;
  /** Empty where only the id is known. */
  readonly address: Address | "";
}

/** What a node says of itself: a `StatusAnswer` of the wire without its envelope. */
export type NodeStatus = Omit<StatusAnswer, "type" | "requestId">;

/**
 * The part of a node that answers clients. No method throws or blocks; those for operators, which
 * are rare, return a promise that rejects with a `RaftError`.
 */
export interface ClientBackend {
  /**
   * Takes a command. `commandId` (16 bytes) and `command` are views into a received chunk that
   * nobody writes to any more: the backend may keep them for as long as it needs, unchanged, and
   * should copy rather than keep them beyond the append, as a view holds its whole chunk in memory.
   * An overload is answered by `sink.proposalFailed` with an `OverloadedError`.
   */
  propose(
    commandId: Uint8Array,
    command: Uint8Array,
    sink: ClientAnswerSink,
    requestId: number,
  ): void;
  /** Takes a query; `query` is a view under the same terms as in {@linkcode propose}. */
  query(
    query: Uint8Array,
    freshness: QueryFreshness,
    sink: ClientAnswerSink,
    requestId: number,
  ): void;
  /** Changes the members, all at once; resolves when the change is committed. */
  changeMembership(
    request: Omit<ChangeMembershipRequest, "type" | "requestId">,
  ): Promise<{ readonly configurationIndex: Index }>;
  /** Hands leadership to a member, or with null to the voter that is furthest. */
  transferLeadership(
    target: NodeId | null,
  ): Promise<{ readonly leaderId: NodeId; readonly term: Term }>;
  /** Takes a snapshot of the state machine of this node. */
  triggerSnapshot(): Promise<{ readonly index: Index }>;
  /**
   * Opens a snapshot of what this node has applied, for somebody who saves it elsewhere: with all
   * that was acknowledged before, unless `consistency` is stale. The caller closes it.
   */
  openSnapshot(consistency: Consistency): Promise<SnapshotReader>;
  /** What this node knows now of itself and the cluster. */
  status(): NodeStatus;
  /** Accepts or refuses a client: wrong cluster, no common version, not ready. */
  helloReply(hello: Hello): HelloReply;
  /** The leader to name in an error answer, or null where none is known (TRAPS A7). */
  leader(): LeaderHint | null;
  /** The log time of this node, for new request ids. */
  logTimeMs(): LogTimeMs;
}

/**
 * The errors that a caller may act on. Each says what may be concluded about the request: see
 * `applied`. A broken invariant is an assertion (assert.ts); a failed environment (a disk, a
 * corrupt file) is one of the node errors at the end, which stop the node.
 *
 * @module
 */
import type { Address, NodeId } from "./types.ts";

/** What is known of a request that was not answered normally. */
export type Applied = "no" | "yes" | "unknown";

/** The common part of all typed errors. */
export abstract class RaftError extends Error {
  /** A stable word for programs, such as `not_leader`. */
  abstract readonly code: string;
  /** Whether the request took effect. */
  abstract readonly applied: Applied;
}

/** This node does not lead: the request was not applied; ask the leader, where one is known. */
export class NotLeaderError extends RaftError {
  override readonly name = "NotLeaderError";
  override readonly code = "not_leader";
  override readonly applied = "no";
  /** The leader that this node knows, if any. */
  readonly leaderId: NodeId | null;
  /** Where that leader is reached, if known. */
  readonly leaderAddress: Address | null;

  /** Creates the error with the hint to follow. */
  constructor(leaderId: NodeId | null, leaderAddress: Address | null) {
    const hint = leaderId === null ? "no leader is known" : `the leader is ${leaderId}`;
    super(`Cannot accept the request as this node does not lead: ${hint}`);
    this.leaderId = leaderId;
    this.leaderAddress = leaderAddress;
  }
}

/** Leadership ended, or the node stopped, while the command was in the log: outcome unknown. */
export class LeadershipLostError extends RaftError {
  override readonly name = "LeadershipLostError";
  override readonly code = "leadership_lost";
  override readonly applied = "unknown";
}

/** A queue is full: the request was not applied; retry later. */
export class OverloadedError extends RaftError {
  override readonly name = "OverloadedError";
  override readonly code = "overloaded";
  override readonly applied = "no";
}

/** The leader is handing leadership over: the request was not applied; retry soon. */
export class TransferUnderWayError extends RaftError {
  override readonly name = "TransferUnderWayError";
  override readonly code = "transfer_under_way";
  override readonly applied = "no";
}

/** No leader or no quorum confirmed in time; the request was not applied. */
export class NoQuorumError extends RaftError {
  override readonly name = "NoQuorumError";
  override readonly code = "no_quorum";
  override readonly applied = "no";
}

/** The node is stopping: the request was not taken. */
export class ShutdownError extends RaftError {
  override readonly name = "ShutdownError";
  override readonly code = "shutdown";
  override readonly applied = "no";
}

/** The request is larger than a limit allows: it was not applied. */
export class TooLargeError extends RaftError {
  override readonly name = "TooLargeError";
  override readonly code = "too_large";
  override readonly applied = "no";
}

/** The request id is older than the window of remembered answers: it is never applied again. */
export class RequestExpiredError extends RaftError {
  override readonly name = "RequestExpiredError";
  override readonly code = "request_expired";
  override readonly applied = "unknown";
}

/**
 * The session of the command is unknown to the cluster: it expired, was closed, or never was. The
 * command is not applied now and never will be; whether an earlier attempt applied it is told by
 * `applied`. Open another session, and decide there what to do about it.
 */
export class SessionExpiredError extends RaftError {
  override readonly name = "SessionExpiredError";
  override readonly code = "session_expired";
  override readonly applied: Applied;

  /** Creates the error; `applied` is `no` where no earlier attempt may have been applied. */
  constructor(message: string, applied: "no" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.applied = applied;
  }
}

/** The node has not heard from the leader as recently as the read asks for. */
export class StaleReadError extends RaftError {
  override readonly name = "StaleReadError";
  override readonly code = "too_stale";
  override readonly applied = "no";
}

/** The command was applied before, but its answer was too large to be remembered. */
export class AnswerForgottenError extends RaftError {
  override readonly name = "AnswerForgottenError";
  override readonly code = "answer_forgotten";
  override readonly applied = "yes";
}

/** A request that does not fit its format: it was not applied. */
export class InvalidRequestError extends RaftError {
  override readonly name = "InvalidRequestError";
  override readonly code = "invalid_request";
  override readonly applied = "no";
}

/** The request is understood and unsafe now: it was not applied. */
export class RefusedError extends RaftError {
  override readonly name = "RefusedError";
  override readonly code = "refused";
  override readonly applied = "no";
  /** The reasons with their numbers, a line each. */
  readonly why: readonly string[];
  /** What the caller or an operator can do, one step an element; may be empty. */
  readonly fix: readonly string[];

  /** Creates the error; `message` says what was refused, `why` what would have become of it. */
  constructor(
    message: string,
    why: readonly string[],
    options: ErrorOptions & { readonly fix?: readonly string[] } = {},
  ) {
    super(message, options);
    this.why = why;
    this.fix = options.fix ?? [];
  }
}

/** Another change of the members is under way: this one was not applied; ask again afterwards. */
export class ChangeInProgressError extends RaftError {
  override readonly name = "ChangeInProgressError";
  override readonly code = "change_in_progress";
  override readonly applied = "no";
}

/** What the request names does not exist, such as a member: it was not applied. */
export class NotFoundError extends RaftError {
  override readonly name = "NotFoundError";
  override readonly code = "not_found";
  override readonly applied = "no";
}

/** No endpoint answered at all: nothing was sent. */
export class UnreachableError extends RaftError {
  override readonly name = "UnreachableError";
  override readonly code = "unreachable";
  override readonly applied = "no";
}

/** The request was sent and its answer was lost: it may have been applied. */
export class UnknownOutcomeError extends RaftError {
  override readonly name = "UnknownOutcomeError";
  override readonly code = "unknown_outcome";
  override readonly applied = "unknown";
}

/** A peer or a server refuses this one: wrong cluster, wrong instance, removed member. */
export class DeniedError extends RaftError {
  override readonly name = "DeniedError";
  override readonly code = "denied";
  override readonly applied = "no";
  /** What the operator can do, one step an element; may be empty. */
  readonly fix: readonly string[];

  /** Creates the error; `message` says who refuses whom, and why. */
  constructor(message: string, options: ErrorOptions & { readonly fix?: readonly string[] } = {}) {
    super(message, options);
    this.fix = options.fix ?? [];
  }
}

/** Bytes from the network do not form a valid message: their connection is closed. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Stored bytes cannot be trusted, or the data directory cannot be used: the node does not run. */
export class BadDataError extends Error {
  override readonly name = "BadDataError";
  /** What the operator can do, one step an element. */
  readonly fix: readonly string[];

  /** Creates the error; `message` names file, offset and index where they are known. */
  constructor(message: string, fix: readonly string[], options?: ErrorOptions) {
    super(message, options);
    this.fix = fix;
  }
}

/** The storage failed under a running node: it stops and says why. */
export class StorageError extends Error {
  override readonly name = "StorageError";
}

/**
 * What operators ask a cluster for: changes of its members, transfers of leadership, snapshots.
 *
 * A request for the leader whose answer was lost is not sent again: meanwhile somebody else may
 * have asked for something that it would undo. Its outcome is unknown; cluster_administration.ts
 * then looks at the cluster for it.
 *
 * @module
 */
import { ChangeInProgressError, UnknownOutcomeError } from "../errors.ts";
import type { RaftError } from "../errors.ts";
import type {
  AdminAnswer,
  AdminRequest,
  ClientAnswer,
  ErrorAnswer,
  SnapshotAnswer,
} from "../wire/client_messages.ts";
import { answerError } from "./answer_error.ts";
import { InternalError } from "./client_errors.ts";
import type { SendFailure } from "./connection_request.ts";
import { LeaderOperation } from "./leader_operation.ts";
import type { Settle } from "./leader_operation.ts";
import type { OperationOptions } from "./operation.ts";
import { ReadOperation } from "./read_operation.ts";
import type { ReadRoute } from "./read_operation.ts";

/** What only the leader takes. */
export type LeaderRequest = Exclude<AdminRequest, { readonly type: "triggerSnapshot" }>;

/** What it answers. */
export type LeaderRequestAnswer = Exclude<AdminAnswer, SnapshotAnswer>;

/** Such a request before it has a number. */
type Unnumbered<Request> = Request extends unknown
  ? Omit<Request, "requestId"> & { requestId: number }
  : never;

/** A request of an operator for the leader. */
export class LeaderRequestOperation extends LeaderOperation {
  readonly message: Unnumbered<LeaderRequest>;
  readonly #settle: Settle<LeaderRequestAnswer>;
  /** For messages: `the change`. */
  readonly #subject: string;

  /** Creates the operation. */
  constructor(
    options: OperationOptions & {
      readonly request: Unnumbered<LeaderRequest>;
      /** What is asked for, for messages: `the change`. */
      readonly subject: string;
      readonly settle: Settle<LeaderRequestAnswer>;
    },
  ) {
    super(options);
    this.message = options.request;
    this.#subject = options.subject;
    this.#settle = options.settle;
  }

  /** The answer of the leader. */
  answered(answer: ClientAnswer): void {
    switch (answer.type) {
      case "membershipAnswer":
      case "transferAnswer":
        this.host.finder.confirmed();
        this.finish();
        this.#settle.resolve(answer);
        return;
      case "errorAnswer":
        this.#refused(answer);
        return;
      default:
        this.fail(new InternalError(`Answered with a "${answer.type}"`, "unknown"));
    }
  }

  /** The attempt has no answer. */
  failed(failure: SendFailure): void {
    if (failure.sent) this.#lost(failure.reason);
    else if (failure.kind === "deadline") this.giveUp();
    else this.retry();
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected get commandId(): null {
    return null;
  }

  protected giveUpError(): RaftError {
    if (this.refusal === "changeInProgress") {
      const message = `Another change of the members is under way, for ${this.elapsed} at least`;
      return new ChangeInProgressError(message, this.causedBy());
    }
    return this.notAppliedError(`${this.#subject} was not made`);
  }

  #refused(answer: ErrorAnswer): void {
    this.endpoint?.noteAnswer();
    if (answer.applied === "unknown") return this.#lost(answer.message);
    const error = answerError(answer, this.causedBy());
    if (error !== null) return this.fail(error);
    this.refusal = answer.code;
    switch (answer.code) {
      case "notLeader":
        return this.redirect(answer);
      case "overloaded":
      case "changeInProgress":
        return this.hold();
      default:
        return this.lookElsewhere();
    }
  }

  #lost(reason: string): void {
    if (this.endpoint !== null) this.host.finder.dismiss(this.endpoint);
    const message = `The outcome of ${this.#subject} is not known: ${reason}`;
    this.fail(new UnknownOutcomeError(message, this.causedBy()));
  }
}

/** The request for a snapshot at one node; to ask twice does no harm. */
export class TriggerSnapshotOperation extends ReadOperation {
  readonly message: { readonly type: "triggerSnapshot"; requestId: number } = {
    type: "triggerSnapshot",
    requestId: 0,
  };
  readonly #settle: Settle<SnapshotAnswer>;
  #isSent = false;

  /** Creates the operation. */
  constructor(
    options: OperationOptions & {
      readonly route: ReadRoute;
      readonly settle: Settle<SnapshotAnswer>;
    },
  ) {
    super(options);
    this.#settle = options.settle;
  }

  /** The answer of the node. */
  answered(answer: ClientAnswer): void {
    switch (answer.type) {
      case "snapshotAnswer":
        this.finish();
        this.#settle.resolve(answer);
        return;
      case "errorAnswer":
        return this.refused(answer);
      default:
        this.fail(new InternalError(`Answered with a "${answer.type}"`, "no", this.causedBy()));
    }
  }

  /** The attempt has no answer. */
  override failed(failure: SendFailure): void {
    this.#isSent ||= failure.sent;
    super.failed(failure);
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected giveUpError(): RaftError {
    if (!this.#isSent) return this.notAppliedError("no snapshot was taken");
    const message = `No snapshot was completed within ${this.elapsed}: it may be under way`;
    return new UnknownOutcomeError(message, this.causedBy());
  }
}

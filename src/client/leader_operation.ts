/**
 * Operations that only the leader can serve: commands, and the question who leads.
 *
 * @module
 */
import {
  AnswerForgottenError,
  InvalidRequestError,
  NoQuorumError,
  RequestExpiredError,
  SessionExpiredError,
  UnknownOutcomeError,
} from "../errors.ts";
import type { RaftError } from "../errors.ts";
import { REQUEST_WINDOW_MS } from "../limits.ts";
import { isSessionCommand } from "../state_machine/command_id.ts";
import { requestIssueTimeMs } from "../state_machine/request_id.ts";
import type { Address, Index, NodeId, Term } from "../types.ts";
import type { ClientAnswer, ErrorAnswer, StatusAnswer } from "../wire/client_messages.ts";
import { answerError } from "./answer_error.ts";
import { InternalError } from "./client_errors.ts";
import type { SendFailure } from "./connection_request.ts";
import type { OperationOptions } from "./operation.ts";
import { Operation } from "./operation.ts";

/** Hints to other nodes that one request follows before it waits for a round of the finder. */
const HINTS_FOLLOWED_MAX = 3;

/** New ids for one command that the cluster called expired, before that is an error. */
const RENEWALS_MAX = 3;

/** Who takes the outcome of an operation. */
export interface Settle<Outcome> {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

/** An operation for the leader. */
export abstract class LeaderOperation extends Operation {
  #hintsFollowed = 0;

  /** Sends to the leader, if one is known. */
  place(): boolean {
    const { finder } = this.host;
    const { leader } = finder;
    if (leader === null) return false;
    if (!leader.isDown) return this.sendTo(leader);
    finder.dismiss(leader);
    return false;
  }

  /** The node that was asked does not lead. */
  protected redirect(hint: { leaderId: NodeId; leaderAddress: Address | "" }): void {
    if (this.endpoint !== null) this.host.finder.follow(this.endpoint, hint);
    this.#hintsFollowed++;
    if (this.#hintsFollowed <= HINTS_FOLLOWED_MAX) return this.retry();
    this.#hintsFollowed = 0;
    this.hold();
  }

  /** The leader cannot serve now, or is none any more: looks for another. */
  protected lookElsewhere(): void {
    if (this.endpoint !== null) this.host.finder.dismiss(this.endpoint);
    this.retry();
  }
}

/** What became of a command that was applied. */
export interface ProposeOutcome {
  /** Where in the log the command stands. */
  readonly index: Index;
  /** The term of its entry. */
  readonly term: Term;
  /** True if the command had been applied before and this is its first answer. */
  readonly duplicate: boolean;
  /** What the state machine answered. */
  readonly result: Uint8Array;
  /** The 16 bytes that name the command. */
  readonly commandId: Uint8Array;
}

/** A command on its way. */
export class ProposeOperation extends LeaderOperation {
  readonly message: {
    readonly type: "propose";
    requestId: number;
    commandId: Uint8Array;
    readonly command: Uint8Array;
  };
  readonly #settle: Settle<ProposeOutcome>;
  /** The id came from the caller, so nothing may replace it. */
  readonly #isIdGiven: boolean;
  #hasId: boolean;
  #renewals = 0;
  /** An attempt was sent and not answered for certain: only an answer of success settles it. */
  #isUnknown = false;

  /** Creates the operation; without `commandId` an id is made when it is first sent. */
  constructor(
    options: OperationOptions & {
      readonly command: Uint8Array;
      readonly commandId: Uint8Array | null;
      readonly settle: Settle<ProposeOutcome>;
    },
  ) {
    super(options);
    this.#settle = options.settle;
    this.#isIdGiven = options.commandId !== null;
    this.#hasId = this.#isIdGiven;
    this.message = {
      type: "propose",
      requestId: 0,
      commandId: options.commandId ?? NO_ID,
      command: options.command,
    };
  }

  /** Sends to the leader, with an id that has not changed since the first attempt. */
  override place(): boolean {
    if (!this.#hasId && this.host.finder.leader !== null) this.#renewId();
    return super.place();
  }

  /** The answer of the leader. */
  answered(answer: ClientAnswer): void {
    switch (answer.type) {
      case "proposeAnswer":
        this.host.finder.confirmed();
        this.finish();
        this.#settle.resolve({
          index: answer.index,
          term: answer.term,
          duplicate: answer.duplicate,
          result: this.host.slab.detach(answer.result),
          commandId: this.message.commandId,
        });
        return;
      case "errorAnswer":
        this.#refused(answer);
        return;
      default:
        this.#isUnknown = true;
        this.fail(new InternalError(`Answered with a "${answer.type}"`, "unknown"));
    }
  }

  /** The attempt has no answer. */
  failed(failure: SendFailure): void {
    if (failure.sent) this.#isUnknown = true;
    if (failure.kind === "deadline") this.giveUp();
    else this.retry();
  }

  /** Rejects; where an attempt may have been applied, a later refusal proves nothing. */
  override fail(error: RaftError): void {
    const isSettled = !this.#isUnknown || error.applied === "yes" ||
      error instanceof UnknownOutcomeError || error instanceof SessionExpiredError;
    super.fail(isSettled ? error : this.#unknownError(error.message));
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected get commandId(): Uint8Array | null {
    return this.#hasId ? this.message.commandId : null;
  }

  protected giveUpError(): RaftError {
    if (this.#isUnknown) return this.#unknownError(`no answer within ${this.elapsed}`);
    return this.notAppliedError("the command was not applied");
  }

  #refused(answer: ErrorAnswer): void {
    this.endpoint?.noteAnswer();
    if (this.#isIdOff(answer)) return this.#expired(answer);
    if (answer.code === "sessionExpired") {
      const applied = this.#isUnknown ? "unknown" : "no";
      return this.fail(new SessionExpiredError(answer.message, applied, this.causedBy()));
    }
    if (answer.code === "answerForgotten" || answer.applied === "yes") {
      return this.fail(new AnswerForgottenError(answer.message, this.causedBy()));
    }
    if (answer.applied === "unknown") this.#isUnknown = true;
    const error = answerError(answer, this.causedBy());
    if (error !== null) return this.fail(error);
    this.refusal = answer.code;
    switch (answer.code) {
      case "notLeader":
        return this.redirect(answer);
      case "overloaded":
        return this.hold();
      default:
        return this.lookElsewhere();
    }
  }

  /** Whether the id is refused for the time in it: too old, or from a clock that ran ahead. */
  #isIdOff(answer: ErrorAnswer): boolean {
    if (answer.code === "requestExpired") return true;
    // The id of a session has no time in it.
    if (isSessionCommand(this.message.commandId)) return false;
    const issuedMs = requestIssueTimeMs(this.message.commandId);
    return answer.code === "invalidRequest" && answer.logTimeMs + REQUEST_WINDOW_MS < issuedMs;
  }

  /** The cluster will never apply this id, and may have applied it before. */
  #expired(answer: ErrorAnswer): void {
    this.host.setLogTime(answer.logTimeMs);
    if (this.#isIdGiven && !this.#isUnknown && answer.code === "invalidRequest") {
      // What is of the future now was so whenever it was sent before: it was never applied.
      return this.fail(new InvalidRequestError(answer.message, this.causedBy()));
    }
    if (this.#isUnknown || this.#isIdGiven || this.#renewals >= RENEWALS_MAX) {
      return this.fail(new RequestExpiredError(answer.message, this.causedBy()));
    }
    // No attempt with this id was applied, and none ever will be.
    this.#renewals++;
    this.#renewId();
    this.retry();
  }

  #renewId(): void {
    this.message.commandId = this.host.newCommandId();
    this.#hasId = true;
  }

  #unknownError(reason: string): UnknownOutcomeError {
    const message = `The command may have been applied: ${reason}`;
    return new UnknownOutcomeError(message, this.causedBy());
  }
}

/** Stands for an id that is not made yet. */
const NO_ID = new Uint8Array(16);

/** Who leads. */
export interface Leader {
  readonly id: NodeId;
  readonly address: Address;
  readonly term: Term;
}

/** What the leader says of itself and the cluster. */
export interface LeaderStatus extends Leader {
  /** Its status. */
  readonly status: StatusAnswer;
}

/** The question who leads, answered by the leader itself. */
export class FindLeaderOperation extends LeaderOperation {
  readonly message: { readonly type: "status"; requestId: number } = {
    type: "status",
    requestId: 0,
  };
  readonly #settle: Settle<LeaderStatus>;

  /** Creates the operation. */
  constructor(options: OperationOptions & { readonly settle: Settle<LeaderStatus> }) {
    super(options);
    this.#settle = options.settle;
  }

  /** The status of the node that is taken for the leader. */
  answered(status: ClientAnswer): void {
    const { endpoint } = this;
    if (status.type !== "statusAnswer" || endpoint === null) return this.lookElsewhere();
    this.host.finder.learnStatus(endpoint, status);
    if (status.role !== "leader") return this.lookElsewhere();
    this.finish();
    const { nodeId: id, term } = status;
    const member = status.members.find((other) => other.id === id);
    const address = member?.address ?? endpoint.address;
    this.#settle.resolve({ id, address, term, status });
  }

  /** The attempt has no answer. */
  failed(failure: SendFailure): void {
    if (failure.kind === "deadline") this.giveUp();
    else this.retry();
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected get commandId(): null {
    return null;
  }

  protected giveUpError(): RaftError {
    return this.wasAnybodyThere
      ? new NoQuorumError(`No leader within ${this.elapsed}`, this.causedBy())
      : this.notAppliedError("no leader is known");
  }
}

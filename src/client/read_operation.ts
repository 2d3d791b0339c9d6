/**
 * Operations that any node can serve: queries and questions for a status. They change nothing, so
 * they are sent again whatever happened to an attempt.
 *
 * @module
 */
import type { RaftError } from "../errors.ts";
import type { Index, NodeId } from "../types.ts";
import type {
  ClientAnswer,
  Consistency,
  ErrorAnswer,
  StatusAnswer,
} from "../wire/client_messages.ts";
import { answerError } from "./answer_error.ts";
import { InternalError } from "./client_errors.ts";
import type { SendFailure } from "./connection_request.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Settle } from "./leader_operation.ts";
import type { OperationOptions } from "./operation.ts";
import { Operation } from "./operation.ts";

/** Which node a read goes to. */
export interface ReadRoute {
  /** The only endpoint to ask, or null for any. */
  readonly pinned: Endpoint | null;
  /** Where among the endpoints to start, to spread reads over all; null to prefer the leader. */
  readonly turn: number | null;
}

/** An operation for any node. */
export abstract class ReadOperation extends Operation {
  readonly #route: ReadRoute;
  /** The endpoints that failed this read in the round `#triedRound` of the finder. */
  readonly #tried = new Set<Endpoint>();
  #triedRound = 0;

  constructor(options: OperationOptions & { readonly route: ReadRoute }) {
    super(options);
    this.#route = options.route;
  }

  /** Sends to the pinned endpoint, to the next in turn, or to one that is at hand. */
  place(): boolean {
    if (this.#triedRound !== this.host.finder.round) {
      this.#tried.clear();
      this.#triedRound = this.host.finder.round;
    }
    const endpoint = this.#choose();
    return endpoint !== null && this.sendTo(endpoint);
  }

  /** The attempt has no answer. */
  failed(failure: SendFailure): void {
    if (failure.kind === "deadline") this.giveUp();
    else this.tryAnother();
  }

  /** The node that was asked cannot serve: another can, or the same one later. */
  protected tryAnother(): void {
    if (this.endpoint !== null) this.#tried.add(this.endpoint);
    this.retry();
  }

  protected refused(answer: ErrorAnswer): void {
    this.endpoint?.noteAnswer();
    const error = answerError(answer, this.causedBy());
    if (error !== null) return this.fail(error);
    this.refusal = answer.code;
    const isLeaderInDoubt = answer.code !== "overloaded" && answer.code !== "tooStale";
    if (isLeaderInDoubt && this.endpoint !== null) this.host.finder.dismiss(this.endpoint);
    this.tryAnother();
  }

  protected get commandId(): null {
    return null;
  }

  protected override get onlyEndpoint(): Endpoint | null {
    return this.#route.pinned;
  }

  #choose(): Endpoint | null {
    const { pinned, turn } = this.#route;
    if (pinned !== null) return this.#isChoice(pinned) ? pinned : null;
    if (turn !== null) return this.#chooseInTurn(turn);
    const { leader } = this.host.finder;
    if (leader !== null && leader.isOpen && this.#isChoice(leader)) return leader;
    for (const endpoint of this.host.directory.values()) {
      if (endpoint.isOpen && this.#isChoice(endpoint)) return endpoint;
    }
    return null;
  }

  #chooseInTurn(turn: number): Endpoint | null {
    const choices = [...this.host.directory.values()].filter((other) => this.#isChoice(other));
    return choices[turn % choices.length] ?? null;
  }

  #isChoice(endpoint: Endpoint): boolean {
    return !endpoint.isDown && !this.#tried.has(endpoint);
  }
}

/** What became of a query. */
export interface QueryOutcome {
  /** What the state machine answered. */
  readonly result: Uint8Array;
  /** The node that answered. */
  readonly servedBy: NodeId;
  /** The last index that was applied there when it answered. */
  readonly index: Index;
  /** For a stale read, milliseconds since the state there held all that was committed; else 0. */
  readonly ageMs: number;
}

/** A query on its way. */
export class QueryOperation extends ReadOperation {
  readonly message: {
    readonly type: "query";
    requestId: number;
    readonly consistency: Consistency;
    readonly maxAgeMs: number;
    readonly query: Uint8Array;
  };
  readonly #settle: Settle<QueryOutcome>;

  /** Creates the operation. */
  constructor(
    options: OperationOptions & {
      readonly route: ReadRoute;
      readonly query: Uint8Array;
      readonly consistency: Consistency;
      readonly maxAgeMs: number;
      readonly settle: Settle<QueryOutcome>;
    },
  ) {
    super(options);
    const { query, consistency, maxAgeMs } = options;
    this.#settle = options.settle;
    this.message = { type: "query", requestId: 0, consistency, maxAgeMs, query };
  }

  /** The answer of a node. */
  answered(answer: ClientAnswer): void {
    switch (answer.type) {
      case "queryAnswer": {
        const { servedBy, index, ageMs } = answer;
        this.host.finder.confirmed();
        this.finish();
        this.#settle.resolve({
          result: this.host.slab.detach(answer.result),
          servedBy,
          index,
          ageMs,
        });
        return;
      }
      case "errorAnswer":
        return this.refused(answer);
      default:
        this.fail(new InternalError(`Answered with a "${answer.type}"`, "no", this.causedBy()));
    }
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected giveUpError(): RaftError {
    return this.notAppliedError("the read was not answered");
  }
}

/** A question for the status of one node. */
export class StatusOperation extends ReadOperation {
  readonly message: { readonly type: "status"; requestId: number } = {
    type: "status",
    requestId: 0,
  };
  readonly #settle: Settle<StatusAnswer>;

  /** Creates the operation. */
  constructor(
    options: OperationOptions & {
      readonly route: ReadRoute;
      readonly settle: Settle<StatusAnswer>;
    },
  ) {
    super(options);
    this.#settle = options.settle;
  }

  /** The answer of a node. */
  answered(answer: ClientAnswer): void {
    const { endpoint } = this;
    if (answer.type !== "statusAnswer" || endpoint === null) return this.tryAnother();
    this.host.finder.learnStatus(endpoint, answer);
    this.finish();
    this.#settle.resolve(answer);
  }

  protected reject(error: Error): void {
    this.#settle.reject(error);
  }

  protected giveUpError(): RaftError {
    return this.notAppliedError("no status was answered");
  }
}

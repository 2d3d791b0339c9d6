/**
 * One question to every member at the same time, those that the first answers name included.
 *
 * @module
 */
import { DeniedError, UnreachableError } from "../errors.ts";
import type { RaftError } from "../errors.ts";
import type { Address, NodeId } from "../types.ts";
import type { ClientAnswer, StatusAnswer } from "../wire/client_messages.ts";
import { InternalError } from "./client_errors.ts";
import type { ConnectionRequest, OutgoingRequest, SendFailure } from "./connection_request.ts";
import type { Endpoint } from "./endpoint.ts";
import type { OperationHost } from "./operation.ts";

/** What one member of the cluster said of itself, or why it said nothing. */
export interface MemberStatus {
  readonly address: Address;
  /** 0 where it is not known. */
  readonly nodeId: NodeId;
  /** Null where no node named it as a member. */
  readonly voter: boolean | null;
  /** Its answer, or null. */
  readonly status: StatusAnswer | null;
  /** What happened instead, or null. */
  readonly error: RaftError | null;
  /** How long its answer took, dialing included where there was no connection; else null. */
  readonly roundTripMs: number | null;
}

/** The state of the questions to all. */
class Survey {
  readonly #host: OperationHost;
  readonly #deadlineMs: number;
  readonly #resolve: (statuses: MemberStatus[]) => void;
  readonly #results = new Map<Endpoint, MemberStatus | null>();
  #openCount = 0;
  #isAsking = false;

  constructor(
    options: {
      host: OperationHost;
      timeoutMs: number;
      resolve: (statuses: MemberStatus[]) => void;
    },
  ) {
    this.#host = options.host;
    this.#deadlineMs = options.host.clock.nowMs() + options.timeoutMs;
    this.#resolve = options.resolve;
  }

  /** Asks everybody who was not asked before; ends where everybody has answered. */
  askNew(): void {
    this.#isAsking = true;
    for (const endpoint of [...this.#host.directory.values()]) {
      if (!this.#results.has(endpoint)) this.#ask(endpoint);
    }
    this.#isAsking = false;
    this.#endIfDone();
  }

  #ask(endpoint: Endpoint): void {
    this.#results.set(endpoint, null);
    const askedMs = this.#host.clock.nowMs();
    const message: OutgoingRequest = { type: "status", requestId: 0 };
    const request: ConnectionRequest = {
      message,
      deadlineMs: this.#deadlineMs,
      answered: (answer) => this.#onAnswer(endpoint, answer, askedMs),
      failed: (failure) => this.#onFailure(endpoint, failure),
    };
    this.#openCount++;
    if (endpoint.connect().send(request)) return;
    this.#onFailure(endpoint, { kind: "unreachable", sent: false, reason: "too many requests" });
  }

  #onAnswer(endpoint: Endpoint, answer: ClientAnswer, askedMs: number): void {
    const roundTripMs = this.#host.clock.nowMs() - askedMs;
    if (answer.type === "statusAnswer") {
      this.#host.finder.learnStatus(endpoint, answer);
      this.#settle(endpoint, { status: answer, error: null, roundTripMs });
    } else {
      const message = answer.type === "errorAnswer" ? answer.message : `Got a "${answer.type}"`;
      const error = new InternalError(message, "no");
      this.#settle(endpoint, { status: null, error, roundTripMs });
    }
  }

  #onFailure(endpoint: Endpoint, { kind, reason }: SendFailure): void {
    const message = `Cannot ask ${endpoint.address}: ${reason}`;
    const error = kind === "denied" ? new DeniedError(message) : new UnreachableError(message);
    this.#settle(endpoint, { status: null, error, roundTripMs: null });
  }

  #settle(
    endpoint: Endpoint,
    result: Pick<MemberStatus, "status" | "error" | "roundTripMs">,
  ): void {
    const { address, nodeId, voter } = endpoint;
    this.#results.set(endpoint, { address, nodeId, voter, ...result });
    this.#openCount--;
    if (!this.#isAsking) this.askNew();
  }

  #endIfDone(): void {
    if (this.#openCount === 0) this.#resolve(this.#byNode());
  }

  /** One element a node, where two addresses lead to it the one that answered. */
  #byNode(): MemberStatus[] {
    const byNode = new Map<string, MemberStatus>();
    for (const [endpoint, result] of this.#results) {
      if (result === null) continue;
      const { nodeId, voter } = endpoint;
      const key = nodeId === 0 ? endpoint.address : String(nodeId);
      if (byNode.get(key)?.status) continue;
      byNode.set(key, { ...result, nodeId, voter });
    }
    return [...byNode.values()].sort((a, b) =>
      a.nodeId - b.nodeId || (a.address < b.address ? -1 : 1)
    );
  }
}

/** See {@linkcode RaftClient.statusOfAll}. */
export function askEveryMember(host: OperationHost, timeoutMs: number): Promise<MemberStatus[]> {
  return new Promise((resolve) => new Survey({ host, timeoutMs, resolve }).askNew());
}

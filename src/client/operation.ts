/**
 * A request of a caller, from its start to its one outcome, over as many attempts as that takes.
 *
 * @module
 */
import { assert } from "../assert.ts";
import {
  DeniedError,
  NoQuorumError,
  OverloadedError,
  ShutdownError,
  StaleReadError,
  UnreachableError,
} from "../errors.ts";
import type { RaftError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { LogTimeMs } from "../types.ts";
import type { ClientAnswer, ErrorCode } from "../wire/client_messages.ts";
import type { ByteSlab } from "./byte_slab.ts";
import type { ConnectionRequest, OutgoingRequest, SendFailure } from "./connection_request.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointDirectory } from "./endpoint_directory.ts";
import type { LeaderFinder } from "./leader_finder.ts";
import { formatSpan, RequestReport } from "./request_report.ts";

/** What an operation needs of the client it belongs to. */
export interface OperationHost {
  readonly clock: Clock;
  readonly finder: LeaderFinder;
  readonly directory: EndpointDirectory;
  /** The caller closed the client. */
  readonly isClosed: boolean;
  /** Where copies for the caller come from. */
  readonly slab: ByteSlab;
  /** The operation cannot be sent now; `place` is called again when that may have changed. */
  wait(operation: Operation): void;
  /** The operation has its outcome. */
  finished(operation: Operation): void;
  /** A new id for a command, from the cluster's log time as far as it is known. */
  newCommandId(): Uint8Array;
  /** What a node says that the log time is. */
  setLogTime(logTimeMs: LogTimeMs): void;
}

/** What every operation starts with. */
export interface OperationOptions {
  readonly host: OperationHost;
  readonly timeoutMs: number;
  /** Bytes that the caller asks to keep until the outcome, for the limit on them. */
  readonly bytes: number;
}

/** The common part of commands and reads. */
export abstract class Operation implements ConnectionRequest {
  /** What is sent. */
  abstract readonly message: OutgoingRequest;
  /** When the operation is given up, in the clock's milliseconds. */
  readonly deadlineMs: number;
  /** When it started. */
  readonly startedMs: number;
  /** The bytes it keeps. */
  readonly bytes: number;
  /** Not to be sent before the finder's round has this number. */
  heldUntilRound = 0;
  protected readonly host: OperationHost;
  /** Where the current or last attempt went. */
  protected endpoint: Endpoint | null = null;
  /** The last refusal that waiting may mend. */
  protected refusal: ErrorCode | null = null;
  #attempts = 0;
  #isFinished = false;

  /** Creates the operation; `start` sends it. */
  constructor(options: OperationOptions) {
    this.host = options.host;
    this.bytes = options.bytes;
    this.startedMs = options.host.clock.nowMs();
    this.deadlineMs = this.startedMs + options.timeoutMs;
  }

  /** Sends the request if somebody is there to take it; false if it has to wait. */
  abstract place(): boolean;

  /** The normal answer, or another one. */
  abstract answered(answer: ClientAnswer): void;

  /** The attempt has no answer. */
  abstract failed(failure: SendFailure): void;

  /** Rejects the caller's promise. */
  protected abstract reject(error: Error): void;

  /** The id of the command, null for a read. */
  protected abstract get commandId(): Uint8Array | null;

  /** The error for the caller of an operation whose time ran out. */
  protected abstract giveUpError(): RaftError;

  /** Tries for the first time, or again. */
  retry(): void {
    if (this.#isOver) this.giveUp();
    else if (!this.place()) this.host.wait(this);
  }

  /** Tries again in the finder's next round, not earlier. */
  protected hold(): void {
    this.heldUntilRound = this.host.finder.round + 1;
    if (this.#isOver) this.giveUp();
    else this.host.wait(this);
  }

  /** The time ran out, or the client was closed. */
  giveUp(): void {
    this.fail(this.host.isClosed ? this.#closedError() : this.giveUpError());
  }

  /** Too many operations are under way. */
  refuse(reason: string): void {
    this.fail(new OverloadedError(reason, this.causedBy()));
  }

  /** Every endpoint refuses this client. */
  deny(reason: string): void {
    this.fail(new DeniedError(`The cluster refuses this client: ${reason}`, this.causedBy()));
  }

  /** The operation has its outcome; called once. */
  protected finish(): void {
    assert(!this.#isFinished, "an operation has one outcome");
    this.#isFinished = true;
    this.host.finished(this);
  }

  /** The outcome is an error. */
  fail(error: RaftError): void {
    this.finish();
    this.reject(error);
  }

  /** Hands the request to the connection of `endpoint`. */
  protected sendTo(endpoint: Endpoint): boolean {
    if (!endpoint.connect().send(this)) {
      this.heldUntilRound = this.host.finder.round + 1;
      return false;
    }
    this.endpoint = endpoint;
    this.#attempts++;
    return true;
  }

  /** The only endpoint that may serve the operation, or null for any. */
  protected get onlyEndpoint(): Endpoint | null {
    return null;
  }

  /** Whether any endpoint answered anything since the operation started. */
  protected get wasAnybodyThere(): boolean {
    for (const endpoint of this.#candidates) {
      if (endpoint.isOpen || endpoint.answeredMs >= this.startedMs) return true;
    }
    return false;
  }

  /** How long the operation has taken, for people. */
  protected get elapsed(): string {
    return formatSpan(this.host.clock.nowMs() - this.startedMs);
  }

  /** The cause of this operation's error: what was seen. */
  protected causedBy(): { cause: RequestReport } {
    return {
      cause: new RequestReport({
        observations: this.onlyEndpoint === null
          ? this.host.directory.observations()
          : [this.onlyEndpoint.observation],
        commandId: this.commandId,
        attempts: this.#attempts,
        elapsedMs: this.host.clock.nowMs() - this.startedMs,
      }),
    };
  }

  /** The error where nothing was applied: overloaded, no quorum, denied or out of reach. */
  protected notAppliedError(subject: string): RaftError {
    const cause = this.causedBy();
    if (this.refusal === "overloaded") {
      return new OverloadedError(`The cluster is overloaded: ${subject}`, cause);
    }
    if (this.refusal === "tooStale") {
      return new StaleReadError(`No node is fresh enough: ${subject}`, cause);
    }
    if (this.wasAnybodyThere) return new NoQuorumError(`No leader or no quorum: ${subject}`, cause);
    for (const { denial } of this.#candidates) {
      if (denial !== null) return new DeniedError(`Refused: ${denial}`, cause);
    }
    const message = `No endpoint answered within ${this.elapsed}: ${subject}`;
    return new UnreachableError(message, cause);
  }

  get #candidates(): Iterable<Endpoint> {
    return this.onlyEndpoint === null ? this.host.directory.values() : [this.onlyEndpoint];
  }

  get #isOver(): boolean {
    return this.host.isClosed || this.host.clock.nowMs() >= this.deadlineMs;
  }

  #closedError(): ShutdownError {
    return new ShutdownError("The client was closed before the request had an answer");
  }
}

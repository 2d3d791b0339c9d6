/**
 * Holds the operations of a client that are without outcome: sends them where they can go, lets
 * them wait where they cannot, and ends them at their deadline.
 *
 * @module
 */
import { CLIENT_REQUESTS_MAX, PROPOSALS_WAITING_BYTES_MAX } from "../limits.ts";
import type { Clock, Runtime, TlsOptions } from "../runtime/runtime.ts";
import { makeRequestId, REQUEST_ID_RANDOM_BYTES } from "../state_machine/request_id.ts";
import type { Address, ClusterId, LogTimeMs } from "../types.ts";
import type { StatusAnswer } from "../wire/client_messages.ts";
import type { HelloReply } from "../wire/hello.ts";
import { ByteSlab } from "./byte_slab.ts";
import { EarliestTimer } from "./earliest_timer.ts";
import type { Endpoint, EndpointContext } from "./endpoint.ts";
import { EndpointDirectory } from "./endpoint_directory.ts";
import { LeaderFinder } from "./leader_finder.ts";
import type { LeaderFinderOwner } from "./leader_finder.ts";
import type { Operation, OperationHost } from "./operation.ts";

/** Random bytes are drawn for so many command ids at a time: the call costs more than bytes. */
const RANDOM_POOL_IDS = 256;

/** What a scheduler is made of. */
export interface RequestSchedulerOptions {
  readonly endpoints: readonly Address[];
  readonly clusterId: ClusterId | "";
  readonly clusterName: string;
  readonly tls: TlsOptions | null;
}

/** Carries operations to their outcome. */
export class RequestScheduler implements OperationHost, LeaderFinderOwner {
  /** Time. */
  readonly clock: Clock;
  /** The search for the leader. */
  readonly finder: LeaderFinder;
  /** What is known of the cluster. */
  readonly directory: EndpointDirectory;
  /** Where copies for callers come from. */
  readonly slab = new ByteSlab();
  readonly #runtime: Runtime;
  readonly #context: EndpointContext;
  /** Operations that are on no connection. */
  readonly #waiting = new Set<Operation>();
  readonly #timer: EarliestTimer;
  #count = 0;
  #bytes = 0;
  #isClosed = false;
  #logTimeMs: LogTimeMs = 0;
  /** When `#logTimeMs` was heard, in the clock's milliseconds. */
  #logTimeHeardMs = -Infinity;
  readonly #randomPool = new Uint8Array(RANDOM_POOL_IDS * REQUEST_ID_RANDOM_BYTES);
  /** Bytes of the pool that were given out. Starts as if all were, so the first call draws. */
  #randomUsed = RANDOM_POOL_IDS * REQUEST_ID_RANDOM_BYTES;
  readonly #random = new Uint8Array(REQUEST_ID_RANDOM_BYTES);

  /** Creates the scheduler; nothing is dialed before the first operation. */
  constructor(runtime: Runtime, options: RequestSchedulerOptions) {
    this.#runtime = runtime;
    this.clock = runtime.clock;
    this.#context = {
      runtime,
      tls: options.tls,
      clusterName: options.clusterName,
      clusterId: options.clusterId,
      opened: (endpoint, reply) => this.#onOpened(endpoint, reply),
      closed: (endpoint) => this.finder.dismiss(endpoint),
    };
    this.directory = new EndpointDirectory(options.endpoints, this.#context);
    this.finder = new LeaderFinder({
      clock: runtime.clock,
      random: runtime.random,
      directory: this.directory,
      owner: this,
    });
    this.#timer = new EarliestTimer(runtime.clock, () => this.#onTimer());
  }

  /** The cluster, empty until a node said hello. */
  get clusterId(): ClusterId | "" {
    return this.#context.clusterId;
  }

  /** Whether an operation waits for the finder. */
  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes an operation; it is refused at once where too many, or too many bytes, are under way. */
  start(operation: Operation): void {
    this.#count++;
    this.#bytes += operation.bytes;
    const isAlone = this.#count === 1;
    const isFull = this.#count > CLIENT_REQUESTS_MAX ||
      (this.#bytes > PROPOSALS_WAITING_BYTES_MAX && !isAlone);
    if (isFull) {
      const message = `Cannot take the request: ${this.#count - 1} requests with ` +
        `${this.#bytes - operation.bytes} bytes are under way in this client`;
      operation.refuse(message);
    } else {
      operation.retry();
    }
  }

  /** Called by an operation that cannot be sent now. */
  wait(operation: Operation): void {
    this.#waiting.add(operation);
    this.#timer.arm(operation.deadlineMs);
    this.finder.wake();
  }

  /** Called by an operation that has its outcome. */
  finished(operation: Operation): void {
    this.#count--;
    this.#bytes -= operation.bytes;
    this.#waiting.delete(operation);
  }

  /** Called by the finder: tries to send what waits. */
  progressed(): void {
    for (const operation of this.#waiting) {
      if (operation.heldUntilRound > this.finder.round) continue;
      if (operation.place()) this.#waiting.delete(operation);
    }
  }

  /** Called by the finder: waiting cannot help. */
  denied(reason: string): void {
    for (const operation of [...this.#waiting]) operation.deny(reason);
  }

  /** Called by the finder: a leader's log time is the cluster's. */
  learned(status: StatusAnswer): void {
    if (status.role === "leader") this.setLogTime(status.logTimeMs);
  }

  /** A new id for a command. */
  newCommandId(): Uint8Array {
    const sinceMs = Math.max(0, this.clock.nowMs() - this.#logTimeHeardMs);
    const elapsedMs = sinceMs < Infinity ? sinceMs : 0;
    return makeRequestId(Math.floor(this.#logTimeMs + elapsedMs), this.#drawRandom());
  }

  /** The log time as a node says it. */
  setLogTime(logTimeMs: LogTimeMs): void {
    this.#logTimeMs = logTimeMs;
    this.#logTimeHeardMs = this.clock.nowMs();
  }

  /** Ends every operation and every connection. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.finder.close();
    this.#timer.clear();
    for (const operation of [...this.#waiting]) operation.giveUp();
    this.directory.close();
  }

  #onOpened(_endpoint: Endpoint, reply: HelloReply): void {
    if (this.#context.clusterId === "") this.#context.clusterId = reply.clusterId;
    // A node that lags knows an older log time than the one that is already known here.
    if (reply.logTimeMs > this.#logTimeMs) this.setLogTime(reply.logTimeMs);
    // The hello is taken in before anything is sent on the new connection.
    if (this.#waiting.size > 0) this.clock.defer(() => this.progressed());
  }

  #onTimer(): void {
    const nowMs = this.clock.nowMs();
    let earliestMs = Infinity;
    for (const operation of [...this.#waiting]) {
      if (operation.deadlineMs <= nowMs) operation.giveUp();
      else earliestMs = Math.min(earliestMs, operation.deadlineMs);
    }
    if (earliestMs < Infinity) this.#timer.arm(earliestMs);
  }

  /** The random part of an id, in an array that the next call overwrites. */
  #drawRandom(): Uint8Array {
    if (this.#randomUsed === this.#randomPool.length) {
      this.#runtime.random.fill(this.#randomPool);
      this.#randomUsed = 0;
    }
    for (let i = 0; i < REQUEST_ID_RANDOM_BYTES; i++) {
      this.#random[i] = this.#randomPool[this.#randomUsed++]!;
    }
    return this.#random;
  }
}

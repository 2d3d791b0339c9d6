/**
 * One connection of a client to one node: dial, hello, then many requests in flight, paired with
 * their answers by number.
 *
 * All requests of a turn leave with one socket write. All deadlines share one timer: it fires at
 * the earliest, and the scan that follows finds the next, which is cheaper than a queue while most
 * requests are answered long before their deadline. A connection that owes answers and is silent is
 * asked for its status; if that stays unanswered too, the connection is given up, so that requests
 * to a node that hangs can go elsewhere before their own deadline.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { assert, unreachable } from "../assert.ts";
import { ProtocolError } from "../errors.ts";
import { CLIENT_REQUESTS_MAX } from "../limits.ts";
import type { ByteStream, Clock, Runtime, TlsOptions } from "../runtime/runtime.ts";
import type { Address, ClusterId } from "../types.ts";
import { ByteBuilder } from "../wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../wire/client_codec.ts";
import type { ClientAnswer, ClientMessage } from "../wire/client_messages.ts";
import { FrameDecoder } from "../wire/frame.ts";
import { PROTOCOL_VERSION_MAX, PROTOCOL_VERSION_MIN } from "../wire/hello.ts";
import type { HelloReply } from "../wire/hello.ts";
import type { ConnectionRequest, SendFailure } from "./connection_request.ts";
import { describeNetworkError, isTlsRefusal } from "./connection_request.ts";
import { EarliestTimer } from "./earliest_timer.ts";

/** The longest that dialing and the hello may take, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 2_000;

/** How long a connection that owes answers may be silent before it is asked, in milliseconds. */
export const SILENCE_MS = 1_000;

/** Refusals that may pass by themselves. */
const PASSING_REFUSALS: ReadonlySet<string> = new Set(["notReady", "tooManyConnections"]);

/** Hears of the two events in the life of a connection. */
export interface ConnectionOwner {
  /** The other side accepted the hello. */
  connectionOpened(reply: HelloReply): void;
  /** The connection is over, or never came about; requests in flight fail after this call. */
  connectionClosed(failure: SendFailure): void;
}

/** Where to connect and as whom. */
export interface ClientConnectionOptions {
  readonly address: Address;
  /** The cluster that is wanted; empty for any. */
  readonly clusterId: ClusterId | "";
  /** Its name, for error messages; may be empty. */
  readonly clusterName: string;
  readonly tls?: TlsOptions;
  readonly owner: ConnectionOwner;
}

/** A connection; it dials as soon as it is created, and is never used again once it closed. */
export class ClientConnection {
  readonly #runtime: Runtime;
  readonly #clock: Clock;
  readonly #options: ClientConnectionOptions;
  readonly #timer: EarliestTimer;
  readonly #builder = new ByteBuilder();
  readonly #decoder = new FrameDecoder();
  readonly #connectDeadlineMs: number;
  #pending = new Map<number, ConnectionRequest>();
  #state: "connecting" | "open" | "closed" = "connecting";
  #stream: ByteStream | null = null;
  #nextRequestId = 1;
  /** Requests from this id on have not been given to the stream. */
  #firstUnsentId = 1;
  #flushScheduled = false;
  /** When bytes last arrived, or when the first of the unanswered requests was sent. */
  #heardMs = 0;
  /** When the status was asked for because of silence; null while there is no such question. */
  #probedMs: number | null = null;

  /** Starts to dial. */
  constructor(runtime: Runtime, options: ClientConnectionOptions) {
    this.#runtime = runtime;
    this.#clock = runtime.clock;
    this.#options = options;
    this.#timer = new EarliestTimer(runtime.clock, () => this.#onTimer());
    this.#connectDeadlineMs = this.#clock.nowMs() + CONNECT_TIMEOUT_MS;
    this.#timer.arm(this.#connectDeadlineMs);
    void this.#dial();
  }

  /** Whether the other side accepted the hello and the connection lives. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Whether the connection is over. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Requests without an answer, this side's own questions included. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /**
   * Sends a request, once the connection is open. Requests that are sent in one turn share a write.
   *
   * @returns False, and nothing happens, if the connection is closed or too many requests wait.
   */
  send(request: ConnectionRequest): boolean {
    if (this.#state === "closed" || this.#pending.size >= CLIENT_REQUESTS_MAX) return false;
    if (this.#pending.size === 0) this.#heardMs = this.#clock.nowMs();
    this.#enqueue(request);
    return true;
  }

  /** Sends what was written, closes, and fails what is unanswered. */
  close(): void {
    if (this.#state === "closed") return;
    // Where nobody waits for an answer, nothing is left to deliver. Closing in good order waits for
    // the other side, and would keep this process from ending while that side is paused.
    const isInUse = this.#state === "open" && this.#pending.size > 0;
    if (isInUse) this.#flush();
    const how = isInUse ? "close" : "destroy";
    this.#end({ kind: "lost", sent: true, reason: "closed by this client" }, how);
  }

  #enqueue(request: ConnectionRequest): void {
    const requestId = this.#nextRequestId++;
    this.#pending.set(requestId, request);
    this.#timer.arm(Math.min(request.deadlineMs, this.#heardMs + SILENCE_MS));
    if (this.#state === "open") this.#scheduleFlush();
  }

  async #dial(): Promise<void> {
    const { address, tls } = this.#options;
    const target = splitAddress(address);
    if (target === null) {
      this.#clock.defer(() => this.#unreachable(`"${address}" is not HOST:PORT`));
      return;
    }
    try {
      const stream = await this.#runtime.network.connect({
        ...target,
        timeoutMs: CONNECT_TIMEOUT_MS,
        ...(tls === undefined ? {} : { tls }),
      });
      this.#connected(stream);
    } catch (error) {
      this.#onDialError(error);
    }
  }

  #onDialError(error: unknown): void {
    const reason = describeNetworkError(error);
    if (isTlsRefusal(error)) this.#end({ kind: "denied", sent: false, reason });
    else this.#unreachable(reason);
  }

  #connected(stream: ByteStream): void {
    stream.start({
      data: (chunk) => this.#onData(chunk),
      closed: (error) => this.#onClosed(error),
    });
    if (this.#state === "closed") {
      stream.destroy();
      return;
    }
    this.#stream = stream;
    // The hello goes ahead of the requests that may already wait.
    const hello = new ByteBuilder();
    writeClientMessage(hello, {
      type: "hello",
      hello: {
        protocolMin: PROTOCOL_VERSION_MIN,
        protocolMax: PROTOCOL_VERSION_MAX,
        role: "client",
        clusterId: this.#options.clusterId,
        clusterName: this.#options.clusterName,
        nodeId: 0,
        instanceId: "",
        address: "",
        targetNodeId: 0,
        configurationIndex: 0,
      },
    });
    stream.write(hello.take());
  }

  #onData(chunk: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#heardMs = this.#clock.nowMs();
    this.#probedMs = null;
    try {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
        this.#onMessage(decodeClientMessage(frame));
        if (this.isClosed) return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#giveUp(`not an answer of this protocol: ${error.message}`);
    }
  }

  #onMessage(message: ClientMessage): void {
    switch (message.type) {
      case "proposeAnswer":
      case "queryAnswer":
      case "statusAnswer":
      case "membershipAnswer":
      case "transferAnswer":
      case "snapshotAnswer":
      case "snapshotOpened":
      case "snapshotData":
      case "errorAnswer":
        this.#onAnswer(message);
        return;
      case "helloReply":
        this.#onHelloReply(message.reply);
        return;
      case "hello":
      case "propose":
      case "query":
      case "status":
      case "changeMembership":
      case "transferLeadership":
      case "triggerSnapshot":
      case "openSnapshot":
      case "readSnapshot":
        throw new ProtocolError(`Cannot take a "${message.type}" from a node: want an answer`);
      default:
        unreachable(message);
    }
  }

  #onAnswer(answer: ClientAnswer): void {
    if (this.#state !== "open" || answer.requestId >= this.#firstUnsentId) {
      throw new ProtocolError(`Cannot place the answer to request ${answer.requestId}: not sent`);
    }
    const request = this.#pending.get(answer.requestId);
    // The answer of a request whose deadline passed: nobody waits for it.
    if (request === undefined) return;
    this.#pending.delete(answer.requestId);
    request.answered(answer);
  }

  #onHelloReply(reply: HelloReply): void {
    if (this.#state !== "connecting") throw new ProtocolError("Cannot take a second hello reply");
    const { refusal, reason, protocol } = reply;
    if (PASSING_REFUSALS.has(refusal)) {
      this.#unreachable(`not ready: ${reason}`);
    } else if (refusal !== "none") {
      this.#end({ kind: "denied", sent: false, reason });
    } else if (protocol < PROTOCOL_VERSION_MIN || protocol > PROTOCOL_VERSION_MAX) {
      const range = `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION_MAX}`;
      throw new ProtocolError(`Cannot speak protocol ${protocol}: want ${range}`);
    } else {
      this.#state = "open";
      this.#options.owner.connectionOpened(reply);
      if (this.#pending.size > 0) this.#scheduleFlush();
    }
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#clock.defer(() => {
      this.#flushScheduled = false;
      if (this.#state === "open") this.#flush();
    });
  }

  #flush(): void {
    assert(this.#stream !== null, "an open connection has a stream");
    // Encoded only now: a request that has failed meanwhile was reported as never sent.
    for (let requestId = this.#firstUnsentId; requestId < this.#nextRequestId; requestId += 1) {
      const request = this.#pending.get(requestId);
      if (request === undefined) continue;
      request.message.requestId = requestId;
      writeClientMessage(this.#builder, request.message);
    }
    this.#firstUnsentId = this.#nextRequestId;
    if (this.#builder.length > 0) this.#stream.write(this.#builder.take());
  }

  #onTimer(): void {
    const nowMs = this.#clock.nowMs();
    let earliestMs = Infinity;
    for (const [requestId, request] of this.#pending) {
      if (request.deadlineMs > nowMs) {
        earliestMs = Math.min(earliestMs, request.deadlineMs);
        continue;
      }
      this.#pending.delete(requestId);
      const sent = requestId < this.#firstUnsentId;
      request.failed({ kind: "deadline", sent, reason: "no answer in time" });
      if (this.isClosed) return;
    }
    if (this.#state === "connecting") {
      if (nowMs >= this.#connectDeadlineMs) return this.#unreachable("no hello in time");
      earliestMs = Math.min(earliestMs, this.#connectDeadlineMs);
    } else if (this.#pending.size > 0) {
      earliestMs = Math.min(earliestMs, this.#checkSilence(nowMs));
    }
    if (earliestMs < Infinity && !this.isClosed) this.#timer.arm(earliestMs);
  }

  /** Asks a silent node, or gives it up; returns when to look again. */
  #checkSilence(nowMs: number): number {
    const quietMs = nowMs - Math.max(this.#heardMs, this.#probedMs ?? 0);
    if (quietMs < SILENCE_MS) return nowMs + SILENCE_MS - quietMs;
    // After a pause of this process itself, answers wait unread: one more round tells.
    const selfPaused = quietMs > 2 * SILENCE_MS;
    if (this.#probedMs !== null && !selfPaused) {
      this.#giveUp(`no sign of life for ${Math.round(nowMs - this.#heardMs)} ms`);
      return Infinity;
    }
    const firstProbe = this.#probedMs === null;
    this.#probedMs = nowMs;
    if (firstProbe) this.#probe();
    return nowMs + SILENCE_MS;
  }

  /** Asks for the status; any bytes that come back end the silence. */
  #probe(): void {
    this.#enqueue({
      message: { type: "status", requestId: 0 },
      deadlineMs: Infinity,
      answered: () => {},
      failed: () => {},
    });
  }

  #onClosed(error: Error | null): void {
    if (this.#state === "closed") return;
    const reason = error === null
      ? "connection closed by the other side"
      : describeNetworkError(error);
    if (this.#state === "open") this.#end({ kind: "lost", sent: true, reason });
    else if (isTlsRefusal(error)) this.#end({ kind: "denied", sent: false, reason });
    else this.#unreachable(reason);
  }

  /** Ends a connection that cannot be trusted to answer. */
  #giveUp(reason: string): void {
    if (this.#state === "connecting") return this.#unreachable(reason);
    this.#end({ kind: "lost", sent: true, reason });
  }

  #unreachable(reason: string): void {
    this.#end({ kind: "unreachable", sent: false, reason });
  }

  /** Reports the end once: to the owner, then to every unanswered request. */
  #end(failure: SendFailure, how: "close" | "destroy" = "destroy"): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#timer.clear();
    this.#stream?.[how]();
    this.#options.owner.connectionClosed(failure);
    const pending = this.#pending;
    this.#pending = new Map();
    for (const [requestId, request] of pending) {
      request.failed({ ...failure, sent: failure.sent && requestId < this.#firstUnsentId });
    }
  }
}

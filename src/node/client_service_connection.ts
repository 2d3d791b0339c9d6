/**
 * One client on a node: requests in, answers out, in any order.
 *
 * Nothing is allocated for an answer: it is encoded from an object that the connection reuses, into
 * a buffer that one socket write empties at the end of the turn.
 *
 * What a client can cost is bounded. More than CLIENT_REQUESTS_MAX unanswered requests are refused
 * as overload. While more than {@linkcode PAUSE_BYTES} of answers wait to be sent, nothing more is
 * read. Reads that were taken before and would add to more than {@linkcode REFUSE_READS_BYTES} are
 * answered as overload. Beyond WRITE_BUFFER_BYTES_MAX the client is cut off.
 *
 * @module
 */
import { assert, unreachable } from "../assert.ts";
import { InternalError } from "../client/client_errors.ts";
import {
  NotLeaderError,
  OverloadedError,
  ProtocolError,
  RaftError,
  RefusedError,
} from "../errors.ts";
import { CLIENT_REQUESTS_MAX, WRITE_BUFFER_BYTES_MAX } from "../limits.ts";
import type { ByteStream, ByteStreamHandler, Clock } from "../runtime/runtime.ts";
import { ByteBuilder } from "../wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../wire/client_codec.ts";
import type {
  AdminAnswer,
  AdminRequest,
  BackupAnswer,
  ClientMessage,
  ProposeAnswer,
  ProposeRequest,
  QueryAnswer,
  QueryRequest,
} from "../wire/client_messages.ts";
import { FrameDecoder } from "../wire/frame.ts";
import { BackupSession } from "./backup_session.ts";
import type {
  ClientAnswerSink,
  ClientBackend,
  ProposalOutcome,
  QueryOutcome,
} from "./client_backend.ts";
import { errorCodeOf } from "./error_code.ts";

/** Above this many bytes of answers that wait to be sent, no requests are read. */
export const PAUSE_BYTES: number = WRITE_BUFFER_BYTES_MAX / 4;

/** Below this many bytes, requests are read again. */
export const RESUME_BYTES: number = WRITE_BUFFER_BYTES_MAX / 8;

/** Above this many bytes, reads that were taken before are refused. */
export const REFUSE_READS_BYTES: number = WRITE_BUFFER_BYTES_MAX / 2;

/** Answers are written before the end of the turn when so many bytes of them stand ready. */
const FLUSH_BYTES = 1024 * 1024;

/** A type whose fields can be set. */
type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

const NOTHING = new Uint8Array(0);

/** What a connection is made of. */
export interface ClientServiceConnectionOptions {
  readonly stream: ByteStream;
  readonly clock: Clock;
  readonly backend: ClientBackend;
  /** Reading stopped; the owner calls `resumeIfDrained` from time to time. */
  readonly paused: (connection: ClientServiceConnection) => void;
  /** The connection is over, once; `complaint` says what the client did wrong, if anything. */
  readonly closed: (connection: ClientServiceConnection, complaint: string | null) => void;
}

/** The node's side of one client. */
export class ClientServiceConnection implements ByteStreamHandler, ClientAnswerSink {
  readonly #options: ClientServiceConnectionOptions;
  readonly #stream: ByteStream;
  readonly #backend: ClientBackend;
  readonly #decoder = new FrameDecoder();
  readonly #builder = new ByteBuilder();
  readonly #backup: BackupSession;
  readonly #proposeAnswer: Mutable<ProposeAnswer> = {
    type: "proposeAnswer",
    requestId: 0,
    index: 0,
    term: 0,
    duplicate: false,
    result: NOTHING,
  };
  readonly #queryAnswer: Mutable<QueryAnswer> = {
    type: "queryAnswer",
    requestId: 0,
    servedBy: 0,
    index: 0,
    ageMs: 0,
    result: NOTHING,
  };
  readonly #flushDeferred = (): void => {
    this.#isFlushScheduled = false;
    this.#flush();
  };
  #unansweredCount = 0;
  #isFlushScheduled = false;
  #isPaused = false;
  #isClosed = false;

  /** Creates the connection of a client whose hello was accepted. */
  constructor(options: ClientServiceConnectionOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#backend = options.backend;
    this.#backup = new BackupSession(options.backend);
  }

  /** `HOST:PORT` of the client. */
  get remoteAddress(): string {
    return this.#stream.remoteAddress;
  }

  /** Requests that the backend has not answered. */
  get unansweredCount(): number {
    return this.#unansweredCount;
  }

  /** Bytes arrived. */
  data(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    this.#decoder.push(chunk);
    this.#handleFrames();
  }

  /** The client is gone; answers that are still to come are dropped. */
  closed(_error: Error | null): void {
    this.#end(null);
  }

  /** Sends what is answered, then closes. */
  close(): void {
    if (this.#isClosed) return;
    this.#flush();
    this.#stream.close();
    this.#end(null);
  }

  /** Reads again if the client has read enough; otherwise reports `paused` again. */
  resumeIfDrained(): void {
    if (this.#isClosed || !this.#isPaused) return;
    if (this.#stream.writeBufferedBytes > RESUME_BYTES) {
      this.#options.paused(this);
      return;
    }
    this.#isPaused = false;
    this.#handleFrames();
    // Requests that were held back may have filled the buffer again.
    if (!this.#isPaused && !this.#isClosed) this.#stream.resume();
  }

  /** Called by the backend. */
  proposalApplied(requestId: number, outcome: ProposalOutcome): void {
    this.#unansweredCount--;
    if (this.#isClosed) return;
    const answer = this.#proposeAnswer;
    answer.requestId = requestId;
    answer.index = outcome.index;
    answer.term = outcome.term;
    answer.duplicate = outcome.duplicate;
    answer.result = outcome.result;
    writeClientMessage(this.#builder, answer);
    answer.result = NOTHING;
    this.#scheduleFlush();
  }

  /** Called by the backend. */
  proposalFailed(requestId: number, error: RaftError): void {
    this.#unansweredCount--;
    this.#writeError(requestId, error);
  }

  /** Called by the backend. */
  queryAnswered(requestId: number, outcome: QueryOutcome): void {
    this.#unansweredCount--;
    if (this.#isClosed) return;
    const waitingBytes = this.#stream.writeBufferedBytes + this.#builder.length;
    if (waitingBytes + outcome.result.length > REFUSE_READS_BYTES && waitingBytes > 0) {
      const message = `Cannot send the answer yet: ${waitingBytes} bytes wait for this client`;
      this.#writeError(requestId, new OverloadedError(message));
      return;
    }
    const answer = this.#queryAnswer;
    answer.requestId = requestId;
    answer.servedBy = outcome.servedBy;
    answer.index = outcome.index;
    answer.ageMs = outcome.ageMs;
    answer.result = outcome.result;
    writeClientMessage(this.#builder, answer);
    answer.result = NOTHING;
    this.#scheduleFlush();
  }

  /** Called by the backend. */
  queryFailed(requestId: number, error: RaftError): void {
    this.#unansweredCount--;
    this.#writeError(requestId, error);
  }

  #handleFrames(): void {
    try {
      while (!this.#isPaused && !this.#isClosed) {
        const frame = this.#decoder.next();
        if (frame === null) return;
        this.#handle(decodeClientMessage(frame));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#cutOff(error.message);
    }
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case "propose":
        return this.#propose(message);
      case "query":
        return this.#query(message);
      case "status":
        writeClientMessage(this.#builder, {
          type: "statusAnswer",
          requestId: message.requestId,
          ...this.#backend.status(),
        });
        return this.#scheduleFlush();
      case "changeMembership":
      case "transferLeadership":
      case "triggerSnapshot":
        return this.#administer(message.requestId, () => this.#perform(message));
      case "openSnapshot":
        return this.#administer(message.requestId, () => this.#backup.open(message));
      case "readSnapshot":
        return this.#administer(message.requestId, () => this.#backup.read(message));
      case "hello":
      case "helloReply":
      case "membershipAnswer":
      case "transferAnswer":
      case "snapshotAnswer":
      case "snapshotOpened":
      case "snapshotData":
      case "proposeAnswer":
      case "queryAnswer":
      case "statusAnswer":
      case "errorAnswer":
        throw new ProtocolError(`Cannot take a "${message.type}" from a client: want a request`);
      default:
        unreachable(message);
    }
  }

  #propose(request: ProposeRequest): void {
    if (!this.#admit(request.requestId)) return;
    this.#backend.propose(request.commandId, request.command, this, request.requestId);
  }

  #query(request: QueryRequest): void {
    if (!this.#admit(request.requestId)) return;
    this.#backend.query(request.query, request, this, request.requestId);
  }

  /** What operators ask for is rare: here a promise a request costs nothing that counts. */
  #administer(requestId: number, perform: () => Promise<AdminAnswer | BackupAnswer>): void {
    if (!this.#admit(requestId)) return;
    perform().then((answer) => {
      this.#unansweredCount--;
      if (this.#isClosed) return;
      writeClientMessage(this.#builder, answer);
      this.#scheduleFlush();
    }, (error) => {
      this.#unansweredCount--;
      if (error instanceof RaftError) return this.#writeError(requestId, error);
      // A defect: the client is told, and it must not go unnoticed here.
      this.#writeError(requestId, new InternalError(String(error), "unknown"));
      throw error;
    });
  }

  async #perform(request: AdminRequest): Promise<AdminAnswer> {
    const { requestId } = request;
    switch (request.type) {
      case "changeMembership": {
        const { configurationIndex } = await this.#backend.changeMembership(request);
        return { type: "membershipAnswer", requestId, configurationIndex };
      }
      case "transferLeadership": {
        const target = request.target === 0 ? null : request.target;
        const { leaderId, term } = await this.#backend.transferLeadership(target);
        return { type: "transferAnswer", requestId, leaderId, term };
      }
      case "triggerSnapshot": {
        const { index } = await this.#backend.triggerSnapshot();
        return { type: "snapshotAnswer", requestId, index };
      }
    }
  }

  #admit(requestId: number): boolean {
    if (this.#unansweredCount < CLIENT_REQUESTS_MAX) {
      this.#unansweredCount++;
      return true;
    }
    const message = `${CLIENT_REQUESTS_MAX} requests of this connection are unanswered`;
    this.#writeError(requestId, new OverloadedError(message));
    return false;
  }

  #writeError(requestId: number, error: RaftError): void {
    if (this.#isClosed) return;
    const hint = error instanceof NotLeaderError
      ? { id: error.leaderId ?? 0, address: error.leaderAddress ?? "" }
      : this.#backend.leader();
    writeClientMessage(this.#builder, {
      type: "errorAnswer",
      requestId,
      code: errorCodeOf(error),
      applied: error.applied,
      message: error.message,
      leaderId: hint?.id ?? 0,
      leaderAddress: hint?.address ?? "",
      logTimeMs: this.#backend.logTimeMs(),
      why: error instanceof RefusedError ? error.why : [],
      fix: error instanceof RefusedError ? error.fix : [],
    });
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    assert(this.#unansweredCount >= 0, () => `${this.#unansweredCount} requests are unanswered`);
    if (this.#builder.length >= FLUSH_BYTES) return this.#flush();
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.clock.defer(this.#flushDeferred);
  }

  #flush(): void {
    if (this.#isClosed || this.#builder.length === 0) return;
    this.#stream.write(this.#builder.take());
    const waitingBytes = this.#stream.writeBufferedBytes;
    if (waitingBytes > WRITE_BUFFER_BYTES_MAX) {
      this.#cutOff(`it does not read its answers: ${waitingBytes} bytes wait`);
    } else if (waitingBytes > PAUSE_BYTES && !this.#isPaused) {
      this.#isPaused = true;
      this.#stream.pause();
      this.#options.paused(this);
    }
  }

  #cutOff(complaint: string): void {
    if (this.#isClosed) return;
    this.#end(complaint);
    this.#stream.destroy();
  }

  #end(complaint: string | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#backup.close();
    this.#options.closed(this, complaint);
  }
}

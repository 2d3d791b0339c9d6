/**
 * The clients of a node: takes over their connections after the hello, and bounds them.
 *
 * Whoever listens reads the first message of a connection; a hello with the role `client` and
 * whatever arrived behind it are handed to {@linkcode ClientService.accept}.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { CONNECTIONS_MAX } from "../limits.ts";
import type { ByteStream, ByteStreamHandler, Clock, Runtime } from "../runtime/runtime.ts";
import { ByteBuilder } from "../wire/byte_builder.ts";
import { writeClientMessage } from "../wire/client_codec.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import type { ClientBackend } from "./client_backend.ts";
import { ClientServiceConnection } from "./client_service_connection.ts";

/** How often a client that reads too slowly is looked at, in milliseconds. */
const SLOW_READER_CHECK_MS = 5;

/** A connection whose hello named a client. */
export interface AcceptedClient {
  /** Already started: its handler must pass everything on to what `accept` returns. */
  readonly stream: ByteStream;
  readonly hello: Hello;
  /** What arrived behind the hello; may be empty. */
  readonly bufferedBytes: Uint8Array;
}

/** What a {@linkcode ClientService} is made of. */
export interface ClientServiceOptions {
  readonly backend: ClientBackend;
  /** Called with a line for the log when a client is refused, breaks the protocol or is cut off. */
  readonly warn: (message: string) => void;
}

/** Answers clients. */
export class ClientService {
  readonly #clock: Clock;
  readonly #options: ClientServiceOptions;
  readonly #connections = new Set<ClientServiceConnection>();
  /** Connections that are not read from before their client has read. */
  readonly #paused = new Set<ClientServiceConnection>();
  #isTimerSet = false;
  #isClosed = false;

  /** Creates a service without clients. */
  constructor(runtime: Runtime, options: ClientServiceOptions) {
    this.#clock = runtime.clock;
    this.#options = options;
  }

  /** Clients that are connected. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Takes over a connection: replies to its hello, then answers its requests.
   *
   * @returns The handler that the stream's events go to from now on.
   */
  accept(client: AcceptedClient): ByteStreamHandler {
    const reply = this.#reply(client.hello);
    const builder = new ByteBuilder();
    writeClientMessage(builder, { type: "helloReply", reply });
    client.stream.write(builder.take());
    if (reply.refusal !== "none") {
      this.#options.warn(`Refused client ${client.stream.remoteAddress}: ${reply.reason}`);
      client.stream.close();
      return REFUSED;
    }
    const connection = new ClientServiceConnection({
      stream: client.stream,
      clock: this.#clock,
      backend: this.#options.backend,
      paused: (paused) => this.#onPaused(paused),
      closed: (closed, complaint) => this.#onClosed(closed, complaint),
    });
    this.#connections.add(connection);
    if (client.bufferedBytes.length > 0) connection.data(client.bufferedBytes);
    return connection;
  }

  /** Sends what is answered and closes every connection; what is unanswered stays so. */
  close(): void {
    this.#isClosed = true;
    for (const connection of [...this.#connections]) connection.close();
    assert(this.#connections.size === 0, () => `${this.#connections.size} connections are left`);
  }

  #reply(hello: Hello): HelloReply {
    const reply = this.#options.backend.helloReply(hello);
    if (reply.refusal !== "none") return reply;
    if (this.#isClosed) return { ...reply, refusal: "notReady", reason: "the node is stopping" };
    if (this.#connections.size < CONNECTIONS_MAX) return reply;
    const reason = `${CONNECTIONS_MAX} clients are connected`;
    return { ...reply, refusal: "tooManyConnections", reason };
  }

  #onClosed(connection: ClientServiceConnection, complaint: string | null): void {
    this.#connections.delete(connection);
    this.#paused.delete(connection);
    if (complaint === null) return;
    this.#options.warn(`Closed the connection of client ${connection.remoteAddress}: ${complaint}`);
  }

  #onPaused(connection: ClientServiceConnection): void {
    this.#paused.add(connection);
    if (this.#isTimerSet) return;
    this.#isTimerSet = true;
    this.#clock.setTimer(() => this.#checkPaused(), SLOW_READER_CHECK_MS);
  }

  /** A stream does not say when it drained, so while one is paused this looks. */
  #checkPaused(): void {
    this.#isTimerSet = false;
    for (const connection of [...this.#paused]) {
      this.#paused.delete(connection);
      connection.resumeIfDrained();
    }
  }
}

/** The handler of a connection that was refused: nothing is read. */
const REFUSED: ByteStreamHandler = { data: () => {}, closed: () => {} };

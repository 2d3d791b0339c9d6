/**
 * The one port of a node and the connections of its peers: who dials is greeted, and sent on to the
 * transport or to whoever serves clients.
 *
 * @module
 */
import { joinAddress } from "../address.ts";
import { CONNECTIONS_MAX, MEMBERS_MAX } from "../limits.ts";
import type { Logger } from "../observability/logger.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { Acceptor, type Crowd, type GreetedConnection } from "../transport/acceptor.ts";
import { TcpTransport } from "../transport/tcp_transport.ts";
import type { TransportHandler } from "../transport/transport.ts";
import type { Address, NodeId } from "../types.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import { encodePeerMessage } from "../wire/peer_codec.ts";
import type { Greeter } from "./greeter.ts";

/** Fewer than that are worth a word. */
const FEW_CONNECTIONS = 512;

const RAISE_LIMIT = "raise the limit of open files of this process (LimitNOFILE, ulimit -n)";

/** What a port works with. */
export interface ClusterPortOptions {
  readonly runtime: Runtime;
  readonly nodeId: NodeId;
  readonly listen: { readonly host: string; readonly port: number };
  /** A connection without an answer for this long is given up, in milliseconds. */
  readonly silenceMs: number;
  readonly greeter: Greeter;
  readonly logger: Logger;
  readonly handler: TransportHandler;
  /**
   * A peer said hello and is to be accepted. Returns when that may be told, or null for at once; a
   * rejection ends the connection.
   */
  readonly peerAccepted: (hello: Hello) => Promise<void> | null;
  /** A connection to or from a peer failed. */
  readonly peerFailed: (peer: NodeId) => void;
  /** Serves a client's connection; clients are refused where it is not given. */
  readonly serveClient: ((connection: GreetedConnection) => void) | undefined;
}

/** The network side of a node. */
export class ClusterPort {
  readonly transport: TcpTransport;
  readonly #options: ClusterPortOptions;
  readonly #acceptor: Acceptor;
  /** The last failure of each peer that was logged, so that a dead one fills no log. */
  readonly #failures = new Map<NodeId, string>();
  /** The same for each id that was refused: it dials again and again. A stranger may claim any. */
  readonly #refusals = new Map<NodeId, string>();

  /** Creates a port that does not listen yet. */
  constructor(options: ClusterPortOptions) {
    const { runtime, nodeId, silenceMs, greeter, handler, logger } = options;
    this.#options = options;
    this.#acceptor = new Acceptor({
      runtime,
      ...options.listen,
      greeted: (connection) => this.#greeted(connection),
      rejected: (remoteAddress, reason) =>
        logger.warn("Closed a connection", { remoteAddress, reason }),
      crowded: (crowd) => this.#crowded(crowd),
    });
    this.transport = new TcpTransport({
      runtime,
      nodeId,
      silenceMs,
      hello: (peer) => greeter.hello(peer.id),
      handler,
      failed: (peer, error) => this.#failed(peer, error),
    });
  }

  /** The address in use. */
  get address(): Address {
    return joinAddress({ host: this.#options.listen.host, port: this.#acceptor.port });
  }

  /** Listens. Rejects with a NetworkError. */
  async listen(): Promise<void> {
    await this.#acceptor.listen();
    const { connectionsMax } = this.#acceptor;
    if (connectionsMax >= FEW_CONNECTIONS) return;
    this.#options.logger.warn("Takes few connections, as this process may open few files", {
      connectionsMax,
      fix: RAISE_LIMIT,
    });
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    this.transport.close();
    await this.#acceptor.close();
  }

  #greeted(connection: GreetedConnection): void {
    const { greeter, serveClient, peerAccepted } = this.#options;
    const { hello, stream } = connection;
    if (hello.role === "client" && this.#acceptor.refusesClient()) {
      const reason = "the node has as many connections as it takes";
      const reply = { ...greeter.reply(hello), refusal: "tooManyConnections" as const, reason };
      stream.write(encodePeerMessage({ type: "helloReply", reply }));
      stream.close();
      return;
    }
    if (hello.role === "client" && serveClient !== undefined) {
      serveClient(connection);
      return;
    }
    const reply = hello.role === "client"
      ? { ...greeter.reply(hello), refusal: "notReady" as const, reason: "no clients are served" }
      : greeter.reply(hello);
    if (reply.refusal === "none") {
      const stored = peerAccepted(hello);
      if (stored === null) this.#accept(connection, reply);
      else this.#acceptLater(connection, { reply, stored });
      return;
    }
    this.#refused(connection, reply.reason);
    stream.write(encodePeerMessage({ type: "helloReply", reply }));
    stream.close();
  }

  #accept(connection: GreetedConnection, reply: HelloReply): void {
    this.#failures.delete(connection.hello.nodeId);
    this.#refusals.delete(connection.hello.nodeId);
    this.transport.accept(connection, reply);
  }

  /** A peer that is accepted may count on being known from then on, also after a crash. */
  #acceptLater(
    connection: GreetedConnection,
    options: { readonly reply: HelloReply; readonly stored: Promise<void> },
  ): void {
    const { stream } = connection;
    let isGone = false;
    connection.handOver({
      // A peer waits for the reply before it says anything.
      data: () => stream.destroy(),
      closed: () => void (isGone = true),
    });
    options.stored.then(() => {
      if (!isGone) this.#accept(connection, options.reply);
    }, () => stream.destroy());
  }

  /** Says once that connections are refused, and once that they are taken again. */
  #crowded(crowd: Crowd | { readonly refusedCount: number }): void {
    const { logger } = this.#options;
    if ("refusedCount" in crowd) {
      logger.info("Further connections are taken again", crowd);
      return;
    }
    const { connectionsMax, clientsMax, openFilesMax } = crowd;
    logger.error("There are too many connections: further ones are refused", {
      connectionsMax,
      clientsMax,
      ...(openFilesMax === null ? {} : { openFilesMax }),
      fix: connectionsMax < CONNECTIONS_MAX ? RAISE_LIMIT : "see which clients open so many",
    });
  }

  #refused({ hello, stream }: GreetedConnection, reason: string): void {
    const { nodeId } = hello;
    if (this.#refusals.get(nodeId) === reason) return;
    this.#refusals.delete(nodeId);
    const oldest = this.#refusals.keys().next();
    if (this.#refusals.size >= MEMBERS_MAX && !oldest.done) this.#refusals.delete(oldest.value);
    this.#refusals.set(nodeId, reason);
    const { remoteAddress } = stream;
    this.#options.logger.warn("Refused a connection", { remoteAddress, nodeId, reason });
  }

  #failed(peer: NodeId, error: Error): void {
    this.#options.peerFailed(peer);
    const reason = error.message;
    if (this.#failures.get(peer) === reason) return;
    this.#failures.set(peer, reason);
    this.#options.logger.warn("Connection to a peer failed", { peer, reason });
  }
}

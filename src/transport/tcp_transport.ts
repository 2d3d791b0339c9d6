/**
 * The transport of a real node: one dialed connection to each peer for what it sends, and the
 * connections that peers dialed for what it receives.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";
import {
  type ByteStream,
  NetworkError,
  type Runtime,
  type TimerHandle,
} from "../runtime/runtime.ts";
import type { NodeId } from "../types.ts";
import type { FrameDecoder } from "../wire/frame.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import { decodePeerFrame, encodePeerMessage, type PeerWord } from "../wire/peer_codec.ts";
import type { GreetedConnection } from "./acceptor.ts";
import { PeerLink } from "./peer_link.ts";
import type { PeerAddress, Transport, TransportHandler } from "./transport.ts";

/** What a transport works with. */
export interface TcpTransportOptions {
  readonly runtime: Runtime;
  readonly nodeId: NodeId;
  /** A connection without an answer for this long is given up, in milliseconds. */
  readonly silenceMs: number;
  /** The hello for a peer, as it is when it is said. */
  readonly hello: (peer: PeerAddress) => Hello;
  readonly handler: TransportHandler;
  /** A connection to or from a peer failed, for the log. */
  readonly failed: (peer: NodeId, error: Error) => void;
}

/** Peers by TCP. */
export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions;
  readonly #links = new Map<NodeId, PeerLink>();
  /** The latest connection that each peer dialed. */
  readonly #inbound = new Map<NodeId, ByteStream>();
  #silenceTimer: TimerHandle | null = null;
  #closed = false;

  /** Creates a transport without peers. */
  constructor(options: TcpTransportOptions) {
    this.#options = options;
    this.#armSilenceTimer();
  }

  /** Dials these peers from now on, and no others. */
  setPeers(peers: readonly PeerAddress[]): void {
    const wanted = new Map(peers.map((peer) => [peer.id, peer]));
    wanted.delete(this.#options.nodeId);
    for (const [id, link] of this.#links) {
      if (wanted.get(id)?.address === link.address) continue;
      link.close();
      this.#links.delete(id);
    }
    for (const peer of wanted.values()) {
      if (!this.#links.has(peer.id)) this.#links.set(peer.id, this.#link(peer));
    }
  }

  /** Queues a message. */
  send(to: NodeId, message: PeerWord, records: readonly Uint8Array[]): void {
    this.#links.get(to)?.send(message, records);
  }

  /** Writes what was queued. */
  flush(): void {
    for (const link of this.#links.values()) link.flush();
  }

  /** Whether a connection to `peer` stands. */
  isConnected(peer: NodeId): boolean {
    return this.#links.get(peer)?.isConnected ?? false;
  }

  /** What `peer` last answered a hello with. */
  peerReply(peer: NodeId): HelloReply | null {
    return this.#links.get(peer)?.reply ?? null;
  }

  /** Serves a connection that a peer dialed and that `reply` accepts. */
  accept(connection: GreetedConnection, reply: HelloReply): void {
    const { stream, hello, decoder } = connection;
    const from = hello.nodeId;
    // An older connection of the same peer is dead, or will be: a peer keeps one.
    const old = this.#inbound.get(from);
    this.#inbound.set(from, stream);
    old?.destroy();
    stream.write(encodePeerMessage({ type: "helloReply", reply }));
    decoder.frameBytesMax = FRAME_BYTES_MAX;
    connection.handOver({
      data: (chunk) => {
        decoder.push(chunk);
        this.#receive(from, stream, decoder);
      },
      closed: () => {
        if (this.#inbound.get(from) === stream) this.#inbound.delete(from);
      },
    });
    this.#links.get(from)?.hurry();
    this.#receive(from, stream, decoder);
  }

  /** Ends every connection to and from peers. */
  close(): void {
    this.#closed = true;
    if (this.#silenceTimer !== null) this.#options.runtime.clock.clearTimer(this.#silenceTimer);
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    for (const stream of this.#inbound.values()) stream.destroy();
    this.#inbound.clear();
  }

  #link(peer: PeerAddress): PeerLink {
    const { runtime, handler, hello, failed } = this.#options;
    return new PeerLink({
      runtime,
      peer,
      hello: () => hello(peer),
      connected: (reply) => handler.connected(peer.id, reply),
      refused: (reply) => handler.refused(peer.id, reply),
      lost: () => handler.lost(peer.id),
      failed: (error) => {
        failed(peer.id, error);
        // A host that is out of reach answers nothing: only one that is there refuses.
        const isRefused = error instanceof NetworkError && error.code === "ECONNREFUSED";
        if (isRefused && !this.#inbound.has(peer.id)) handler.gone(peer.id);
      },
    });
  }

  #receive(from: NodeId, stream: ByteStream, decoder: FrameDecoder): void {
    if (this.#closed || this.#inbound.get(from) !== stream) return;
    try {
      this.#links.get(from)?.heard();
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        const message = decodePeerFrame(frame);
        if (message.type === "hello" || message.type === "helloReply") {
          throw new ProtocolError(`Peer ${from} sent a ${message.type} twice`);
        }
        this.#options.handler.message(from, message);
      }
    } catch (error) {
      // Whatever a peer sends ends its connection at most.
      this.#options.failed(from, error instanceof Error ? error : new Error(String(error)));
      stream.destroy();
    }
  }

  #armSilenceTimer(): void {
    const { runtime, silenceMs } = this.#options;
    this.#silenceTimer = runtime.clock.setTimer(() => {
      for (const link of this.#links.values()) link.checkSilence(silenceMs);
      this.#armSilenceTimer();
    }, silenceMs / 3);
  }
}

/**
 * The connection that this node dials to one peer, and everything it sends goes out on it: dialing,
 * the hello, sending, and dialing again. The peer's answers come on the connection that the peer
 * dials, so no two nodes have to agree on who connects to whom.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { assert } from "../assert.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import { HELLO_TIMEOUT_MS, WRITE_BUFFER_BYTES_MAX } from "../limits.ts";
import type { ByteStream, Runtime, TimerHandle } from "../runtime/runtime.ts";
import { encodeAppendEntries } from "../wire/append_entries_codec.ts";
import { ByteBuilder } from "../wire/byte_builder.ts";
import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "../wire/frame.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import {
  decodePeerFrame,
  encodePeerMessage,
  type PeerWord,
  writePeerMessage,
} from "../wire/peer_codec.ts";
import { Backoff } from "./backoff.ts";
import type { PeerAddress } from "./transport.ts";

/** The first and the longest pause between dials, in milliseconds. */
const REDIAL_FIRST_MS = 50;
const REDIAL_MAX_MS = 1_000;

/** Records from this size on are not copied into the buffer of a turn. */
const LARGE_RECORDS_BYTES = 64 * 1024;

/** What a link works with. */
export interface PeerLinkOptions {
  readonly runtime: Runtime;
  readonly peer: PeerAddress;
  /** The hello to say, as it is when the connection stands. */
  readonly hello: () => Hello;
  readonly connected: (reply: HelloReply) => void;
  readonly refused: (reply: HelloReply) => void;
  readonly lost: () => void;
  /** A connection failed or was refused, for the log. */
  readonly failed: (error: Error) => void;
}

/** One peer, dialed for as long as the link lives. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #backoff: Backoff;
  #stream: ByteStream | null = null;
  /** The hello was accepted on #stream. */
  #accepted = false;
  #acceptedAtMs = 0;
  #dialing = false;
  #closed = false;
  #redialTimer: TimerHandle | null = null;
  #helloTimer: TimerHandle | null = null;
  /** The small frames at the end of this turn's queue, joined: a turn costs one system call. */
  readonly #builder = new ByteBuilder();
  /** What comes before them. */
  #queue: Uint8Array[] = [];
  /** Something that is answered was queued since the last write. */
  #isAnswerDue = false;
  /** When something was sent that nothing from the peer has followed yet, or null. */
  #unansweredSinceMs: number | null = null;
  /** What the peer said of itself last. */
  reply: HelloReply | null = null;

  /** Creates a link and dials. */
  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.runtime.random, {
      firstMs: REDIAL_FIRST_MS,
      maxMs: REDIAL_MAX_MS,
    });
    this.#dial();
  }

  /** The address that is dialed. */
  get address(): string {
    return this.#options.peer.address;
  }

  /** Whether what is sent now goes out. */
  get isConnected(): boolean {
    return this.#accepted;
  }

  /** Queues a message; dropped where no connection stands. */
  send(message: PeerWord, records: readonly Uint8Array[]): void {
    if (!this.#accepted) return;
    // Nobody answers a hash: a peer that is silent after it may be well.
    if (message.type !== "stateHash") this.#isAnswerDue = true;
    let bytes = 0;
    for (const piece of records) bytes += piece.length;
    if (message.type !== "appendEntriesRequest" || bytes < LARGE_RECORDS_BYTES) {
      writePeerMessage(this.#builder, message, records);
      return;
    }
    this.#closeBuilder();
    for (const part of encodeAppendEntries({ message, records })) this.#queue.push(part);
  }

  /** Writes what was queued. */
  flush(): void {
    this.#closeBuilder();
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = [];
    const stream = this.#stream;
    if (stream === null) return;
    if (this.#isAnswerDue) this.#unansweredSinceMs ??= this.#options.runtime.clock.nowMs();
    this.#isAnswerDue = false;
    for (const piece of queue) stream.write(piece);
    if (stream.writeBufferedBytes > WRITE_BUFFER_BYTES_MAX) {
      this.#options.failed(
        new Error(`Peer ${this.#options.peer.id} reads too slowly: closing the connection`),
      );
      stream.destroy();
    }
  }

  /** The peer was heard, on any connection: it lives. */
  heard(): void {
    this.#unansweredSinceMs = null;
  }

  /** Redials at once where a pause is under way: the peer has just shown that it is there. */
  hurry(): void {
    if (this.#redialTimer === null) return;
    this.#options.runtime.clock.clearTimer(this.#redialTimer);
    this.#redialTimer = null;
    this.#backoff.reset();
    this.#dial();
  }

  /**
   * Gives up a connection on which nothing has been answered for `silenceMs`: it may be half open.
   */
  checkSilence(silenceMs: number): void {
    const since = this.#unansweredSinceMs;
    if (since === null || this.#options.runtime.clock.nowMs() - since < silenceMs) return;
    this.#unansweredSinceMs = null;
    this.#stream?.destroy();
  }

  /** Ends the link for good. */
  close(): void {
    this.#closed = true;
    this.#clearTimers();
    this.#stream?.close();
  }

  #dial(): void {
    assert(this.#stream === null && !this.#dialing, "a second connection to one peer");
    const { runtime, peer } = this.#options;
    const target = splitAddress(peer.address);
    assert(target !== null, () => `address of peer ${peer.id} is "${peer.address}"`);
    this.#dialing = true;
    runtime.network.connect({ ...target, timeoutMs: HELLO_TIMEOUT_MS }).then((stream) => {
      this.#dialing = false;
      if (this.#closed) stream.destroy();
      else this.#greet(stream);
    }, (error) => {
      this.#dialing = false;
      this.#options.failed(error);
      this.#redial(this.#backoff.nextMs());
    });
  }

  #greet(stream: ByteStream): void {
    const { clock } = this.#options.runtime;
    const decoder = new FrameDecoder();
    decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX;
    this.#stream = stream;
    stream.start({
      data: (chunk) => this.#receive(stream, decoder, chunk),
      closed: (error) => this.#streamClosed(stream, error),
    });
    stream.write(encodePeerMessage({ type: "hello", hello: this.#options.hello() }));
    this.#helloTimer = clock.setTimer(() => {
      this.#helloTimer = null;
      this.#options.failed(new Error(`Peer ${this.#options.peer.id} does not answer the hello`));
      stream.destroy();
    }, HELLO_TIMEOUT_MS);
  }

  /** Only the answer to the hello comes on this connection. */
  #receive(stream: ByteStream, decoder: FrameDecoder, chunk: Uint8Array): void {
    try {
      decoder.push(chunk);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        const message = decodePeerFrame(frame);
        if (message.type !== "helloReply" || this.#accepted) {
          throw new ProtocolError(`Peer sent a ${message.type} in place of a hello reply`);
        }
        this.#takeReply(stream, message.reply);
      }
    } catch (error) {
      this.#options.failed(error instanceof Error ? error : new Error(String(error)));
      stream.destroy();
    }
  }

  #takeReply(stream: ByteStream, reply: HelloReply): void {
    this.#clearTimers();
    this.reply = reply;
    if (reply.refusal !== "none") {
      this.#options.failed(new DeniedError(reply.reason));
      this.#options.refused(reply);
      stream.destroy();
      return;
    }
    // Throws where the peer is not who it should be: then there is no connection.
    this.#options.connected(reply);
    this.#backoff.reset();
    this.#accepted = true;
    this.#acceptedAtMs = this.#options.runtime.clock.nowMs();
    this.#unansweredSinceMs = null;
  }

  #streamClosed(stream: ByteStream, error: Error | null): void {
    if (this.#stream !== stream) return;
    const stood = this.#accepted;
    this.#stream = null;
    this.#accepted = false;
    this.#closeBuilder();
    this.#queue = [];
    this.#clearTimers();
    if (this.#closed) return;
    if (error !== null) this.#options.failed(error);
    if (stood) this.#options.lost();
    // Whether the other side is gone, or the connection only, is worth to be known at once.
    const { clock } = this.#options.runtime;
    const isFirst = stood && clock.nowMs() - this.#acceptedAtMs > REDIAL_MAX_MS;
    this.#redial(isFirst ? 0 : this.#backoff.nextMs());
  }

  #redial(delayMs: number): void {
    if (this.#closed) return;
    assert(this.#redialTimer === null, "two redials at once");
    this.#redialTimer = this.#options.runtime.clock.setTimer(() => {
      this.#redialTimer = null;
      this.#dial();
    }, delayMs);
  }

  #closeBuilder(): void {
    if (this.#builder.length > 0) this.#queue.push(this.#builder.take());
  }

  #clearTimers(): void {
    const { clock } = this.#options.runtime;
    if (this.#redialTimer !== null) clock.clearTimer(this.#redialTimer);
    if (this.#helloTimer !== null) clock.clearTimer(this.#helloTimer);
    this.#redialTimer = null;
    this.#helloTimer = null;
  }
}

/**
 * An accepted connection by Bun's own socket. It ends as socket_stream.ts describes; the two share
 * no code but keep one contract.
 *
 * @module
 */
import { clearTimeout, setTimeout } from "node:timers";
import type { ByteStream, ByteStreamHandler } from "../runtime.ts";
import { plainBytes } from "../shared/plain_bytes.ts";
import { formatAddress, LINGER_MS } from "../shared/socket_stream.ts";
import { networkError } from "../shared/system_error.ts";
import type { BunSocket, BunSocketHandler } from "./bun_namespace.ts";

/** An accepted connection. */
export class BunStream implements ByteStream {
  readonly remoteAddress: string;
  readonly #socket: BunSocket<BunStream>;
  /** What the kernel did not take yet, in order; `drain` says when it does. */
  readonly #queue: Uint8Array[] = [];
  /** The sum of the lengths in the queue. */
  #queuedBytes = 0;
  #handler: ByteStreamHandler | null = null;
  /** Whether the handler was told of the end, after which it hears nothing. */
  #ended = false;
  /** Whether `close` or `destroy` was called, after which nothing is written or delivered. */
  #closing = false;
  /** Whether the socket is gone. */
  #gone = false;
  /** Whether the FIN is sent, or due as soon as the queue is empty. */
  #finishing = false;
  #lingerTimer: ReturnType<typeof setTimeout> | null = null;

  /** Takes over an open socket. */
  constructor(socket: BunSocket<BunStream>) {
    this.#socket = socket;
    this.remoteAddress = formatAddress(socket.remoteAddress, socket.remotePort);
    socket.setNoDelay(true);
  }

  /** Bytes that the kernel has not taken yet. */
  get writeBufferedBytes(): number {
    return this.#queuedBytes;
  }

  /** Starts delivery; the listener's `onConnection` calls it before it returns. */
  start(handler: ByteStreamHandler): void {
    this.#handler = handler;
  }

  /** Sends bytes; ignored after the end. */
  write(bytes: Uint8Array): void {
    if (this.#closing || this.#ended || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (this.#queue.length === 1) this.#drain();
  }

  /** Stops reading. */
  pause(): void {
    if (!this.#closing) this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    if (!this.#closing) this.#socket.resume();
  }

  /** Sends what was written, then closes. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.resume();
    this.#finish();
  }

  /** Closes at once. */
  destroy(): void {
    this.#closing = true;
    if (!this.#gone) this.#socket.terminate();
  }

  /** The callbacks of all streams of a listener. */
  static socketHandler(onConnection: (stream: ByteStream) => void): BunSocketHandler<BunStream> {
    return {
      open(socket) {
        socket.data = new BunStream(socket);
        guard(() => onConnection(socket.data));
      },
      data: (socket, chunk) => guard(() => socket.data.#data(chunk)),
      drain: (socket) => socket.data.#drain(),
      end: (socket) => guard(() => socket.data.#otherSideEnded()),
      close: (socket, error) => socket.data.#closed(error ?? null),
      // System errors come with `close`, and what the handler throws does not get here.
      error: () => {},
    };
  }

  #data(chunk: Uint8Array): void {
    if (!this.#closing && !this.#ended) this.#handler?.data(plainBytes(chunk));
  }

  #drain(): void {
    for (let bytes = this.#queue[0]; bytes !== undefined; bytes = this.#queue[0]) {
      // The socket may be closed, which its own callback tells; nothing is taken then.
      const taken = Math.max(0, this.#socket.write(bytes));
      this.#queuedBytes -= taken;
      if (taken < bytes.length) {
        this.#queue[0] = bytes.subarray(taken);
        return;
      }
      this.#queue.shift();
    }
    if (this.#finishing) this.#sendFin();
  }

  #otherSideEnded(): void {
    this.#linger();
    this.#end(null);
    this.#finish();
  }

  /** Sends the FIN once everything written is sent. */
  #finish(): void {
    if (this.#finishing || this.#gone) return;
    this.#finishing = true;
    if (this.#queue.length === 0) this.#sendFin();
  }

  #sendFin(): void {
    this.#socket.shutdown();
    this.#linger();
  }

  /** Gives the other side a while to end its half, and this side's rest a while to be sent. */
  #linger(): void {
    if (this.#lingerTimer !== null || this.#gone) return;
    this.#lingerTimer = setTimeout(() => this.destroy(), LINGER_MS);
  }

  #closed(error: Error | null): void {
    this.#gone = true;
    if (this.#lingerTimer !== null) clearTimeout(this.#lingerTimer);
    const failure = error === null
      ? null
      : networkError(`Connection to "${this.remoteAddress}" failed`, error);
    // Bun calls this from within terminate, which the handler may have called itself.
    queueMicrotask(() => this.#end(this.#closing ? null : failure));
  }

  #end(error: Error | null): void {
    if (this.#ended || this.#handler === null) return;
    this.#ended = true;
    this.#handler.closed(error);
  }
}

/**
 * Runs a callback of the program. What it throws is a defect and must stop the program, as it does
 * on node:net; Bun would hand it to the socket's `error` callback.
 */
function guard(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/**
 * A connection by node:net (or node:tls), for Node, Deno and Bun alike.
 *
 * How a stream ends. The other side's FIN ends the stream at once: `closed(null)`; what was written
 * before is still sent, then this side sends its FIN. A local `close` sends what was written and
 * the FIN, and reads and drops what still arrives until the other side's FIN: closing a socket with
 * unread bytes would make the kernel send a reset, which destroys what the other side has not read
 * yet. After the FIN was sent the other side has {@linkcode LINGER_MS} for its own, then the socket
 * is destroyed.
 *
 * @module
 */
import type { Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import type { ByteStream, ByteStreamHandler } from "../runtime.ts";
import { plainBytes } from "./plain_bytes.ts";
import { networkError } from "./system_error.ts";

/** How long a socket waits for the other side's FIN after it sent its own. */
export const LINGER_MS = 2_000;

/** A connection over a socket of node:net. */
export class SocketStream implements ByteStream {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  #handler: ByteStreamHandler | null = null;
  /** Set once the stream ended by itself; kept until there is a handler to tell. */
  #ending: { readonly error: Error | null } | null = null;
  /** Whether the handler was told, after which it hears nothing. */
  #ended = false;
  /** Whether `close` or `destroy` was called, after which nothing is written or delivered. */
  #closing = false;
  #lingerTimer: ReturnType<typeof setTimeout> | null = null;

  /** Takes over a connected socket. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.remoteAddress = formatAddress(socket.remoteAddress ?? "?", socket.remotePort ?? 0);
    socket.on("error", (error: Error) => {
      this.#end(networkError(`Connection to "${this.remoteAddress}" failed`, error));
    });
    socket.on("end", () => {
      this.#end(null);
      this.#linger();
    });
    socket.on("close", () => {
      this.#end(null);
      if (this.#lingerTimer !== null) clearTimeout(this.#lingerTimer);
    });
  }

  /** Bytes that the operating system has not taken yet. */
  get writeBufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** Starts delivery. */
  start(handler: ByteStreamHandler): void {
    this.#handler = handler;
    const ending = this.#ending;
    if (ending !== null) {
      // It ended before anybody listened; not from within start, which its caller has to finish.
      queueMicrotask(() => this.#end(ending.error));
      return;
    }
    this.#socket.on("data", (chunk: Uint8Array) => {
      if (!this.#closing && !this.#ended) handler.data(plainBytes(chunk));
    });
  }

  /** Sends bytes; ignored after the end. */
  write(bytes: Uint8Array): void {
    if (this.#closing || this.#ended || this.#ending !== null || bytes.length === 0) return;
    this.#socket.write(bytes);
  }

  /** Stops reading. */
  pause(): void {
    if (!this.#closing) this.#socket.pause();
  }

  /** Reads again. */
  resume(): void {
    if (!this.#closing && this.#handler !== null) this.#socket.resume();
  }

  /** Sends what was written, then closes. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.resume();
    this.#socket.end(() => this.#linger());
  }

  /** Closes at once. */
  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ending ??= { error };
    if (this.#handler === null) return;
    this.#ended = true;
    this.#handler.closed(this.#closing ? null : this.#ending.error);
  }

  /** Gives the other side a while to end its half, and this side's rest a while to be sent. */
  #linger(): void {
    if (this.#lingerTimer !== null || this.#socket.destroyed) return;
    this.#lingerTimer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }
}

/** `HOST:PORT`, with brackets around an IPv6 address. */
export function formatAddress(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

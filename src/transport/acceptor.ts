/**
 * The one port of a node: accepts connections, reads the hello, and hands each connection to the
 * part that serves its kind. Bytes that are no hello end their connection and harm nothing else.
 *
 * @module
 */
import { HELLO_TIMEOUT_MS } from "../limits.ts";
import type { ByteStream, ByteStreamHandler, Listener, Runtime } from "../runtime/runtime.ts";
import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "../wire/frame.ts";
import type { Hello } from "../wire/hello.ts";
import { decodeHelloFrame } from "../wire/hello_codec.ts";
import { type ConnectionLimit, connectionLimit, isRelieved } from "./connection_limit.ts";

/** A connection whose hello was read. */
export interface GreetedConnection {
  readonly stream: ByteStream;
  readonly hello: Hello;
  /** What came behind the hello. */
  readonly decoder: FrameDecoder;
  /** Takes the stream over: what arrives from now on goes to `handler`. */
  readonly handOver: (handler: ByteStreamHandler) => void;
}

/** What is known where a node has more connections than it takes. */
export interface Crowd extends ConnectionLimit {
  /** How many files and connections the process may have open; null where that is not known. */
  readonly openFilesMax: number | null;
}

/** What an acceptor works with. */
export interface AcceptorOptions {
  readonly runtime: Runtime;
  readonly host: string;
  readonly port: number;
  /** Serves a connection; it must hand the stream over before it returns, or close it. */
  readonly greeted: (connection: GreetedConnection) => void;
  /** A connection that was closed for what it sent. */
  readonly rejected: (remoteAddress: string, reason: string) => void;
  /** Connections are refused for their number from now on; or no more, with how many were. */
  readonly crowded: (crowd: Crowd | { readonly refusedCount: number }) => void;
}

/** A listening node. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #streams = new Set<ByteStream>();
  #listener: Listener | null = null;
  #limit: ConnectionLimit = connectionLimit(null);
  /** How many were refused for their number since that began. */
  #refusedCount = 0;

  /** Creates an acceptor that does not listen yet. */
  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** The port in use. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** The most connections that are taken, as long as it listens. */
  get connectionsMax(): number {
    return this.#limit.connectionsMax;
  }

  /** Listens. Rejects with a NetworkError. */
  async listen(): Promise<void> {
    const { runtime, host, port } = this.#options;
    this.#listener = await runtime.network.listen({
      host,
      port,
      onConnection: (stream) => this.#accept(stream),
    });
    this.#limit = connectionLimit(this.#listener.openFilesMax);
  }

  /**
   * Whether there is no place for a further client, of which the one that said hello last is one;
   * it is to be refused then.
   */
  refusesClient(): boolean {
    if (this.#streams.size <= this.#limit.clientsMax) return false;
    this.#crowded();
    return true;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    // What ends now makes no place for anybody.
    this.#refusedCount = 0;
    await this.#listener?.close();
    for (const stream of this.#streams) stream.destroy();
  }

  #accept(stream: ByteStream): void {
    const { clock } = this.#options.runtime;
    const decoder = new FrameDecoder();
    decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX;
    let handler: ByteStreamHandler | null = null;
    this.#streams.add(stream);
    const timer = clock.setTimer(() => {
      if (handler === null) this.#reject(stream, `no hello within ${HELLO_TIMEOUT_MS} ms`);
    }, HELLO_TIMEOUT_MS);
    stream.start({
      data: (chunk) => {
        if (handler !== null) return handler.data(chunk);
        const hello = this.#readHello(stream, decoder, chunk);
        if (hello === null) return;
        clock.clearTimer(timer);
        this.#options.greeted({
          stream,
          hello,
          decoder,
          handOver: (next) => handler = next,
        });
      },
      closed: (error) => {
        clock.clearTimer(timer);
        this.#streams.delete(stream);
        this.#relieved();
        handler?.closed(error);
      },
    });
    if (this.#streams.size <= this.#limit.connectionsMax) return;
    this.#crowded();
    stream.destroy();
  }

  /** Another one is refused; said once, as those who are come again and again. */
  #crowded(): void {
    this.#refusedCount += 1;
    if (this.#refusedCount > 1) return;
    this.#options.crowded({ ...this.#limit, openFilesMax: this.#listener?.openFilesMax ?? null });
  }

  #relieved(): void {
    if (this.#refusedCount === 0 || !isRelieved(this.#streams.size, this.#limit)) return;
    const refusedCount = this.#refusedCount;
    this.#refusedCount = 0;
    this.#options.crowded({ refusedCount });
  }

  #readHello(stream: ByteStream, decoder: FrameDecoder, chunk: Uint8Array): Hello | null {
    try {
      decoder.push(chunk);
      const frame = decoder.next();
      return frame === null ? null : decodeHelloFrame(frame);
    } catch (error) {
      this.#reject(stream, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  #reject(stream: ByteStream, reason: string): void {
    this.#options.rejected(stream.remoteAddress, reason);
    stream.destroy();
  }
}

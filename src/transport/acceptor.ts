/**
 * The one port of a node: accepts connections, reads the hello, and hands each connection to the
 * part that serves its kind. Bytes that are no hello end their connection and harm nothing else.
 *
 * @module
 */
import { CONNECTIONS_MAX, HELLO_TIMEOUT_MS } from "../limits.ts";
import type { ByteStream, ByteStreamHandler, Listener, Runtime } from "../runtime/runtime.ts";
import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "../wire/frame.ts";
import type { Hello } from "../wire/hello.ts";
import { decodeHelloFrame } from "../wire/hello_codec.ts";

/** A connection whose hello was read. */
export interface GreetedConnection {
  readonly stream: ByteStream;
  readonly hello: Hello;
  /** What came behind the hello. */
  readonly decoder: FrameDecoder;
  /** Takes the stream over: what arrives from now on goes to `handler`. */
  readonly handOver: (handler: ByteStreamHandler) => void;
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
}

/** A listening node. */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #streams = new Set<ByteStream>();
  #listener: Listener | null = null;

  /** Creates an acceptor that does not listen yet. */
  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /** The port in use. */
  get port(): number {
    return this.#listener?.port ?? this.#options.port;
  }

  /** Listens. Rejects with a NetworkError. */
  async listen(): Promise<void> {
    const { runtime, host, port } = this.#options;
    this.#listener = await runtime.network.listen({
      host,
      port,
      onConnection: (stream) => this.#accept(stream),
    });
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
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
        handler?.closed(error);
      },
    });
    if (this.#streams.size > CONNECTIONS_MAX) this.#reject(stream, "too many connections");
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

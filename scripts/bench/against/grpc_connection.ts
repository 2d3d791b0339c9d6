/**
 * As much of gRPC as unary calls need, over the HTTP/2 of the platform: a call is a stream with one
 * message each way, and a status in the trailers. A load generator must not cost more than what it
 * measures, and this costs about half of the general client.
 *
 * @module
 */
import { type ClientHttp2Session, connect, constants } from "node:http2";

/** What stands before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;
const WINDOW_BYTES = 16 * 1024 * 1024;

/** One connection for calls without encryption. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;
  readonly #authority: string;

  /** Dials; calls may be made at once. */
  constructor(address: string) {
    this.#authority = address;
    this.#session = connect(`http://${address}`, { settings: { initialWindowSize: WINDOW_BYTES } });
    // Calls fail by themselves.
    this.#session.on("error", () => {});
    this.#session.once("connect", () => this.#session.setLocalWindowSize?.(WINDOW_BYTES));
  }

  /** Resolves when the connection stands. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#session.once("connect", () => resolve());
      this.#session.once("error", reject);
    });
  }

  /**
   * Calls a method; one of the two functions is called, once.
   *
   * @param path The service and the method: `/etcdserverpb.KV/Put`.
   */
  call(
    { path, message }: { readonly path: string; readonly message: Uint8Array },
    { answered, failed }: {
      readonly answered: (answer: Uint8Array) => void;
      readonly failed: (error: Error) => void;
    },
  ): void {
    if (this.#session.destroyed) {
      // Not from within the call, as any other failure.
      queueMicrotask(() => failed(new Error(`${path}: the connection is gone`)));
      return;
    }
    const stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: "POST",
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_AUTHORITY]: this.#authority,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
      [constants.HTTP2_HEADER_TE]: "trailers",
    });
    const chunks: Uint8Array[] = [];
    let status: string | undefined;
    let reason = "the connection ended";
    const take = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] === undefined) return;
      status = String(headers["grpc-status"]);
      reason = String(headers["grpc-message"] ?? "");
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("error", (error) => reason = error.message);
    stream.on("close", () => {
      if (status === "0") answered(messageOf(chunks));
      else failed(new Error(`${path}: status ${status ?? "unknown"}: ${reason}`));
    });
    stream.end(framed(message));
  }

  /** Ends the connection; calls under way fail. */
  close(): void {
    this.#session.destroy();
  }
}

function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/** The message that these chunks of a stream hold. */
function messageOf(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!.subarray(PREFIX_BYTES);
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes.subarray(PREFIX_BYTES);
}

/**
 * A client of the small servers that put other libraries behind one protocol; its frames are told
 * at the top of hashicorp/main.go.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { getUint32, putUint32 } from "../../../src/bytes.ts";
import { ByteBuilder } from "../../../src/wire/byte_builder.ts";
import type { KeyValueAnswer, KeyValueConnection } from "../own_load.ts";

const PUT = 1;
const GET = 2;
const STATUS = 3;
const REQUEST_HEADER_BYTES = 11;
const ANSWER_HEADER_BYTES = 9;
const LENGTH_BYTES = 4;
const NO_BYTES = new Uint8Array(0);

/** What a node says of itself. */
export interface FramedStatus {
  readonly leads: boolean;
  readonly appliedIndex: number;
}

/** Takes the payload of an answer. */
interface Waiting {
  readonly answered: (payload: Uint8Array) => void;
  readonly failed: (error: Error) => void;
}

/** One connection to one node; the requests of a turn are one write. */
export class FramedClient implements KeyValueConnection {
  readonly #socket: Socket;
  readonly #builder = new ByteBuilder();
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #isFlushScheduled = false;
  #arrived: Uint8Array = NO_BYTES;

  /** Dials. */
  constructor(address: string) {
    const [host, port] = address.split(":");
    this.#socket = connect({ host: host!, port: Number(port), noDelay: true });
    this.#socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => this.#end());
  }

  /** Resolves when the connection stands. */
  connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("error", reject);
    });
  }

  /** Writes a key. */
  put(key: Uint8Array, value: Uint8Array, { succeeded, failed }: KeyValueAnswer): void {
    this.#send(PUT, { key, value }, { answered: succeeded, failed });
  }

  /** Reads a key. */
  get(key: Uint8Array, valueBytes: number, { succeeded, failed }: KeyValueAnswer): void {
    this.#send(GET, { key, value: NO_BYTES }, {
      answered: (value) => {
        if (value.length === valueBytes) succeeded();
        else failed(new Error(`A get found ${value.length} bytes of ${valueBytes}`));
      },
      failed,
    });
  }

  /** Asks a node whether it leads and how far it is. */
  status(): Promise<FramedStatus> {
    return new Promise((resolve, reject) => {
      this.#send(STATUS, { key: NO_BYTES, value: NO_BYTES }, {
        answered: (payload) => {
          const view = new DataView(payload.buffer, payload.byteOffset);
          const appliedIndex = Number(view.getBigUint64(1, true));
          resolve({ leads: payload[0] === 1, appliedIndex });
        },
        failed: reject,
      });
    });
  }

  /** Ends the connection; what is unanswered fails. */
  close(): void {
    this.#socket.destroy();
  }

  #send(
    operation: number,
    { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array },
    waiting: Waiting,
  ): void {
    if (this.#socket.destroyed) return waiting.failed(new Error("The connection is closed"));
    const id = this.#nextId++;
    this.#waiting.set(id, waiting);
    const length = REQUEST_HEADER_BYTES + key.length + value.length;
    const offset = this.#builder.reserve(length);
    const { bytes } = this.#builder;
    putUint32(bytes, offset, length - LENGTH_BYTES);
    bytes[offset + 4] = operation;
    putUint32(bytes, offset + 5, id);
    bytes[offset + 9] = key.length & 0xff;
    bytes[offset + 10] = key.length >>> 8;
    bytes.set(key, offset + REQUEST_HEADER_BYTES);
    bytes.set(value, offset + REQUEST_HEADER_BYTES + key.length);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    setImmediate(() => {
      this.#isFlushScheduled = false;
      this.#socket.write(this.#builder.take());
    });
  }

  #read(chunk: Uint8Array): void {
    const bytes = this.#arrived.length === 0 ? chunk : joined(this.#arrived, chunk);
    let offset = 0;
    while (bytes.length - offset >= LENGTH_BYTES) {
      const end = offset + LENGTH_BYTES + getUint32(bytes, offset);
      if (end > bytes.length) break;
      const id = getUint32(bytes, offset + 5);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (bytes[offset + LENGTH_BYTES] === 0) {
        waiting?.answered(bytes.subarray(offset + ANSWER_HEADER_BYTES, end));
      } else {
        waiting?.failed(new Error("The node refused: it does not lead"));
      }
      offset = end;
    }
    this.#arrived = bytes.subarray(offset);
  }

  #end(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { failed } of waiting) failed(new Error("The connection ended"));
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

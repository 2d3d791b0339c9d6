/**
 * Puts and linearizable gets of etcd's version 3 API.
 *
 * @module
 */
import type { KeyValueAnswer, KeyValueConnection } from "../own_load.ts";
import { GrpcConnection } from "./grpc_connection.ts";

const PUT_PATH = "/etcdserverpb.KV/Put";
const RANGE_PATH = "/etcdserverpb.KV/Range";
const FIELD_1_BYTES = 0x0a;
const FIELD_2_BYTES = 0x12;
/** A varint takes at most so many bytes for lengths below 2^35. */
const VARINT_BYTES_MAX = 5;

/** One connection to one node. */
export class EtcdClient implements KeyValueConnection {
  readonly #connection: GrpcConnection;

  /** Dials. */
  constructor(address: string) {
    this.#connection = new GrpcConnection(address);
  }

  /** Resolves when the connection stands. */
  connected(): Promise<void> {
    return this.#connection.connected();
  }

  /** Writes a key. */
  put(key: Uint8Array, value: Uint8Array, { succeeded, failed }: KeyValueAnswer): void {
    const message = encodePut(key, value);
    this.#connection.call({ path: PUT_PATH, message }, { answered: succeeded, failed });
  }

  /** Reads a key; an answer without a value is shorter than one. */
  get(key: Uint8Array, valueBytes: number, { succeeded, failed }: KeyValueAnswer): void {
    this.#connection.call({ path: RANGE_PATH, message: encodeRange(key) }, {
      answered: (answer) => {
        if (answer.length >= valueBytes) succeeded();
        else failed(new Error("etcd did not find a key that was written"));
      },
      failed,
    });
  }

  /** Ends the connection. */
  close(): void {
    this.#connection.close();
  }
}

/** PutRequest: the key is field 1, the value field 2. */
function encodePut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const message = new Uint8Array(2 * (1 + VARINT_BYTES_MAX) + key.length + value.length);
  const afterKey = writeBytes(message, 0, { tag: FIELD_1_BYTES, bytes: key });
  return message.subarray(0, writeBytes(message, afterKey, { tag: FIELD_2_BYTES, bytes: value }));
}

/** RangeRequest: the key is field 1; linearizable unless told. */
function encodeRange(key: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + VARINT_BYTES_MAX + key.length);
  return message.subarray(0, writeBytes(message, 0, { tag: FIELD_1_BYTES, bytes: key }));
}

/** Writes a field; returns where the next begins. */
function writeBytes(
  message: Uint8Array,
  start: number,
  { tag, bytes }: { readonly tag: number; readonly bytes: Uint8Array },
): number {
  let offset = start;
  message[offset++] = tag;
  let rest = bytes.length;
  while (rest > 0x7f) {
    message[offset++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  message[offset++] = rest;
  message.set(bytes, offset);
  return offset + bytes.length;
}

/**
 * The commands, queries and results of the key-value state machine that run hundreds of thousands
 * of times a second, placed by hand: plain puts, gets and their results. The bytes are valid Cap'n
 * Proto, cut after the last word that is not zero; other layouts go through capnp-ts.
 *
 * ```
 * put                      get               result of a put        result of a get
 *   0  root pointer          0  root pointer   0  root pointer        0  root pointer
 *   8  pointer to the key    8  pointer        8  revision            8  revision
 *  16  pointer to the value 16  the key       16  created, if so     16  found, union tag
 *  24  the key                                                       24  createRevision
 *      the value                                                     32  version
 *                                                                    40  pointer to the value
 *                                                                    48  the value
 * ```
 *
 * @module
 */
import { getUint32, getUint64, putUint32 } from "../bytes.ts";
import { INTEGER_MAX } from "../types.ts";
import { ByteBuilder } from "./byte_builder.ts";
import { byteListSize, lastBytesCount, paddedBytes, putInteger, structSize } from "./hot_frame.ts";
import type { KvGetResult, KvPutResult } from "./kv_messages.ts";

const PUT_SIZE = structSize(0, 2);
const PUT_BYTES_OFFSET = 24;
const GET_SIZE = structSize(0, 1);
const GET_KEY_OFFSET = 16;
const PUT_RESULT_SIZE = structSize(1, 0);
const PUT_RESULT_CREATED_SIZE = structSize(2, 0);
const GET_RESULT_SIZE = structSize(4, 1);
const GET_RESULT_MISSING_SIZE = structSize(2, 0);
const GET_RESULT_VALUE_OFFSET = 48;
/** The word that holds `found` (bit 0) and the union tag 5 (bits 16 to 31). */
const GET_RESULT_WORD = 5 << 16;

/** V8 allocates arrays up to this size in 0.1 µs, and larger ones in more than 1 µs. */
const SMALL_ARRAY_BYTES = 64;

/** Larger arrays are cut from shared allocations. They are soon copied to a socket or a log. */
const slabs = new ByteBuilder();

/** Zeros to be filled by the caller. */
function allocate(count: number): Uint8Array {
  if (count <= SMALL_ARRAY_BYTES) return new Uint8Array(count);
  slabs.reserve(count);
  return slabs.take();
}

/** Where the bytes of a plain put are: offsets into the command. One object serves many calls. */
export interface PlainPut {
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
}

/** Where the key of a get is: offsets into the query. One object serves many calls. */
export interface PlainGet {
  keyStart: number;
  keyEnd: number;
}

/** Encodes a put without a condition that does not ask for the previous value. */
export function encodePlainPut(key: Uint8Array, value: Uint8Array): Uint8Array {
  const keyBytes = paddedBytes(key.length);
  const bytes = allocate(PUT_BYTES_OFFSET + keyBytes + paddedBytes(value.length));
  putUint32(bytes, 4, PUT_SIZE);
  putUint32(bytes, 8, (1 << 2) | 1);
  putUint32(bytes, 12, byteListSize(key.length));
  putUint32(bytes, 16, ((keyBytes >>> 3) << 2) | 1);
  putUint32(bytes, 20, byteListSize(value.length));
  bytes.set(key, PUT_BYTES_OFFSET);
  bytes.set(value, PUT_BYTES_OFFSET + keyBytes);
  return bytes;
}

/**
 * Finds key and value of a put as {@linkcode encodePlainPut} writes it, without copies or objects.
 *
 * @returns False if the command is anything else; `target` is undefined then.
 */
export function readPlainPut(command: Uint8Array, target: PlainPut): boolean {
  if (command.length < PUT_BYTES_OFFSET || getUint32(command, 4) !== PUT_SIZE) return false;
  if (getUint32(command, 0) !== 0 || getUint32(command, 8) !== 5) return false;
  const keyHigh = getUint32(command, 12);
  const valueHigh = getUint32(command, 20);
  if ((keyHigh & 7) !== 2 || (valueHigh & 7) !== 2) return false;
  const keyBytes = paddedBytes(keyHigh >>> 3);
  if (getUint32(command, 16) !== (((keyBytes >>> 3) << 2) | 1)) return false;
  target.keyStart = PUT_BYTES_OFFSET;
  target.keyEnd = PUT_BYTES_OFFSET + (keyHigh >>> 3);
  target.valueStart = PUT_BYTES_OFFSET + keyBytes;
  target.valueEnd = target.valueStart + (valueHigh >>> 3);
  return target.valueStart + paddedBytes(valueHigh >>> 3) === command.length;
}

/** Encodes a get. */
export function encodeGet(key: Uint8Array): Uint8Array {
  const bytes = allocate(GET_KEY_OFFSET + paddedBytes(key.length));
  putUint32(bytes, 4, GET_SIZE);
  putUint32(bytes, 8, 1);
  putUint32(bytes, 12, byteListSize(key.length));
  bytes.set(key, GET_KEY_OFFSET);
  return bytes;
}

/**
 * Finds the key of a get as {@linkcode encodeGet} writes it.
 *
 * @returns False if the query is anything else; `target` is undefined then.
 */
export function readPlainGet(query: Uint8Array, target: PlainGet): boolean {
  if (query.length < GET_KEY_OFFSET || getUint32(query, 4) !== GET_SIZE) return false;
  if (getUint32(query, 0) !== 0) return false;
  const count = lastBytesCount(query, 8);
  target.keyStart = GET_KEY_OFFSET;
  target.keyEnd = GET_KEY_OFFSET + count;
  return count >= 0;
}

/** Encodes the result of a put that does not carry the previous value. */
export function encodePutResult(revision: number, created: boolean): Uint8Array {
  const bytes = new Uint8Array(created ? 24 : 16);
  putUint32(bytes, 4, created ? PUT_RESULT_CREATED_SIZE : PUT_RESULT_SIZE);
  putInteger(bytes, 8, revision);
  if (created) bytes[16] = 1;
  return bytes;
}

/** Reads such a result, or returns null where the bytes are anything else. */
export function readPutResult(bytes: Uint8Array): KvPutResult | null {
  const created = bytes.length === 24;
  if (!created && bytes.length !== 16) return null;
  const size = created ? PUT_RESULT_CREATED_SIZE : PUT_RESULT_SIZE;
  if (getUint32(bytes, 0) !== 0 || getUint32(bytes, 4) !== size) return null;
  if (created && (getUint32(bytes, 16) !== 1 || getUint32(bytes, 20) !== 0)) return null;
  const revision = getUint64(bytes, 8);
  if (revision > INTEGER_MAX) return null;
  return { type: "put", revision, created, previous: null };
}

/** Encodes the result of a get. */
export function encodeGetResult(result: Omit<KvGetResult, "type">): Uint8Array {
  if (!result.found) {
    const missing = new Uint8Array(24);
    putUint32(missing, 4, GET_RESULT_MISSING_SIZE);
    putUint32(missing, 16, GET_RESULT_WORD);
    return missing;
  }
  const { value } = result;
  const bytes = allocate(GET_RESULT_VALUE_OFFSET + paddedBytes(value.length));
  putUint32(bytes, 4, GET_RESULT_SIZE);
  putInteger(bytes, 8, result.revision);
  putUint32(bytes, 16, GET_RESULT_WORD | 1);
  putInteger(bytes, 24, result.createRevision);
  putInteger(bytes, 32, result.version);
  putUint32(bytes, 40, 1);
  putUint32(bytes, 44, byteListSize(value.length));
  bytes.set(value, GET_RESULT_VALUE_OFFSET);
  return bytes;
}

/** Reads the result of a get as it is written here, or returns null where it is anything else. */
export function readGetResult(bytes: Uint8Array): KvGetResult | null {
  if (bytes.length === 24) return readMissing(bytes);
  if (bytes.length < GET_RESULT_VALUE_OFFSET || getUint32(bytes, 4) !== GET_RESULT_SIZE) {
    return null;
  }
  if (getUint32(bytes, 0) !== 0 || getUint32(bytes, 16) !== (GET_RESULT_WORD | 1)) return null;
  const count = lastBytesCount(bytes, 40);
  const revision = getUint64(bytes, 8);
  const createRevision = getUint64(bytes, 24);
  const version = getUint64(bytes, 32);
  if (count < 0 || revision > INTEGER_MAX) return null;
  if (createRevision > INTEGER_MAX || version > INTEGER_MAX) return null;
  const value = bytes.subarray(GET_RESULT_VALUE_OFFSET, GET_RESULT_VALUE_OFFSET + count);
  return { type: "get", found: true, revision, createRevision, version, value };
}

/** Reads the result of a get that did not find its key. */
function readMissing(bytes: Uint8Array): KvGetResult | null {
  const isMissing = getUint32(bytes, 0) === 0 && getUint32(bytes, 4) === GET_RESULT_MISSING_SIZE &&
    getUint64(bytes, 8) === 0 && getUint32(bytes, 16) === GET_RESULT_WORD &&
    getUint32(bytes, 20) === 0;
  if (!isMissing) return null;
  const value = new Uint8Array(0);
  return { type: "get", found: false, revision: 0, createRevision: 0, version: 0, value };
}

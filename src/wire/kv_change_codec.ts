/**
 * The changes of the key-value state machine besides plain puts, and their results, placed by hand:
 * increments, deletes, puts that want the key absent or present. They are as frequent as plain puts
 * where they are used at all, and a library object a message costs several microseconds. The bytes
 * are valid Cap'n Proto, in sections that end where the fields of these messages do; other layouts
 * go through capnp-ts.
 *
 * ```
 * command                                     result
 *   0  root pointer                             0  root pointer
 *   8  zero (16 bits), union tag (16 bits)      8  revision
 *  16  amount of an increment                  16  zero (16 bits), union tag (16 bits)
 *  24  pointer to the key                      24  count of a delete, value of an increment
 *  32  pointer to the value of a put           32  zero
 *  40  pointer to the condition of a put       40  pointer to the item of a failed condition
 *  48  the key                                 48  the item: revision, createRevision, version,
 *      the value of a put                          pointers to key and value
 *      its condition: tag, zero, zero          88  its key, its value
 * ```
 *
 * @module
 */
import { getUint32, getUint64, putUint32, putUint64 } from "../bytes.ts";
import { INTEGER_MAX } from "../types.ts";
import { byteListSize, paddedBytes, putInteger, structSize } from "./hot_frame.ts";
import type { KvCommand, KvItem, KvResult } from "./kv_messages.ts";
import { NO_CONDITION } from "./kv_messages.ts";

const COMMAND_SIZE = structSize(2, 3);
const KEY_OFFSET = 48;
const CONDITION_SIZE = structSize(2, 1);
const CONDITION_BYTES = 24;
const RESULT_SIZE = structSize(4, 1);
const RESULT_BYTES = 48;
const ITEM_SIZE = structSize(3, 2);
const ITEM_BYTES_OFFSET = 88;

/** The union tags of commands. */
const PUT = 0;
const DELETE = 1;
const INCREMENT = 3;
/** The union tags of conditions. */
const ABSENT = 3;
const PRESENT = 4;
/** The union tags of results. */
const DELETED = 1;
const INCREMENTED = 2;
const CONDITION_FAILED = 3;

const TWO_POW_32 = 4294967296;

/** Encodes a command that is one of those above; null for any other. */
export function encodeChange(command: KvCommand): Uint8Array | null {
  switch (command.type) {
    case "increment": {
      const bytes = keyed(INCREMENT, command.key, 0);
      putUint64(bytes, 16, command.amount);
      return Number.isSafeInteger(command.amount) ? bytes : null;
    }
    case "delete":
      return command.condition.type === "none" ? keyed(DELETE, command.key, 0) : null;
    case "put":
      return encodeConditionalPut(command);
    default:
      return null;
  }
}

function encodeConditionalPut(command: KvCommand & { readonly type: "put" }): Uint8Array | null {
  const { key, value, condition, returnPrevious } = command;
  const tag = condition.type === "absent" ? ABSENT : condition.type === "present" ? PRESENT : 0;
  if (tag === 0 || returnPrevious || command.lifetime !== undefined) return null;
  const valueBytes = paddedBytes(value.length);
  const bytes = keyed(PUT, key, valueBytes + CONDITION_BYTES);
  const valueOffset = KEY_OFFSET + paddedBytes(key.length);
  putPointer(bytes, 32, valueOffset, 1, byteListSize(value.length));
  bytes.set(value, valueOffset);
  putPointer(bytes, 40, valueOffset + valueBytes, 0, CONDITION_SIZE);
  bytes[valueOffset + valueBytes] = tag;
  return bytes;
}

/** A command with its tag and key, and room behind them. */
function keyed(tag: number, key: Uint8Array, restBytes: number): Uint8Array {
  const bytes = new Uint8Array(KEY_OFFSET + paddedBytes(key.length) + restBytes);
  putUint32(bytes, 4, COMMAND_SIZE);
  bytes[10] = tag;
  putPointer(bytes, 24, KEY_OFFSET, 1, byteListSize(key.length));
  bytes.set(key, KEY_OFFSET);
  return bytes;
}

/** Writes the pointer at `at` to `target`; its low half holds `kind` and the distance in words. */
function putPointer(
  bytes: Uint8Array,
  at: number,
  target: number,
  kind: number,
  size: number,
): void {
  putUint32(bytes, at, pointerLow(at, target, kind));
  putUint32(bytes, at + 4, size);
}

function pointerLow(at: number, target: number, kind: number): number {
  return (((target - at - 8) >>> 3) << 2) | kind;
}

/** Reads a command as {@linkcode encodeChange} writes it; null where it is anything else. */
export function readChange(bytes: Uint8Array): KvCommand | null {
  if (bytes.length < KEY_OFFSET || getUint32(bytes, 4) !== COMMAND_SIZE) return null;
  if (getUint32(bytes, 0) !== 0 || getUint32(bytes, 12) !== 0) return null;
  // The tag, and nothing in the bits beside it.
  const tag = getUint32(bytes, 8) / 65536;
  const keyCount = bytesCountAt(bytes, 24, KEY_OFFSET);
  if (keyCount < 0) return null;
  const key = bytes.subarray(KEY_OFFSET, KEY_OFFSET + keyCount);
  if (tag === PUT) return readConditionalPut(bytes, key);
  if (KEY_OFFSET + paddedBytes(keyCount) !== bytes.length) return null;
  if (!isZero(bytes, 32, 48)) return null;
  if (tag === INCREMENT) {
    const amount = getInt64(bytes, 16);
    return Number.isSafeInteger(amount) ? { type: "increment", key, amount } : null;
  }
  if (tag !== DELETE || !isZero(bytes, 16, 24)) return null;
  return { type: "delete", key, condition: NO_CONDITION };
}

function readConditionalPut(bytes: Uint8Array, key: Uint8Array): KvCommand | null {
  const valueOffset = KEY_OFFSET + paddedBytes(key.length);
  const valueCount = bytesCountAt(bytes, 32, valueOffset);
  if (valueCount < 0 || !isZero(bytes, 16, 24)) return null;
  const at = valueOffset + paddedBytes(valueCount);
  if (at + CONDITION_BYTES !== bytes.length) return null;
  if (getUint32(bytes, 40) !== pointerLow(40, at, 0)) return null;
  if (getUint32(bytes, 44) !== CONDITION_SIZE || !isZero(bytes, at + 4, bytes.length)) return null;
  const tag = getUint32(bytes, at);
  if (tag !== ABSENT && tag !== PRESENT) return null;
  const value = bytes.subarray(valueOffset, valueOffset + valueCount);
  const condition = { type: tag === ABSENT ? "absent" : "present" } as const;
  return { type: "put", key, value, condition, returnPrevious: false };
}

/** The count of bytes that the pointer at `at` leads to if they start at `target`; else -1. */
function bytesCountAt(bytes: Uint8Array, at: number, target: number): number {
  const high = getUint32(bytes, at + 4);
  if (getUint32(bytes, at) !== pointerLow(at, target, 1) || (high & 7) !== 2) return -1;
  const count = high >>> 3;
  return target + paddedBytes(count) <= bytes.length ? count : -1;
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] !== 0) return false;
  return true;
}

function getInt64(bytes: Uint8Array, offset: number): number {
  return getUint32(bytes, offset) + (getUint32(bytes, offset + 4) | 0) * TWO_POW_32;
}

/** Encodes a result that is one of those above; null for any other. */
export function encodeChangeResult(result: KvResult): Uint8Array | null {
  switch (result.type) {
    case "delete": {
      const bytes = resultOf(DELETED, result.revision, 0);
      putInteger(bytes, 24, result.count);
      return bytes;
    }
    case "increment": {
      const bytes = resultOf(INCREMENTED, result.revision, 0);
      putUint64(bytes, 24, result.value);
      return Number.isSafeInteger(result.value) ? bytes : null;
    }
    case "conditionFailed":
      return encodeFailure(result.revision, result.current);
    default:
      return null;
  }
}

function encodeFailure(revision: number, item: KvItem | null): Uint8Array {
  if (item === null) return resultOf(CONDITION_FAILED, revision, 0);
  const keyBytes = paddedBytes(item.key.length);
  const itemBytes = ITEM_BYTES_OFFSET - RESULT_BYTES;
  const bytes = resultOf(
    CONDITION_FAILED,
    revision,
    itemBytes + keyBytes + paddedBytes(item.value.length),
  );
  putPointer(bytes, 40, RESULT_BYTES, 0, ITEM_SIZE);
  putInteger(bytes, 48, item.revision);
  putInteger(bytes, 56, item.createRevision);
  putInteger(bytes, 64, item.version);
  putPointer(bytes, 72, ITEM_BYTES_OFFSET, 1, byteListSize(item.key.length));
  putPointer(bytes, 80, ITEM_BYTES_OFFSET + keyBytes, 1, byteListSize(item.value.length));
  bytes.set(item.key, ITEM_BYTES_OFFSET);
  bytes.set(item.value, ITEM_BYTES_OFFSET + keyBytes);
  return bytes;
}

function resultOf(tag: number, revision: number, restBytes: number): Uint8Array {
  const bytes = new Uint8Array(RESULT_BYTES + restBytes);
  putUint32(bytes, 4, RESULT_SIZE);
  putInteger(bytes, 8, revision);
  bytes[18] = tag;
  return bytes;
}

/** Reads a result without an item as it is written here; null where it is anything else. */
export function readChangeResult(bytes: Uint8Array): KvResult | null {
  if (bytes.length !== RESULT_BYTES || getUint32(bytes, 4) !== RESULT_SIZE) return null;
  if (getUint32(bytes, 0) !== 0 || !isZero(bytes, 32, 48) || !isZero(bytes, 20, 24)) return null;
  const revision = getUint64(bytes, 8);
  const tag = getUint32(bytes, 16) / 65536;
  const value = getInt64(bytes, 24);
  if (revision > INTEGER_MAX || !Number.isSafeInteger(value)) return null;
  if (tag === INCREMENTED) return { type: "increment", revision, value };
  if (tag === DELETED && value >= 0) return { type: "delete", revision, count: value };
  const isFailure = tag === CONDITION_FAILED && value === 0;
  return isFailure ? { type: "conditionFailed", revision, current: null } : null;
}

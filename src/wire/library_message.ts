/**
 * The door to capnp-ts: bytes are checked before they go in, numbers become bigint and back, and
 * whatever it throws at bytes from outside is a ProtocolError.
 *
 * @module
 */
import { type Data, Message, type Struct } from "capnp-ts";
import { assert, AssertionError } from "../assert.ts";
import { putUint32 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { INTEGER_MAX } from "../types.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { checkMessage } from "./message_check.ts";
import type { StructLayout } from "./struct_layout.ts";

/** Where capnp-ts builds a message. */
type Arena = Message["_capnp"]["arena"];

/** What a large message was built in is not kept for the next one. */
const ARENA_BYTES_KEPT_MAX = 16 * 1024;

/** A class that capnpc-ts generated, as `Message` wants it. */
type StructClass<Root extends Struct> = Parameters<typeof Message.getRoot<Root>>[0];

/** A generated class and the table of what to check before it reads. */
export interface RootType<Root extends Struct> {
  readonly structClass: StructClass<Root>;
  readonly layout: StructLayout;
}

/** Reads a message in stream framing: see {@linkcode readFlat}. */
export function readFramed<Root extends Struct, Result>(
  frame: Uint8Array,
  type: RootType<Root>,
  read: (root: Root) => Result,
): Result {
  return readChecked({ bytes: frame, segmentStart: FRAME_HEADER_BYTES, type }, read);
}

/**
 * Checks `bytes`, one segment without a segment table, and hands its root to `read`.
 *
 * @throws {ProtocolError} If they are no such message.
 */
export function readFlat<Root extends Struct, Result>(
  bytes: Uint8Array,
  type: RootType<Root>,
  read: (root: Root) => Result,
): Result {
  return readChecked({ bytes, segmentStart: 0, type }, read);
}

function readChecked<Root extends Struct, Result>(
  source: { bytes: Uint8Array; segmentStart: number; type: RootType<Root> },
  read: (root: Root) => Result,
): Result {
  const { bytes, segmentStart, type } = source;
  checkMessage(bytes, { segmentStart, layout: type.layout });
  try {
    const message = new Message(bytes.subarray(segmentStart), false, true);
    return read(message.getRoot(type.structClass));
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof AssertionError) throw error;
    throw new ProtocolError(`Cannot read a "${type.layout.name}": ${error}`, { cause: error });
  }
}

/** What capnp-ts builds a message in: 4 KiB that only contain zeros between two messages. */
let spareArena: Arena | null = null;

/** Builds a message in stream framing: `fill` sets the fields of its root. */
export function buildFramed<Root extends Struct>(
  structClass: StructClass<Root>,
  fill: (root: Root) => void,
): Uint8Array {
  const arena = spareArena ?? new Message()._capnp.arena;
  // It comes back only if nothing throws; and `fill` may build another message.
  spareArena = null;
  const message = new Message(arena);
  fill(message.initRoot(structClass));
  const { segments } = message._capnp;
  assert(segments.length === 1, () => `message has one segment: it has ${segments.length}`);
  const { buffer, byteLength } = segments[0]!;
  const segment = new Uint8Array(buffer, 0, byteLength);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + byteLength);
  putUint32(frame, 4, byteLength / 8);
  frame.set(segment, FRAME_HEADER_BYTES);
  if (buffer.byteLength > ARENA_BYTES_KEPT_MAX) return frame;
  segment.fill(0);
  spareArena = arena;
  return frame;
}

/** Builds a message of one segment without a segment table. */
export function buildFlat<Root extends Struct>(
  structClass: StructClass<Root>,
  fill: (root: Root) => void,
): Uint8Array {
  return buildFramed(structClass, fill).subarray(FRAME_HEADER_BYTES);
}

/** An index, term, id or other count as a UInt64. */
export function toUint64(value: number): bigint {
  assert(
    Number.isSafeInteger(value) && value >= 0,
    () => `${value} is an integer from 0 to 2^53 − 1`,
  );
  return BigInt(value);
}

/** An integer of either sign as an Int64. */
export function toInt64(value: number): bigint {
  assert(Number.isSafeInteger(value), () => `${value} is an integer within ±(2^53 − 1)`);
  return BigInt(value);
}

/** A 64-bit integer, which was checked before, as a number. */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new ProtocolError(`Cannot use the integer ${value}: want one within ±(2^53 − 1)`);
  }
  return number;
}

/** A duration as whole milliseconds, rounded up and capped: an age is never told too small. */
export function wholeMs(durationMs: number): number {
  return Math.min(Math.ceil(Math.max(durationMs, 0)), INTEGER_MAX);
}

/** Copies `bytes` into a Data field, given the `init…` call of its class. */
export function setData(init: (length: number) => Data, bytes: Uint8Array): void {
  init(bytes.length).copyBuffer(bytes);
}

/** The position of `name` in the schema's enum. */
export function enumValue<Name extends string>(names: readonly Name[], name: Name): number {
  const value = names.indexOf(name);
  assert(value >= 0, () => `"${name}" is one of ${names.join(", ")}`);
  return value;
}

/** The name of an enum value, which was checked before. */
export function enumName<Name extends string>(names: readonly Name[], value: number): Name {
  const name = names[value];
  if (name === undefined) {
    throw new ProtocolError(`Cannot use the value ${value}: want one below ${names.length}`);
  }
  return name;
}

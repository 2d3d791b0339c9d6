/**
 * Reads the structs of a message in place, by the offsets that the schema gives their fields.
 *
 * capnp-ts makes an object for each pointer that it follows and a bigint of each integer: five
 * times the work, which counts where nodes greet each other anew and clients look for a leader.
 * Every valid message is read, whatever its layout, for {@linkcode checkMessage} has walked through
 * all of it before: pointers lead into the message, lists are of the elements that the schema
 * names, integers are below 2^53. What a message of an older build does not have is 0 or empty.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32, getUint64 } from "../bytes.ts";
import { FRAME_HEADER_BYTES } from "./frame.ts";
import { checkMessage } from "./message_check.ts";
import type { StructLayout } from "./struct_layout.ts";

const NO_BYTES = new Uint8Array(0);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Texts that are not longer are often put together faster than a decoder is called. */
const SHORT_TEXT_BYTES = 64;

/**
 * Checks a message in stream framing and returns its root.
 *
 * @throws {ProtocolError} If it is no such message.
 */
export function viewFramed(frame: Uint8Array, layout: StructLayout): StructView {
  checkMessage(frame, { segmentStart: FRAME_HEADER_BYTES, layout });
  return StructView.at(frame, FRAME_HEADER_BYTES);
}

/** One struct of a checked message; offsets and slots are those of the schema. */
export class StructView {
  readonly #bytes: Uint8Array;
  readonly #dataStart: number;
  readonly #dataBytes: number;
  readonly #pointersStart: number;
  readonly #pointers: number;

  private constructor(bytes: Uint8Array, start: number, size: number) {
    this.#bytes = bytes;
    this.#dataStart = start;
    this.#dataBytes = (size & 0xffff) * 8;
    this.#pointersStart = start + this.#dataBytes;
    this.#pointers = size >>> 16;
  }

  /** The struct that the pointer at `offset` leads to: an empty one where it is null. */
  static at(bytes: Uint8Array, offset: number): StructView {
    assert(offset + 8 <= bytes.length, () => `a pointer at ${offset} of ${bytes.length} bytes`);
    return new StructView(bytes, target(bytes, offset), getUint32(bytes, offset + 4));
  }

  /** A UInt64. */
  integer(byte: number): number {
    return byte < this.#dataBytes ? getUint64(this.#bytes, this.#dataStart + byte) : 0;
  }

  /** A UInt32. */
  uint32(byte: number): number {
    return byte < this.#dataBytes ? getUint32(this.#bytes, this.#dataStart + byte) : 0;
  }

  /** A UInt16 or an enum. */
  uint16(byte: number): number {
    if (byte >= this.#dataBytes) return 0;
    const offset = this.#dataStart + byte;
    return this.#bytes[offset]! | (this.#bytes[offset + 1]! << 8);
  }

  /** A Bool, by the number of its bit in the data section. */
  bool(bit: number): boolean {
    const byte = bit >>> 3;
    if (byte >= this.#dataBytes) return false;
    return ((this.#bytes[this.#dataStart + byte]! >>> (bit & 7)) & 1) === 1;
  }

  /** A Data: a view of the message. */
  data(slot: number): Uint8Array {
    const offset = this.#pointer(slot);
    if (offset < 0) return NO_BYTES;
    const start = target(this.#bytes, offset);
    return this.#bytes.subarray(start, start + (getUint32(this.#bytes, offset + 4) >>> 3));
  }

  /** A Text. */
  text(slot: number): string {
    const offset = this.#pointer(slot);
    return offset < 0 ? "" : textAt(this.#bytes, offset);
  }

  /** A List(Text). */
  texts(slot: number): string[] {
    const offset = this.#pointer(slot);
    if (offset < 0) return [];
    const start = target(this.#bytes, offset);
    const count = getUint32(this.#bytes, offset + 4) >>> 3;
    const texts: string[] = [];
    for (let i = 0; i < count; i += 1) {
      const isNull = getUint32(this.#bytes, start + 8 * i + 4) === 0;
      texts.push(isNull ? "" : textAt(this.#bytes, start + 8 * i));
    }
    return texts;
  }

  /** A struct; an empty one where it is not there. */
  struct(slot: number): StructView {
    const offset = this.#pointer(slot);
    return offset < 0 ? new StructView(this.#bytes, 0, 0) : StructView.at(this.#bytes, offset);
  }

  /** A list of structs. */
  structs(slot: number): StructView[] {
    const offset = this.#pointer(slot);
    if (offset < 0) return [];
    // In front of the elements stands a word with their count and their size.
    const tag = target(this.#bytes, offset);
    const count = getUint32(this.#bytes, tag) >>> 2;
    const size = getUint32(this.#bytes, tag + 4);
    const bytes = 8 * ((size & 0xffff) + (size >>> 16));
    const views: StructView[] = [];
    for (let i = 0; i < count; i += 1) {
      views.push(new StructView(this.#bytes, tag + 8 + i * bytes, size));
    }
    return views;
  }

  /** Where the pointer in this slot is, or -1 where it is null. */
  #pointer(slot: number): number {
    if (slot >= this.#pointers) return -1;
    const offset = this.#pointersStart + 8 * slot;
    const isNull = getUint32(this.#bytes, offset) === 0 &&
      getUint32(this.#bytes, offset + 4) === 0;
    return isNull ? -1 : offset;
  }
}

/** Where the pointer at `offset` leads to. */
function target(bytes: Uint8Array, offset: number): number {
  return offset + 8 + ((getUint32(bytes, offset) | 0) >> 2) * 8;
}

function textAt(bytes: Uint8Array, offset: number): string {
  const start = target(bytes, offset);
  // The last byte is the NUL that ends every text.
  const end = start + (getUint32(bytes, offset + 4) >>> 3) - 1;
  if (end - start > SHORT_TEXT_BYTES) return utf8.decode(bytes.subarray(start, end));
  let text = "";
  for (let i = start; i < end; i += 1) {
    if (bytes[i]! > 127) return utf8.decode(bytes.subarray(start, end));
    text += String.fromCharCode(bytes[i]!);
  }
  return text;
}

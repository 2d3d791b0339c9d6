/**
 * Checks a message from a stranger in a single pass over its pointers, before capnp-ts sees it.
 *
 * A Cap'n Proto library handed raw bytes is a denial of service: lists of nothing with 2^29
 * elements, pointers that meet in one place and multiply the work, nesting without end. Here every
 * pointer must lie within its segment and be of the kind that the schema says, and the words that
 * all pointers lead to must not add up to more than the segment has. So the work is bounded by the
 * bytes that were received.
 *
 * What passes holds only texts in UTF-8, integers within ±(2^53 − 1), and union members and enum
 * values that this build knows. Data sections and pointer sections may be shorter than the schema's
 * (fields left out are zero) or longer (fields that this build does not know are skipped), but for
 * elements of lists, which must not be shorter: capnp-ts 0.9.3 widens those wrongly.
 *
 * @module
 */
import { getUint32 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import type { BodyLayout, FieldLayout, StructLayout } from "./struct_layout.ts";

/** How deep structs and lists may be nested. The deepest of ours is 4. */
const DEPTH_MAX = 8;

/** The high half of 2^53 − 1, the largest integer. */
const INTEGER_HIGH_MAX = 0x1fffff;
/** The high half of −(2^53 − 1), the smallest integer, whose low half is 1. */
const INTEGER_HIGH_MIN = 0xffe00000;

const POINTER_STRUCT = 0;
const POINTER_LIST = 1;
const ELEMENT_BYTE = 2;
const ELEMENT_POINTER = 6;
const ELEMENT_COMPOSITE = 7;

/**
 * A union member or an enum value that this build does not know: the bytes may well be a message,
 * of a newer build.
 */
export class UnknownMemberError extends ProtocolError {}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Where a message lies and what it must be. */
export interface MessageCheckOptions {
  /** Where the segment starts in the bytes; it goes on to their end. */
  readonly segmentStart: number;
  /** The struct at its root. */
  readonly layout: StructLayout;
}

/**
 * Checks the message in `bytes`.
 *
 * @returns The words that were visited, at most those of the segment: a measure of the work.
 * @throws {ProtocolError} If anything is not as it should be.
 */
export function checkMessage(bytes: Uint8Array, options: MessageCheckOptions): number {
  const segmentBytes = bytes.length - options.segmentStart;
  if (segmentBytes < 8 || segmentBytes % 8 !== 0) {
    throw new ProtocolError(
      `Cannot read a message of ${segmentBytes} bytes: want whole words of 8 bytes`,
    );
  }
  return new MessageCheck(bytes, options.segmentStart).run(options.layout);
}

/** The sections of one struct or group. */
interface Sections {
  readonly dataWord: number;
  readonly dataWords: number;
  readonly pointers: number;
  readonly depth: number;
}

class MessageCheck {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #words: number;
  /** Words that pointers have led to. The root pointer is one. */
  #visited = 1;
  /** The struct and field being checked, for messages. */
  #struct = "";
  #field = "";

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#words = (bytes.length - start) / 8;
  }

  run(layout: StructLayout): number {
    if (this.#low(0) === 0 && this.#high(0) === 0) {
      throw new ProtocolError(`Cannot read a message without a root: want a "${layout.name}"`);
    }
    this.#checkStruct(0, layout, 1);
    return this.#visited;
  }

  #checkStruct(word: number, layout: StructLayout, depth: number): void {
    const low = this.#low(word);
    const high = this.#high(word);
    if (low === 0 && high === 0) return;
    if ((low & 3) !== POINTER_STRUCT) throw this.#fault(`the pointer is not one to a struct`);
    const dataWords = high & 0xffff;
    const pointers = high >>> 16;
    const target = this.#visit(word, { low, count: dataWords + pointers, depth });
    this.#checkContent({ dataWord: target, dataWords, pointers, depth }, layout);
  }

  #checkContent(sections: Sections, layout: StructLayout): void {
    const outer = this.#struct;
    this.#struct = layout.name;
    this.#checkBody(sections, layout.body);
    this.#struct = outer;
  }

  #checkBody(sections: Sections, body: BodyLayout): void {
    const tag = body.tagByte < 0 ? -1 : this.#uint16(sections, body.tagByte);
    if (tag >= body.tagCount) {
      this.#field = "union";
      throw this.#unknown(`its member is ${tag}: want one below ${body.tagCount}`);
    }
    for (const field of body.fields) {
      if (field.tag !== -1 && field.tag !== tag) continue;
      this.#field = field.name;
      this.#checkField(sections, field);
    }
  }

  #checkField(sections: Sections, field: FieldLayout): void {
    switch (field.kind) {
      case "integer":
        this.#checkInteger(sections, field);
        return;
      case "enum": {
        const value = this.#uint16(sections, field.byte);
        if (value < field.count) return;
        throw this.#unknown(`its value is ${value}: want one below ${field.count}`);
      }
      case "group":
        this.#checkBody(sections, field.body);
        return;
    }
    if (field.slot >= sections.pointers) return;
    const word = sections.dataWord + sections.dataWords + field.slot;
    const depth = sections.depth + 1;
    if (field.kind === "struct") this.#checkStruct(word, field.layout, depth);
    else if (field.kind === "structList") this.#checkStructList(word, field.layout, depth);
    else if (field.kind === "textList") this.#checkTextList(word, depth);
    else if (field.kind === "text") this.#checkText(word, depth);
    else this.#checkBytes(word, depth);
  }

  #checkInteger(sections: Sections, field: FieldLayout & { readonly kind: "integer" }): void {
    if (field.byte + 8 > sections.dataWords * 8) return;
    const word = sections.dataWord + field.byte / 8;
    const high = this.#high(word);
    if (high <= INTEGER_HIGH_MAX) return;
    const negative = high > INTEGER_HIGH_MIN ||
      (high === INTEGER_HIGH_MIN && this.#low(word) !== 0);
    if (field.signed && negative) return;
    throw this.#fault(`its value is beyond 2^53 − 1`);
  }

  /** Checks a pointer to bytes and returns the offset and count of them. */
  #checkBytes(word: number, depth: number): { readonly offset: number; readonly count: number } {
    const low = this.#low(word);
    const high = this.#high(word);
    if (low === 0 && high === 0) return { offset: 0, count: 0 };
    if ((low & 3) !== POINTER_LIST || (high & 7) !== ELEMENT_BYTE) {
      throw this.#fault(`the pointer is not one to bytes`);
    }
    const count = high >>> 3;
    const target = this.#visit(word, { low, count: Math.ceil(count / 8), depth });
    return { offset: this.#start + target * 8, count };
  }

  #checkText(word: number, depth: number): void {
    if (this.#low(word) === 0 && this.#high(word) === 0) return;
    const { offset, count } = this.#checkBytes(word, depth);
    if (count === 0 || this.#bytes[offset + count - 1] !== 0) {
      throw this.#fault(`the text does not end with a NUL`);
    }
    if (isAscii(this.#bytes, offset, offset + count)) return;
    try {
      utf8.decode(this.#bytes.subarray(offset, offset + count));
    } catch (cause) {
      throw new ProtocolError(this.#fault(`the text is not UTF-8`).message, { cause });
    }
  }

  #checkTextList(word: number, depth: number): void {
    const low = this.#low(word);
    const high = this.#high(word);
    if (low === 0 && high === 0) return;
    if ((low & 3) !== POINTER_LIST || (high & 7) !== ELEMENT_POINTER) {
      throw this.#fault(`the pointer is not one to a list of texts`);
    }
    const count = high >>> 3;
    const target = this.#visit(word, { low, count, depth });
    for (let i = 0; i < count; i += 1) this.#checkText(target + i, depth + 1);
  }

  #checkStructList(word: number, layout: StructLayout, depth: number): void {
    const low = this.#low(word);
    const high = this.#high(word);
    if (low === 0 && high === 0) return;
    if ((low & 3) !== POINTER_LIST || (high & 7) !== ELEMENT_COMPOSITE) {
      throw this.#fault(`the pointer is not one to a list of structs`);
    }
    const listWords = high >>> 3;
    const target = this.#visit(word, { low, count: listWords + 1, depth });
    const tag = this.#low(target);
    const count = tag >>> 2;
    const dataWords = this.#high(target) & 0xffff;
    const pointers = this.#high(target) >>> 16;
    if (count === 0) return;
    if ((tag & 3) !== 0 || count * (dataWords + pointers) !== listWords) {
      throw this.#fault(`its ${count} elements do not fill ${listWords} words`);
    }
    if (dataWords < layout.dataWords || pointers < layout.pointers) {
      throw this.#fault(`its elements are shorter than a "${layout.name}"`);
    }
    for (let i = 0; i < count; i += 1) {
      const dataWord = target + 1 + i * (dataWords + pointers);
      this.#checkContent({ dataWord, dataWords, pointers, depth: depth + 1 }, layout);
    }
  }

  /** Counts the words that the pointer at `word` leads to, and returns the first of them. */
  #visit(
    word: number,
    to: { readonly low: number; readonly count: number; readonly depth: number },
  ): number {
    const target = word + 1 + (to.low >> 2);
    if (target < 0 || target + to.count > this.#words) {
      throw this.#fault(`the pointer leads out of the message`);
    }
    if (to.depth > DEPTH_MAX) throw this.#fault(`it is nested deeper than ${DEPTH_MAX}`);
    this.#visited += to.count;
    if (this.#visited > this.#words) throw this.#fault(`it overlaps with another one`);
    return target;
  }

  #low(word: number): number {
    return getUint32(this.#bytes, this.#start + word * 8) | 0;
  }

  #high(word: number): number {
    return getUint32(this.#bytes, this.#start + word * 8 + 4);
  }

  #uint16(sections: Sections, byte: number): number {
    if (byte + 2 > sections.dataWords * 8) return 0;
    const offset = this.#start + sections.dataWord * 8 + byte;
    return this.#bytes[offset]! | (this.#bytes[offset + 1]! << 8);
  }

  #unknown(what: string): UnknownMemberError {
    return new UnknownMemberError(this.#fault(what).message);
  }

  #fault(what: string): ProtocolError {
    return new ProtocolError(`Bad field "${this.#field}" of "${this.#struct}": ${what}`);
  }
}

/** Nearly all texts are ASCII, and short: a decoder is called for the others. */
function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) {
    if (bytes[i]! > 127) return false;
  }
  return true;
}

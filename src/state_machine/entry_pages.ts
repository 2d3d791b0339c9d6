/**
 * The memory of the entries of the key-value store: slots in large pages instead of objects, so
 * that millions of keys are nothing that a collector of garbage looks at, and a key costs its bytes
 * and little more.
 *
 * A page has slots of one size; an entry that is larger than the largest of them, or comes when no
 * more pages of slots can be numbered, has a page of its own, of which there may be many more. An
 * entry is known by one integer from 1 on, which is the number of its page and its place there, or
 * counts the pages of their own at the upper end:
 *
 * ```
 * id      | page: 18 bits, not all of them ones at the upper end | place: 14 bits, in 16 bytes |
 * id      | ones: 6 bits  | number of the page of its own: 26 bits |
 * entry   0  hash of the key    4  hash of the entry    8  createRevision   16  revision
 *        24  version           32  length of the key   36  length of the value
 *        40  generation        44  flags               48  key, value at the next multiple of 4
 * ```
 *
 * While a view is drawn no room is used again, so that it can read what it has the ids of.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import { copyAndHashBytes } from "./content_hash.ts";

/** An entry by the place where it is; 0 is none. */
export type EntryId = number;

/** No entry. */
export const NO_ENTRY: EntryId = 0;

const UNIT_BYTES = 16;
const PLACE_BITS = 14;
const PLACE_MASK = (1 << PLACE_BITS) - 1;
const PAGE_BYTES = UNIT_BYTES << PLACE_BITS;
const OWN_BITS = 26;
const OWN_MASK = (1 << OWN_BITS) - 1;
/** Pages of their own: values of 16 KiB and more, together a TiB at least. */
const OWN_PAGES_MAX = 1 << OWN_BITS;
/** Pages of slots, together 63 GiB; from this number on an id means a page of its own. */
const PAGES_MAX = 2 ** (32 - PLACE_BITS) - 2 ** (OWN_BITS - PLACE_BITS);
const HEADER_BYTES = 48;
/** Where the value starts that follows a key of no bytes, in units of four bytes. */
const VALUE_WORD = HEADER_BYTES / 4;

/** Sizes of slots: multiples of 16 up to here, and an eighth more each from here on. */
const FINE_BYTES_MAX = 512;
const SLOT_BYTES_MAX = 16 * 1024;
const SLOT_SIZES = slotSizes();
/** The number of the smallest size for each multiple of 16. */
const SIZE_NUMBERS = sizeNumbers();
/** How many rooms that were given back during a view are made free with each new entry. */
const RELEASES_PER_ENTRY = 16;
/** The size of a page of its own. */
const OWN = -1;
/** Page 0, which there is not. */
const NO_PAGE = 0;
const NO_PLACE = 0xffffffff;

/** The entry was removed; its place in the order of keys was not yet. */
const DEAD = 1;
/** Something expires the entry. */
const ATTACHED = 2;

// Where the fields are, in the units of the view that reads them.
const KEY_HASH = 0;
const HASH = 1;
const CREATE_REVISION = 1;
const REVISION = 2;
const VERSION = 3;
const KEY_BYTES = 8;
const VALUE_BYTES = 9;
const GENERATION = 10;
const FLAGS = 11;

interface Page {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly numbers: Float64Array;
  readonly sizeNumber: number;
  /** How many slots are in use. */
  used: number;
  /** Where the slots start that were never used, in bytes. */
  freshAt: number;
  /** The place of the slot that was given back last, which has that of the one before it. */
  freePlace: number;
  /** Whether it is among the pages of its size that have room. */
  isListed: boolean;
}

/** What an entry holds besides key and value. */
export interface EntryFields {
  readonly createRevision: Index;
  readonly revision: Index;
  readonly version: number;
  readonly generation: number;
  readonly isAttached: boolean;
}

/** See the comment of this module. */
export class EntryPages {
  /** By number, from 1 on. */
  readonly #pages: (Page | null)[] = [null];
  readonly #freeNumbers: number[] = [];
  /** The pages of their own, by number from 0 on. */
  readonly #ownPages: (Page | null)[] = [];
  readonly #freeOwnNumbers: number[] = [];
  readonly #pagesMax: number;
  /** The numbers of the pages of each size that have room. */
  readonly #withRoom: number[][] = SLOT_SIZES.map(() => []);
  /** Given back while somebody held them. */
  readonly #released: EntryId[] = [];
  #holds = 0;
  #bytes = 0;

  /** Creates them empty; fewer pages of slots are for tests. */
  constructor(pagesMax: number = PAGES_MAX) {
    this.#pagesMax = pagesMax;
  }

  /** The bytes of all pages, used and not. */
  get bytes(): number {
    return this.#bytes;
  }

  /** From now on no room is used again: entries that were removed stay readable. */
  hold(): void {
    this.#holds += 1;
  }

  /** Ends one {@linkcode EntryPages.hold}. */
  letGo(): void {
    assert(this.#holds > 0, "pages are let go that nobody holds");
    this.#holds -= 1;
  }

  /** Makes room for an entry, of which everything but its lengths is undefined. */
  allocate(keyBytes: number, valueBytes: number): EntryId {
    if (this.#released.length > 0 && this.#holds === 0) this.#releaseSome();
    const size = HEADER_BYTES + align4(keyBytes) + align4(valueBytes);
    const id = size > SLOT_BYTES_MAX ? this.#ownPage(size) : this.#slot(sizeNumberOf(size));
    const page = this.#pageOf(id);
    const word = wordOf(id);
    page.words[word + KEY_BYTES] = keyBytes;
    page.words[word + VALUE_BYTES] = valueBytes;
    return id;
  }

  /** Gives the room of a removed entry back. */
  release(id: EntryId): void {
    if (this.#holds > 0) this.#released.push(id);
    else this.#release(id);
  }

  /** Whether a value of this length fits where the entry is, without waste. */
  fits(id: EntryId, valueBytes: number): boolean {
    const { words, sizeNumber } = this.#pageOf(id);
    const size = HEADER_BYTES + align4(words[wordOf(id) + KEY_BYTES]!) + align4(valueBytes);
    if (sizeNumber === OWN) return words[wordOf(id) + VALUE_BYTES] === valueBytes;
    return size <= SLOT_BYTES_MAX && sizeNumberOf(size) === sizeNumber;
  }

  /** Writes the key of an entry that was just made, from `start` on, and its hash. */
  writeKey(id: EntryId, keyHash: number, bytes: Uint8Array, start = 0): void {
    const page = this.#pageOf(id);
    const word = wordOf(id);
    const end = start + page.words[word + KEY_BYTES]!;
    assert(end <= bytes.length, () => `a key ends at ${end} of ${bytes.length}`);
    page.words[word + KEY_HASH] = keyHash;
    let at = 4 * word + HEADER_BYTES;
    for (let i = start; i < end; i += 1) page.bytes[at++] = bytes[i]!;
  }

  /**
   * Writes a value that fits, from `start` to `end`.
   *
   * @returns The hash of the key with the value added to it.
   */
  writeValue(
    id: EntryId,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): number {
    const { words } = this.#pageOf(id);
    const word = wordOf(id);
    words[word + VALUE_BYTES] = end - start;
    const toWord = word + VALUE_WORD + (align4(words[word + KEY_BYTES]!) >>> 2);
    return copyAndHashBytes(words[word + KEY_HASH]! | 0, { bytes, start, end, to: words, toWord });
  }

  /** Writes everything else but the hash. */
  writeFields(id: EntryId, fields: EntryFields): void {
    const page = this.#pageOf(id);
    const word = wordOf(id);
    const number = word >>> 1;
    page.numbers[number + CREATE_REVISION] = fields.createRevision;
    page.numbers[number + REVISION] = fields.revision;
    page.numbers[number + VERSION] = fields.version;
    page.words[word + GENERATION] = fields.generation;
    page.words[word + FLAGS] = fields.isAttached ? ATTACHED : 0;
  }

  /** Marks an entry as removed; its key stays readable until it is released. */
  markDead(id: EntryId): void {
    this.#pageOf(id).words[wordOf(id) + FLAGS] = DEAD;
  }

  /** Whether the entry was removed. */
  isDead(id: EntryId): boolean {
    return (this.#pageOf(id).words[wordOf(id) + FLAGS]! & DEAD) !== 0;
  }

  /** Whether something expires the entry. */
  isAttached(id: EntryId): boolean {
    return (this.#pageOf(id).words[wordOf(id) + FLAGS]! & ATTACHED) !== 0;
  }

  /** The hash of its key. */
  keyHash(id: EntryId): number {
    return this.#pageOf(id).words[wordOf(id) + KEY_HASH]! | 0;
  }

  /** What it adds to the hash of the store. */
  hash(id: EntryId): number {
    return this.#pageOf(id).words[wordOf(id) + HASH]! | 0;
  }

  /** Notes what it adds to the hash of the store. */
  setHash(id: EntryId, hash: number): void {
    this.#pageOf(id).words[wordOf(id) + HASH] = hash;
  }

  /** The index that created it. */
  createRevision(id: EntryId): Index {
    return this.#pageOf(id).numbers[(wordOf(id) >>> 1) + CREATE_REVISION]!;
  }

  /** The index that wrote it last. */
  revision(id: EntryId): Index {
    return this.#pageOf(id).numbers[(wordOf(id) >>> 1) + REVISION]!;
  }

  /** How often it was written. */
  version(id: EntryId): number {
    return this.#pageOf(id).numbers[(wordOf(id) >>> 1) + VERSION]!;
  }

  /** The count of views that were begun before it was written last. */
  generation(id: EntryId): number {
    return this.#pageOf(id).words[wordOf(id) + GENERATION]!;
  }

  /** Its key: a view, valid until the entry is released. */
  key(id: EntryId): Uint8Array {
    const { bytes, words } = this.#pageOf(id);
    const start = 4 * wordOf(id) + HEADER_BYTES;
    return bytes.subarray(start, start + words[wordOf(id) + KEY_BYTES]!);
  }

  /** Its value: a view, valid until the entry is written again or released. */
  value(id: EntryId): Uint8Array {
    const { bytes, words } = this.#pageOf(id);
    const word = wordOf(id);
    const start = 4 * word + HEADER_BYTES + align4(words[word + KEY_BYTES]!);
    return bytes.subarray(start, start + words[word + VALUE_BYTES]!);
  }

  /** Whether it has the key that other bytes have from `start` to `end`. */
  hasKey(id: EntryId, other: Uint8Array, start: number, end: number): boolean {
    const { bytes, words } = this.#pageOf(id);
    const word = wordOf(id);
    if (words[word + KEY_BYTES] !== end - start) return false;
    let at = 4 * word + HEADER_BYTES;
    for (let i = start; i < end; i += 1) if (bytes[at++] !== other[i]) return false;
    return true;
  }

  /** Whether its key starts with `prefix`. */
  startsWith(id: EntryId, prefix: Uint8Array): boolean {
    const { bytes, words } = this.#pageOf(id);
    const word = wordOf(id);
    if (words[word + KEY_BYTES]! < prefix.length) return false;
    const start = 4 * word + HEADER_BYTES;
    for (let i = 0; i < prefix.length; i += 1) if (bytes[start + i] !== prefix[i]) return false;
    return true;
  }

  /** Four bytes of its key from `offset` on as an integer, zeros behind the end. */
  keyWord(id: EntryId, offset: number): number {
    const { bytes, words } = this.#pageOf(id);
    const start = 4 * wordOf(id) + HEADER_BYTES;
    return bigEndianWord(bytes, start + offset, start + words[wordOf(id) + KEY_BYTES]!);
  }

  /** Below, at or above 0 as the key of `one` comes before that of `other`, is it, or follows. */
  compareKeys(one: EntryId, other: EntryId): number {
    const first = this.#pageOf(one);
    const second = this.#pageOf(other);
    const firstBytes = first.words[wordOf(one) + KEY_BYTES]!;
    const secondBytes = second.words[wordOf(other) + KEY_BYTES]!;
    const length = Math.min(firstBytes, secondBytes);
    const start = 4 * wordOf(one) + HEADER_BYTES;
    const otherStart = 4 * wordOf(other) + HEADER_BYTES;
    for (let i = 0; i < length; i += 1) {
      const difference = first.bytes[start + i]! - second.bytes[otherStart + i]!;
      if (difference !== 0) return difference;
    }
    return firstBytes - secondBytes;
  }

  /** The same for the key of an entry and a key. */
  compareTo(id: EntryId, key: Uint8Array): number {
    const { bytes, words } = this.#pageOf(id);
    const keyBytes = words[wordOf(id) + KEY_BYTES]!;
    const length = Math.min(keyBytes, key.length);
    const start = 4 * wordOf(id) + HEADER_BYTES;
    for (let i = 0; i < length; i += 1) {
      const difference = bytes[start + i]! - key[i]!;
      if (difference !== 0) return difference;
    }
    return keyBytes - key.length;
  }

  #pageOf(id: EntryId): Page {
    const number = id >>> PLACE_BITS;
    return number < PAGES_MAX ? this.#pages[number]! : this.#ownPages[id & OWN_MASK]!;
  }

  /** Some at a time, for they may be many. */
  #releaseSome(): void {
    const countMin = Math.max(0, this.#released.length - RELEASES_PER_ENTRY);
    while (this.#released.length > countMin) this.#release(this.#released.pop()!);
  }

  #release(id: EntryId): void {
    const number = id >>> PLACE_BITS;
    const page = this.#pageOf(id);
    assert(this.isDead(id), () => `entry ${id} is given back and was not removed`);
    if (page.sizeNumber === OWN) {
      this.#giveUpOwn(id);
      return;
    }
    page.words[wordOf(id) + KEY_HASH] = page.freePlace;
    page.freePlace = id & PLACE_MASK;
    page.used -= 1;
    assert(page.used >= 0, () => `page ${number} has ${page.used} entries`);
    if (page.used === 0) this.#giveUp(number);
    else if (!page.isListed) this.#list(page, number);
  }

  #slot(sizeNumber: number): EntryId {
    const listed = this.#withRoom[sizeNumber]!;
    const size = SLOT_SIZES[sizeNumber]!;
    const number = listed[listed.length - 1] ?? this.#newPage(sizeNumber);
    if (number === NO_PAGE) return this.#ownPage(size);
    const page = this.#pages[number]!;
    let place = page.freePlace;
    if (place === NO_PLACE) {
      place = page.freshAt / UNIT_BYTES;
      page.freshAt += size;
    } else page.freePlace = page.words[(place * UNIT_BYTES) >>> 2]!;
    page.used += 1;
    if (page.freePlace === NO_PLACE && page.freshAt + size > PAGE_BYTES) {
      page.isListed = false;
      listed.pop();
    }
    return ((number << PLACE_BITS) | place) >>> 0;
  }

  #ownPage(size: number): EntryId {
    const number = this.#freeOwnNumbers.pop() ?? this.#ownPages.length;
    assert(
      number < OWN_PAGES_MAX,
      () => `more than ${OWN_PAGES_MAX} entries have pages of their own`,
    );
    const page = makePage(Math.ceil(size / 8) * 8, OWN);
    this.#ownPages[number] = page;
    this.#bytes += page.bytes.length;
    return ((PAGES_MAX << PLACE_BITS) | number) >>> 0;
  }

  #giveUpOwn(id: EntryId): void {
    const number = id & OWN_MASK;
    this.#bytes -= this.#ownPages[number]!.bytes.length;
    this.#ownPages[number] = null;
    this.#freeOwnNumbers.push(number);
  }

  /** The number of a new page, or NO_PAGE where all that there may be are in use. */
  #newPage(sizeNumber: number): number {
    const number = this.#freeNumbers.pop() ?? this.#pages.length;
    if (number >= this.#pagesMax) return NO_PAGE;
    const page = makePage(PAGE_BYTES, sizeNumber);
    this.#pages[number] = page;
    this.#bytes += PAGE_BYTES;
    this.#list(page, number);
    return number;
  }

  #list(page: Page, number: number): void {
    page.isListed = true;
    this.#withRoom[page.sizeNumber]!.push(number);
  }

  #giveUp(number: number): void {
    const { isListed, sizeNumber } = this.#pages[number]!;
    if (isListed) {
      const listed = this.#withRoom[sizeNumber]!;
      // The last page of a size stays, or a store of one key would make and drop it all the time.
      if (listed.length === 1) return;
      listed.splice(listed.indexOf(number), 1);
    }
    this.#bytes -= PAGE_BYTES;
    this.#pages[number] = null;
    this.#freeNumbers.push(number);
  }
}

/** Four bytes as an integer that compares as they do; what is not before `end` counts as zero. */
export function bigEndianWord(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) {
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) |
      bytes[at + 3]!) >>> 0;
  }
  let word = 0;
  for (let i = at; i < at + 4; i += 1) word = (word << 8) | (i < end ? bytes[i]! : 0);
  return word >>> 0;
}

function makePage(bytes: number, sizeNumber: number): Page {
  const buffer = new ArrayBuffer(bytes);
  return {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    numbers: new Float64Array(buffer),
    sizeNumber,
    used: 0,
    freshAt: 0,
    freePlace: NO_PLACE,
    isListed: false,
  };
}

function align4(bytes: number): number {
  return (bytes + 3) & ~3;
}

function wordOf(id: EntryId): number {
  return id >>> PLACE_BITS < PAGES_MAX ? (id & PLACE_MASK) << 2 : 0;
}

function sizeNumberOf(size: number): number {
  return SIZE_NUMBERS[(size + UNIT_BYTES - 1) >>> 4]!;
}

function slotSizes(): number[] {
  const sizes: number[] = [];
  for (let size = HEADER_BYTES + UNIT_BYTES; size <= FINE_BYTES_MAX; size += UNIT_BYTES) {
    sizes.push(size);
  }
  while (sizes.at(-1)! < SLOT_BYTES_MAX) {
    const size = Math.ceil((sizes.at(-1)! * 9) / 8 / UNIT_BYTES) * UNIT_BYTES;
    sizes.push(Math.min(size, SLOT_BYTES_MAX));
  }
  return sizes;
}

function sizeNumbers(): Uint8Array {
  const numbers = new Uint8Array(SLOT_BYTES_MAX / UNIT_BYTES + 1);
  let number = 0;
  for (let units = 0; units < numbers.length; units += 1) {
    while (SLOT_SIZES[number]! < units * UNIT_BYTES) number += 1;
    numbers[units] = number;
  }
  return numbers;
}

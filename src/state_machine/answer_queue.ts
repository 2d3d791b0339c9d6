/**
 * The remembered answers in the order in which they came, oldest first: a queue that grows and
 * shrinks by pages and keeps no object for an answer.
 *
 * A page has typed arrays with one place for each answer and one buffer with the bytes of all its
 * answers. Pages are only appended to: a place that was written never changes. So a view of the
 * queue (for a snapshot) is a list of its pages and two positions, costs nothing to take, and does
 * not see what comes later; a page that a view may hold is not used again.
 *
 * A position is `page number * PAGE_ANSWERS + place`, modulo 2^32; far fewer than 2^20 pages exist
 * at one time, so no two answers in the queue have the same one.
 *
 * @module
 */
import { assert, AssertionError } from "../assert.ts";
import type { Index, LogTimeMs, Term } from "../types.ts";
import { finishHash, hashBytes, hashInteger } from "./content_hash.ts";

const PAGE_BITS = 12;
/** The places of a page. */
export const PAGE_ANSWERS = 1 << PAGE_BITS;
const PLACE_MASK = PAGE_ANSWERS - 1;

/** A page with more bytes of answers than this takes no more of them. */
const PAGE_BYTES_FULL = 256 * 1024;
const PAGE_BYTES_INITIAL = 4 * 1024;

/** How many emptied pages are kept for reuse. */
const SPARE_PAGES_MAX = 2;

/** Answers that came one after the other. */
export class AnswerPage {
  /** 16 bytes for each answer. */
  readonly ids: Uint8Array = new Uint8Array(16 * PAGE_ANSWERS);
  /** The hash of each id, so that dropping an answer need not compute it again. */
  readonly hashes: Int32Array = new Int32Array(PAGE_ANSWERS);
  /** What each answer adds to the hash of the queue. */
  readonly contentHashes: Int32Array = new Int32Array(PAGE_ANSWERS);
  /** See {@linkcode RememberedAnswer.sinceMs}. */
  readonly sinceMs: Float64Array = new Float64Array(PAGE_ANSWERS);
  readonly indexes: Float64Array = new Float64Array(PAGE_ANSWERS);
  readonly terms: Float64Array = new Float64Array(PAGE_ANSWERS);
  /** Where the bytes of an answer end in `bytes`; they start where those before them end. */
  readonly ends: Uint32Array = new Uint32Array(PAGE_ANSWERS);
  /** 1 where the answer was too large to be kept. */
  readonly forgotten: Uint8Array = new Uint8Array(PAGE_ANSWERS);
  /** The bytes of the answers. A larger buffer replaces it when it is full. */
  bytes: Uint8Array = new Uint8Array(PAGE_BYTES_INITIAL);
  count = 0;
  /** Whether a view may hold this page. */
  shared = false;

  /** Where the bytes of the answer at `place` start. */
  start(place: number): number {
    return place === 0 ? 0 : this.ends[place - 1]!;
  }

  /** The id at `place`: a view. */
  id(place: number): Uint8Array {
    return this.ids.subarray(16 * place, 16 * place + 16);
  }

  /** The bytes of the answer at `place`: a view. */
  answer(place: number): Uint8Array {
    return this.bytes.subarray(this.start(place), this.ends[place]!);
  }

  /** Makes room for `length` more bytes and returns where they go. */
  reserve(length: number): number {
    const start = this.start(this.count);
    if (start + length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.bytes.length, start + length));
      larger.set(this.bytes.subarray(0, start));
      this.bytes = larger;
    }
    return start;
  }
}

/** What is remembered beside the id and the bytes of the answer. */
export interface RememberedAnswer {
  /** The hash of the id. */
  readonly hash: number;
  readonly index: Index;
  readonly term: Term;
  /** The log time at issue of an id that has one; else the log time at which it was applied. */
  readonly sinceMs: LogTimeMs;
}

/** The queue as it was at one moment. */
export interface AnswerQueueView {
  readonly count: number;
  readonly pages: readonly AnswerPage[];
  /** How many places of each page were in use. */
  readonly pageCounts: readonly number[];
  /** The place of the oldest answer in the first page. */
  readonly firstPlace: number;
}

/** See the comment of this module. */
export class AnswerQueue {
  #pages: AnswerPage[] = [new AnswerPage()];
  readonly #spares: AnswerPage[] = [];
  #firstPageNumber = 0;
  #firstPlace = 0;
  #count = 0;
  #answerBytes = 0;
  #contentHash = 0;

  /** The hash of all answers with what is remembered of them (content_hash.ts). */
  get contentHash(): number {
    return this.#contentHash;
  }

  /** How many answers there are. */
  get count(): number {
    return this.#count;
  }

  /** The bytes of all answers. */
  get answerBytes(): number {
    return this.#answerBytes;
  }

  /** The position of the oldest answer; there must be one. */
  get head(): number {
    assert(this.#count > 0, "the queue of answers is empty");
    return ((this.#firstPageNumber << PAGE_BITS) | this.#firstPlace) >>> 0;
  }

  /** The page of a position in the queue; its place is {@linkcode placeOf}. */
  pageAt(position: number): AnswerPage {
    const number = position >>> PAGE_BITS;
    const first = this.#firstPageNumber & (0xffffffff >>> PAGE_BITS);
    const page = this.#pages[(number - first) & (0xffffffff >>> PAGE_BITS)];
    if (page === undefined) {
      throw new AssertionError(`Position ${position} is not in the queue of answers`);
    }
    return page;
  }

  /**
   * Appends an answer.
   *
   * @param id Bytes that hold the id at `offset`.
   * @param options What is remembered, and the bytes of the answer, or null to keep none.
   * @returns The position.
   */
  push(
    id: Uint8Array,
    options: RememberedAnswer & { readonly answer: Uint8Array | null },
    offset = 0,
  ): number {
    const page = this.#pageForPush();
    const place = page.count;
    const answer = options.answer;
    const length = answer === null ? 0 : answer.length;
    const start = page.reserve(length);
    if (answer !== null) copyBytes(answer, page.bytes, start);
    const ids = page.ids;
    const idStart = place * 16;
    for (let i = 0; i < 16; i += 1) ids[idStart + i] = id[offset + i]!;
    page.hashes[place] = options.hash;
    page.sinceMs[place] = options.sinceMs;
    page.indexes[place] = options.index;
    page.terms[place] = options.term;
    page.ends[place] = start + length;
    page.forgotten[place] = answer === null ? 1 : 0;
    const contentHash = page.contentHashes[place] = hashOf(options);
    this.#contentHash = (this.#contentHash + contentHash) | 0;
    page.count = place + 1;
    this.#count += 1;
    this.#answerBytes += length;
    const number = this.#firstPageNumber + this.#pages.length - 1;
    return ((number << PAGE_BITS) | place) >>> 0;
  }

  /** Removes the oldest answer; what was read of it before stays valid until the next push. */
  shift(): void {
    assert(this.#count > 0, "the queue of answers is empty");
    const page = this.#pages[0]!;
    const place = this.#firstPlace;
    this.#answerBytes -= page.ends[place]! - page.start(place);
    this.#contentHash = (this.#contentHash - page.contentHashes[place]!) | 0;
    this.#count -= 1;
    this.#firstPlace = place + 1;
    if (this.#firstPlace === page.count && this.#pages.length > 1) this.#releaseFirstPage();
  }

  /** The queue as it is now; what comes later does not change the view. */
  view(): AnswerQueueView {
    for (const page of this.#pages) page.shared = true;
    return {
      count: this.#count,
      pages: this.#pages.slice(),
      pageCounts: this.#pages.map((page) => page.count),
      firstPlace: this.#firstPlace,
    };
  }

  #pageForPush(): AnswerPage {
    const last = this.#pages[this.#pages.length - 1]!;
    if (last.count < PAGE_ANSWERS && last.start(last.count) <= PAGE_BYTES_FULL) return last;
    const page = this.#spares.pop() ?? new AnswerPage();
    this.#pages.push(page);
    // The last page stays even when it is empty, so that shift need not make one.
    if (this.#firstPlace === this.#pages[0]!.count) this.#releaseFirstPage();
    return page;
  }

  #releaseFirstPage(): void {
    const page = this.#pages.shift()!;
    this.#firstPageNumber = (this.#firstPageNumber + 1) & (0xffffffff >>> PAGE_BITS);
    this.#firstPlace = 0;
    const reusable = !page.shared && page.bytes.length <= 2 * PAGE_BYTES_FULL;
    if (!reusable || this.#spares.length === SPARE_PAGES_MAX) return;
    page.count = 0;
    this.#spares.push(page);
  }
}

/** The place in its page of the answer at a position. */
export function placeOf(position: number): number {
  return position & PLACE_MASK;
}

function hashOf(options: RememberedAnswer & { readonly answer: Uint8Array | null }): number {
  const { hash: idHash, index, term, sinceMs, answer } = options;
  let hash = hashInteger(idHash, index);
  hash = hashInteger(hash, term);
  hash = hashInteger(hash, sinceMs);
  return finishHash(answer === null ? hash : hashBytes(hash, answer));
}

/** Copies a few bytes without the cost of a call into the engine, many bytes with it. */
function copyBytes(from: Uint8Array, to: Uint8Array, start: number): void {
  if (from.length > 64) {
    to.set(from, start);
    return;
  }
  for (let i = 0; i < from.length; i += 1) to[start + i] = from[i]!;
}

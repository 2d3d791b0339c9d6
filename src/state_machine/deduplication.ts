/**
 * The replicated table of answers: a command that comes again (a client repeats it when an answer
 * was lost) is not applied again, it gets its first answer.
 *
 * Every replica feeds the table the same commands in the same order with the same log times, and so
 * all tables decide alike; there is no clock and no randomness here. The rules, in this order:
 *
 * 1. *Past* is an answer whose time (at issue for an id that carries one, at apply for one that a
 *    user chose) is more than the window ago. Each command first drops the oldest answers that are
 *    past, a few at most, so that no command pays for a long silence.
 * 2. An id in the table is a duplicate; only a chosen id that is past counts as new.
 * 3. An id from further in the future than the window is invalid.
 * 4. An id that carries a time before the window, or not above the *floor*, is expired: it may
 *    have been applied and forgotten. The floor is the largest time of any id that was dropped
 *    before it was past. So an id that carries a time is never applied twice, whatever is
 *    forgotten.
 * 5. All else is new. After it is applied, the oldest answers are dropped until the rest keeps the
 *    bounds on their number and bytes.
 *
 * Two kinds of answers would do harm if rule 5 dropped them: one with a time that is still to come
 * (a client whose estimate ran ahead while no leader advanced log time; it would lift the floor
 * over the ids of everybody else), and a chosen id within its window (it has no time that rule 4
 * could refuse). They are *carried*: put at the end of the queue again. Each new command allows for
 * two carries and unused ones are saved up to a limit, so the work for a command stays bounded and
 * a flood of such ids cannot take over more than two thirds of the table.
 *
 * @module
 */
import { assert } from "../assert.ts";
import {
  REQUEST_ANSWER_BYTES_MAX,
  REQUEST_ANSWER_KEPT_BYTES_MAX,
  REQUEST_IDS_MAX,
  REQUEST_WINDOW_MS,
} from "../limits.ts";
import type { Index, LogTimeMs, Term } from "../types.ts";
import { HASH_SEED, hashInteger } from "./content_hash.ts";
import { AnswerQueue, type AnswerQueueView, placeOf } from "./answer_queue.ts";
import { requestIssueTimeMs } from "./request_id.ts";
import { hashRequestId, RequestIdIndex } from "./request_id_index.ts";

/** How many answers that are past one command drops at most. */
export const DROPS_PER_COMMAND_MAX = 16;

/** How many carries each new command adds to those that are allowed. */
export const CARRIES_PER_COMMAND = 2;

/** How many allowed carries are saved up. */
export const CARRIES_SAVED_MAX = 4096;

/** The bounds of the table. All replicas must have the same. */
export interface DeduplicationLimits {
  /** The most ids; {@linkcode REQUEST_IDS_MAX} unless told otherwise. */
  readonly idsMax: number;
  /** The most bytes of answers. */
  readonly answerBytesMax: number;
  /** The longest answer whose bytes are kept. */
  readonly answerKeptBytesMax: number;
  /** How long an answer is kept where the bounds allow it, in log time. */
  readonly windowMs: number;
}

/** The bounds of a cluster. */
export const DEDUPLICATION_LIMITS: DeduplicationLimits = {
  idsMax: REQUEST_IDS_MAX,
  answerBytesMax: REQUEST_ANSWER_BYTES_MAX,
  answerKeptBytesMax: REQUEST_ANSWER_KEPT_BYTES_MAX,
  windowMs: REQUEST_WINDOW_MS,
};

/** What is to be done with a command; see the rules above. */
export type Admission = "new" | "duplicate" | "expired" | "invalid";

/** What a command was answered when it was applied. */
export interface FirstAnswer {
  readonly index: Index;
  readonly term: Term;
  /** A copy of the answer, or null where it was too large to be kept. */
  readonly result: Uint8Array | null;
}

/** The numbers of the table that are not in its queue. */
export interface DeduplicationCounters {
  /** The largest log time seen. */
  readonly nowMs: LogTimeMs;
  readonly floorMs: LogTimeMs;
  readonly carriesSaved: number;
}

/** The table as it was at one moment. */
export interface DeduplicationView extends DeduplicationCounters {
  readonly queue: AnswerQueueView;
}

/** See the comment of this module. */
export class Deduplication {
  readonly limits: DeduplicationLimits;
  readonly #queue = new AnswerQueue();
  readonly #index: RequestIdIndex;
  #nowMs: LogTimeMs = 0;
  #floorMs: LogTimeMs = 0;
  #carriesSaved = 0;
  /** The hash and the time of the id that was admitted last. */
  #hash = 0;
  #issueTimeMs: LogTimeMs = 0;
  /** The position of the answer if the id that was admitted last is a duplicate. */
  #duplicateAt = 0;

  /** Creates an empty table. */
  constructor(limits: DeduplicationLimits = DEDUPLICATION_LIMITS) {
    assert(limits.idsMax > 0, () => `the table has room for ${limits.idsMax} ids`);
    this.limits = limits;
    this.#index = new RequestIdIndex(limits.idsMax + 1);
  }

  /** How many answers are remembered. */
  get count(): number {
    return this.#queue.count;
  }

  /** A hash of everything that the table remembers (content_hash.ts). */
  get hash(): number {
    let hash = hashInteger(HASH_SEED, this.#nowMs);
    hash = hashInteger(hash, this.#floorMs);
    hash = hashInteger(hash, this.#carriesSaved);
    hash = hashInteger(hash, this.#queue.count);
    return hashInteger(hash, this.#queue.contentHash);
  }

  /** The bytes of the answers that are remembered. */
  get answerBytes(): number {
    return this.#queue.answerBytes;
  }

  /**
   * Decides on the command of the next entry. Where it is new, apply it and call
   * {@linkcode remember}; where it is a duplicate, {@linkcode firstAnswer} tells what to answer.
   *
   * @param id Bytes that hold the id of the command at `offset`.
   * @param logTimeMs The log time of the entry.
   */
  admit(id: Uint8Array, logTimeMs: LogTimeMs, offset = 0): Admission {
    const nowMs = this.#nowMs = Math.max(this.#nowMs, logTimeMs);
    this.#dropPast();
    const issueTimeMs = this.#issueTimeMs = requestIssueTimeMs(id, offset);
    const hash = this.#hash = hashRequestId(id, offset);
    const place = this.#find(id, hash, offset);
    if (place >= 0) {
      const position = this.#index.positionAt(place);
      if (issueTimeMs !== 0 || !this.#isPast(position)) {
        this.#duplicateAt = position;
        return "duplicate";
      }
      // Its answer waits in the queue to be dropped; nothing points there any more.
      this.#index.remove(place);
      return "new";
    }
    if (issueTimeMs === 0) return "new";
    if (issueTimeMs > nowMs + this.limits.windowMs) return "invalid";
    if (issueTimeMs < nowMs - this.limits.windowMs) return "expired";
    return issueTimeMs <= this.#floorMs ? "expired" : "new";
  }

  /**
   * Remembers the answer of the command that was admitted as new by the call before.
   *
   * @param id Bytes that hold its id at `offset`.
   * @param answer Where it stands in the log, and what it was answered.
   */
  remember(
    id: Uint8Array,
    answer: { readonly index: Index; readonly term: Term; readonly result: Uint8Array },
    offset = 0,
  ): void {
    const { index, term, result } = answer;
    const sinceMs = this.#issueTimeMs === 0 ? this.#nowMs : this.#issueTimeMs;
    const kept = result.length <= this.limits.answerKeptBytesMax ? result : null;
    const hash = this.#hash;
    const remembered = { hash, index, term, sinceMs, answer: kept };
    this.#index.add(hash, this.#queue.push(id, remembered, offset));
    if (this.#carriesSaved < CARRIES_SAVED_MAX) this.#carriesSaved += CARRIES_PER_COMMAND;
    while (
      this.#queue.count > this.limits.idsMax ||
      (this.#queue.answerBytes > this.limits.answerBytesMax && this.#queue.count > 1)
    ) {
      this.#dropForBounds();
    }
  }

  /** What the command that was admitted as a duplicate by the call before was answered. */
  firstAnswer(): FirstAnswer {
    const page = this.#queue.pageAt(this.#duplicateAt);
    const place = placeOf(this.#duplicateAt);
    return {
      index: page.indexes[place]!,
      term: page.terms[place]!,
      result: page.forgotten[place] === 1 ? null : page.answer(place).slice(),
    };
  }

  /** The table as it is now; what comes later does not change the view. */
  view(): DeduplicationView {
    return {
      nowMs: this.#nowMs,
      floorMs: this.#floorMs,
      carriesSaved: this.#carriesSaved,
      queue: this.#queue.view(),
    };
  }

  /** Sets the counters of a table that is being restored from a snapshot. */
  restoreCounters(counters: DeduplicationCounters): void {
    assert(this.#queue.count === 0, () => `the table holds ${this.#queue.count} answers already`);
    this.#nowMs = counters.nowMs;
    this.#floorMs = counters.floorMs;
    this.#carriesSaved = counters.carriesSaved;
  }

  /** Appends an answer to a table that is being restored, oldest first. */
  restoreAnswer(
    id: Uint8Array,
    answer: FirstAnswer & { readonly sinceMs: LogTimeMs },
  ): void {
    assert(this.#queue.count < this.limits.idsMax, () => `the table is full: ${this.#queue.count}`);
    const { index, term, sinceMs, result } = answer;
    const hash = hashRequestId(id, 0);
    // Only a chosen id can be there twice: it came again when it was past. The later one counts.
    const place = this.#find(id, hash);
    if (place >= 0) this.#index.remove(place);
    this.#index.add(hash, this.#queue.push(id, { hash, index, term, sinceMs, answer: result }));
  }

  #find(id: Uint8Array, hash: number, offset = 0): number {
    let place = this.#index.first(hash);
    while (place >= 0 && !this.#isIdAt(this.#index.positionAt(place), id, offset)) {
      place = this.#index.next(place, hash);
    }
    return place;
  }

  #isIdAt(position: number, id: Uint8Array, offset: number): boolean {
    const ids = this.#queue.pageAt(position).ids;
    const start = placeOf(position) * 16;
    for (let i = 0; i < 16; i += 1) {
      if (ids[start + i] !== id[offset + i]) return false;
    }
    return true;
  }

  #isPast(position: number): boolean {
    const sinceMs = this.#queue.pageAt(position).sinceMs[placeOf(position)]!;
    return sinceMs < this.#nowMs - this.limits.windowMs;
  }

  #dropPast(): void {
    for (let i = 0; i < DROPS_PER_COMMAND_MAX; i += 1) {
      if (this.#queue.count === 0 || !this.#isPast(this.#queue.head)) return;
      this.#forgetHead();
    }
  }

  /** Carries the oldest answer, or drops it and lifts the floor. */
  #dropForBounds(): void {
    const position = this.#queue.head;
    const page = this.#queue.pageAt(position);
    const place = placeOf(position);
    const sinceMs = page.sinceMs[place]!;
    const isChosen = requestIssueTimeMs(page.ids, 16 * place) === 0;
    const isCarried = isChosen ? !this.#isPast(position) : sinceMs > this.#nowMs;
    if (isCarried && this.#carriesSaved > 0) {
      this.#carriesSaved -= 1;
      this.#carryHead(position);
      return;
    }
    if (!isChosen) this.#floorMs = Math.max(this.#floorMs, sinceMs);
    this.#forgetHead();
  }

  #carryHead(position: number): void {
    const page = this.#queue.pageAt(position);
    const place = placeOf(position);
    const hash = page.hashes[place]!;
    const indexPlace = this.#index.placeOf(hash, position);
    assert(indexPlace >= 0, "an answer is carried and not in the index");
    const moved = this.#queue.push(page.id(place), {
      hash,
      index: page.indexes[place]!,
      term: page.terms[place]!,
      sinceMs: page.sinceMs[place]!,
      answer: page.forgotten[place] === 1 ? null : page.answer(place),
    });
    this.#index.move(indexPlace, moved);
    this.#queue.shift();
  }

  /** Removes the oldest answer. A chosen id that came again when it was past is found no more. */
  #forgetHead(): void {
    const position = this.#queue.head;
    const hash = this.#queue.pageAt(position).hashes[placeOf(position)]!;
    const indexPlace = this.#index.placeOf(hash, position);
    if (indexPlace >= 0) this.#index.remove(indexPlace);
    this.#queue.shift();
  }
}

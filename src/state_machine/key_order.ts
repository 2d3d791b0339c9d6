/**
 * The order of the keys: sorted runs of ids (key_run.ts), as in a log-structured merge tree.
 *
 * A new key waits among a few thousand others that are in no order. When they are enough they are
 * sorted into a run; two runs of about the same length are merged into one of twice that. So a key
 * is moved once for each doubling of their number, always in a row with its neighbors: a tenth of
 * what it costs to find its place in a tree of a million keys.
 *
 * Merging goes on a little with each run that comes, at every length at once: no command pays for
 * a merge of millions. Whoever reads in order merges the runs as it goes.
 *
 * A key that is removed is marked, and dropped with the next merge of its run; where more than half
 * are marked, runs are merged with nothing, to be rid of them.
 *
 * @module
 */
import { type EntryId, type EntryPages, NO_ENTRY } from "./entry_pages.ts";
import { compareAt, EMPTY_RUN, type KeyRun, placeInRun, RunMerge, sortedRun } from "./key_run.ts";

/** How many keys wait to be sorted at most. */
const UNSORTED_MAX = 4096;
/** So few that a reader sorts them for itself. */
const UNSORTED_FEW = 64;
/** How many entries are merged at each level with each run that comes: it brings half of them. */
const STEP = 2 * UNSORTED_MAX;

/** Runs of about one length. */
interface Level {
  /** Complete ones, oldest first. */
  runs: KeyRun[];
  /** What makes one of the first two, or rids the first of removed entries. */
  merge: RunMerge | null;
  /** How many runs `merge` takes. */
  merging: number;
}

/** See the comment of this module. */
export class KeyOrder {
  readonly #pages: EntryPages;
  /** Runs of 2^n times UNSORTED_MAX keys or so. */
  readonly #levels: Level[] = [];
  /** Keys that were sorted early, for a reader; fewer than UNSORTED_MAX with those that wait. */
  #young: KeyRun = EMPTY_RUN;
  #unsorted: EntryId[] = [];
  /** The entries that have a place, removed ones included, and how many were removed. */
  #count = 0;
  #deadCount = 0;
  #removedSinceWork = 0;

  /** Creates the order of the entries in `pages`: there are none. */
  constructor(pages: EntryPages) {
    this.#pages = pages;
  }

  /** Takes a new entry. */
  add(id: EntryId): void {
    this.#unsorted.push(id);
    this.#count += 1;
    if (this.#unsorted.length + this.#young.count < UNSORTED_MAX) return;
    this.#sort();
    // Most may have been removed meanwhile.
    if (this.#young.count >= UNSORTED_MAX / 2) {
      this.#addRun(0, this.#young);
      this.#young = EMPTY_RUN;
    }
    this.#work();
  }

  /** Marks an entry as removed; its room is given back when no run has it any more. */
  remove(id: EntryId): void {
    this.#pages.markDead(id);
    this.#deadCount += 1;
    this.#removedSinceWork += 1;
    if (this.#removedSinceWork >= UNSORTED_MAX) this.#work();
  }

  /** All runs as they are now; together they hold every entry, and some that were removed. */
  runs(): KeyRun[] {
    if (this.#unsorted.length > UNSORTED_FEW) this.#sort();
    const last = sortedRun(this.#pages, this.#unsorted);
    return [...this.#levels.flatMap(({ runs }) => runs), this.#young, last];
  }

  /** Sorts what waits. */
  #sort(): void {
    const sorted = sortedRun(this.#pages, this.#unsorted);
    this.#unsorted = [];
    const merge = new RunMerge(this.#pages, this.#young, sorted);
    merge.step(Infinity, this.#deadCount > 0);
    this.#young = merge.take();
    this.#drop(merge.dropped);
  }

  #drop(ids: readonly EntryId[]): void {
    for (const id of ids) this.#pages.release(id);
    this.#count -= ids.length;
    this.#deadCount -= ids.length;
  }

  #addRun(level: number, run: KeyRun): void {
    while (this.#levels.length <= level) {
      this.#levels.push({ runs: [], merge: null, merging: 0 });
    }
    if (run.count > 0) this.#levels[level]!.runs.push(run);
  }

  /** Goes on with every merge, and begins those that are due. */
  #work(): void {
    this.#removedSinceWork = 0;
    const isHalfDead = 2 * this.#deadCount > this.#count;
    for (let at = 0; at < this.#levels.length; at += 1) {
      const level = this.#levels[at]!;
      if (level.merge === null) this.#begin(level, isHalfDead);
      if (level.merge === null) continue;
      level.merge.step(STEP, this.#deadCount > 0);
      if (level.merge.isDone) this.#complete(at);
    }
  }

  #begin(level: Level, isHalfDead: boolean): void {
    const [first, second] = level.runs;
    if (first === undefined || (second === undefined && !isHalfDead)) return;
    level.merging = second === undefined ? 1 : 2;
    level.merge = new RunMerge(this.#pages, first, second ?? EMPTY_RUN);
  }

  #complete(at: number): void {
    const level = this.#levels[at]!;
    const merge = level.merge!;
    const run = merge.take();
    level.runs.splice(0, level.merging);
    level.merge = null;
    this.#addRun(run.count > UNSORTED_MAX * 2 ** at ? at + 1 : at, run);
    this.#drop(merge.dropped);
  }
}

/** Walks through runs in the order of the keys; removed entries included. */
export class KeyCursor {
  readonly #pages: EntryPages;
  readonly #runs: KeyRun[];
  readonly #places: number[];

  /** Starts at the first key that is not before `from`. */
  constructor(pages: EntryPages, runs: readonly KeyRun[], from: Uint8Array) {
    this.#pages = pages;
    this.#runs = runs.filter(({ count }) => count > 0);
    this.#places = this.#runs.map((run) => placeInRun(pages, run, from));
  }

  /** The next entry, or none. */
  next(): EntryId {
    let best = -1;
    for (let at = 0; at < this.#runs.length; at += 1) {
      const run = this.#runs[at]!;
      const place = this.#places[at]!;
      if (place === run.count) continue;
      const isFirst = best < 0 ||
        compareAt(this.#pages, run, place, this.#runs[best]!, this.#places[best]!) < 0;
      if (isFirst) best = at;
    }
    if (best < 0) return NO_ENTRY;
    const id = this.#runs[best]!.ids[this.#places[best]!]!;
    this.#places[best]! += 1;
    return id;
  }
}

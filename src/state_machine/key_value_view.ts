/**
 * The entries of the key-value store as they were at one moment, while later commands change them.
 *
 * A view has the runs of ids of that moment, which never change, and keeps copies of the entries
 * that are about to be changed or removed. While it is drawn no room of an entry is used again.
 *
 * @module
 */
import type { Index } from "../types.ts";
import { type EntryId, type EntryPages, NO_ENTRY } from "./entry_pages.ts";
import { KeyCursor } from "./key_order.ts";
import type { KeyRun } from "./key_run.ts";
import type { KeyAttachment } from "./key_value_leases.ts";

/** A key and what it holds; valid until the table changes. */
export interface KeyValueEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The index that created it. */
  readonly createRevision: Index;
  /** The index that wrote it last. */
  readonly revision: Index;
  /** How often it was written since it was created, from 1 on. */
  readonly version: number;
  /** What expires it, for whoever looks after that; null where nothing does. */
  readonly attachment: KeyAttachment | null;
}

/** What a view is of. */
export interface KeyValueViewOptions {
  readonly pages: EntryPages;
  readonly attachments: ReadonlyMap<EntryId, KeyAttachment>;
  readonly runs: readonly KeyRun[];
  /** How many entries there are. */
  readonly count: number;
  readonly generation: number;
  /** Called once, when nobody draws it any more. */
  readonly ended: (view: KeyValueView) => void;
}

const FIRST_KEY = new Uint8Array(0);

/** See the comment of this module. */
export class KeyValueView {
  /** How many entries there are. */
  readonly count: number;
  /** Entries that were written last in this generation, or before, are as they were. */
  readonly generation: number;
  readonly #options: KeyValueViewOptions;
  readonly #cursor: KeyCursor;
  /** Copies of entries that were changed or removed before they were drawn. */
  readonly #kept = new Map<EntryId, KeyValueEntry>();
  #isOver = false;

  /** Begins; it is to be drawn to its end or closed. */
  constructor(options: KeyValueViewOptions) {
    this.#options = options;
    this.count = options.count;
    this.generation = options.generation;
    this.#cursor = new KeyCursor(options.pages, options.runs, FIRST_KEY);
    options.pages.hold();
  }

  /** The next entry, ascending by key, valid until the table changes; null at the end. */
  next(): KeyValueEntry | null {
    if (this.#isOver) return null;
    const { pages, attachments } = this.#options;
    for (let id = this.#cursor.next(); id !== NO_ENTRY; id = this.#cursor.next()) {
      const kept = this.#kept.get(id);
      if (kept !== undefined) {
        this.#kept.delete(id);
        return kept;
      }
      const isAsItWas = !pages.isDead(id) && pages.generation(id) <= this.generation;
      if (isAsItWas) return readEntry(pages, attachments, id);
    }
    this.close();
    return null;
  }

  /** Keeps an entry of this view that is about to be changed. */
  keep(id: EntryId): void {
    const { pages, attachments } = this.#options;
    const entry = readEntry(pages, attachments, id);
    this.#kept.set(id, { ...entry, key: entry.key.slice(), value: entry.value.slice() });
  }

  /** Ends it early. */
  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#kept.clear();
    this.#options.pages.letGo();
    this.#options.ended(this);
  }
}

/** What an entry holds: views of its key and value. */
export function readEntry(
  pages: EntryPages,
  attachments: ReadonlyMap<EntryId, KeyAttachment>,
  id: EntryId,
): KeyValueEntry {
  return {
    key: pages.key(id),
    value: pages.value(id),
    createRevision: pages.createRevision(id),
    revision: pages.revision(id),
    version: pages.version(id),
    attachment: pages.isAttached(id) ? attachments.get(id)! : null,
  };
}

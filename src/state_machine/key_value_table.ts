/**
 * The entries of the key-value store, kept twice: a hash map finds one by its key (the way of every
 * command), an ordered map walks them in order and makes cheap copies for snapshots. Both hold the
 * same entry objects.
 *
 * **Copy on write.** An entry is changed in place, its value buffer too where the length stays,
 * but only while no view can see it: each view starts a new generation, and an entry of an earlier
 * one is replaced instead. So nothing outside may keep an entry or its value beyond the call that
 * got it, except from a view.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import { endOfPrefix } from "./byte_string.ts";
import type { KeyAttachment } from "./key_value_leases.ts";
import { createOrderedMap, type OrderedMap } from "./ordered_map.ts";

/** A key and what it holds. */
export interface KeyValueEntry {
  /** The key as a byte string. */
  readonly key: string;
  /** Bytes of its own: never a view that would hold a batch of commands in memory. */
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

/** What a put writes. */
export interface KeyValueWrite {
  readonly value: Uint8Array;
  readonly revision: Index;
  readonly attachment: KeyAttachment | null;
}

interface OwnedEntry extends KeyValueEntry {
  value: Uint8Array;
  revision: Index;
  version: number;
  attachment: KeyAttachment | null;
  generation: number;
}

/** Entries in the order of their keys, as they were when the view was made. */
export interface KeyValueView {
  readonly count: number;
  readonly entries: Iterator<KeyValueEntry, void>;
}

const DELETE = { delete: true };

/** See the comment of this module. */
export class KeyValueTable {
  readonly #byKey = new Map<string, OwnedEntry>();
  #ordered: OrderedMap<OwnedEntry> = createOrderedMap();
  #generation = 0;

  /** How many keys there are. */
  get count(): number {
    return this.#byKey.size;
  }

  /** The entry of a key; valid until the table changes. */
  get(key: string): KeyValueEntry | undefined {
    return this.#byKey.get(key);
  }

  /** Sets a key to a copy of `value`. */
  put(key: string, write: KeyValueWrite): void {
    const { value, revision, attachment } = write;
    const entry = this.#byKey.get(key);
    if (entry === undefined) {
      this.#insert({
        key,
        value: value.slice(),
        createRevision: revision,
        revision,
        version: 1,
        attachment,
        generation: this.#generation,
      });
      return;
    }
    if (entry.generation !== this.#generation) {
      this.#insert({
        key: entry.key,
        value: value.slice(),
        createRevision: entry.createRevision,
        revision,
        version: entry.version + 1,
        attachment,
        generation: this.#generation,
      });
      return;
    }
    if (entry.value.length === value.length) entry.value.set(value);
    else entry.value = value.slice();
    entry.revision = revision;
    entry.version += 1;
    entry.attachment = attachment;
  }

  /** Adds an entry of a snapshot, with a copy of its value. */
  restore(entry: KeyValueEntry): void {
    this.#insert({ ...entry, value: entry.value.slice(), generation: this.#generation });
  }

  /** Removes a key and says whether it was there. */
  delete(key: string): boolean {
    if (!this.#byKey.delete(key)) return false;
    const wasThere = this.#ordered.delete(key);
    assert(wasThere, "a key is in the hash map and not in the ordered map");
    return true;
  }

  /**
   * Removes every key that starts with `prefix` and returns how many there were. `detached` is told
   * the attachments of those that had one, but for the empty prefix: all are gone then.
   */
  deletePrefix(prefix: string, detached: (attachment: KeyAttachment) => void): number {
    if (prefix === "") {
      const count = this.count;
      this.#byKey.clear();
      this.#ordered = createOrderedMap();
      return count;
    }
    return this.#ordered.editRange(prefix, endOfPrefix(prefix), false, (key, { attachment }) => {
      this.#byKey.delete(key);
      if (attachment !== null) detached(attachment);
      return DELETE;
    });
  }

  /** How many keys start with `prefix`. */
  countPrefix(prefix: string): number {
    return this.#ordered.forRange(prefix, endOfPrefix(prefix), false);
  }

  /**
   * Calls `visit` with the entries of the keys that start with `prefix`, ascending from `from` on,
   * until it returns false.
   */
  visitPrefix(
    prefix: string,
    options: { readonly from: string; readonly visit: (entry: KeyValueEntry) => boolean },
  ): void {
    const low = options.from > prefix ? options.from : prefix;
    const { visit } = options;
    this.#ordered.forRange(low, endOfPrefix(prefix), false, (_key, entry) => {
      if (!visit(entry)) return { break: true };
    });
  }

  /** All entries as they are now; what comes later does not change the view. */
  view(): KeyValueView {
    this.#generation += 1;
    const copy = this.#ordered.clone();
    const pairs = copy.entries();
    const entries: Iterator<KeyValueEntry, void> = {
      next: () => {
        const pair = pairs.next();
        if (pair.done === true) return { done: true, value: undefined };
        return { done: false, value: pair.value[1] };
      },
    };
    return { count: copy.size, entries };
  }

  #insert(entry: OwnedEntry): void {
    this.#byKey.set(entry.key, entry);
    this.#ordered.set(entry.key, entry);
  }
}

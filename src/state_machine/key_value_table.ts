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
import { finishHash, HASH_SEED, hashBytes, hashByteString, hashInteger } from "./content_hash.ts";
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
  /** The hash of the key, so that writing it again need not compute it again. */
  keyHash: number;
  /** What the entry adds to the hash of the table. */
  hash: number;
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
  #hash = 0;

  /** The hash of all entries with all that they hold (content_hash.ts). */
  get hash(): number {
    return this.#hash;
  }

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
    const generation = this.#generation;
    if (entry === undefined) {
      const createRevision = revision;
      this.#insert(
        { key, value: value.slice(), createRevision, revision, version: 1, attachment },
        hashByteString(HASH_SEED, key),
      );
      return;
    }
    this.#hash -= entry.hash;
    if (entry.generation !== generation) {
      const { createRevision, keyHash } = entry;
      const version = entry.version + 1;
      this.#insert(
        { key: entry.key, value: value.slice(), createRevision, revision, version, attachment },
        keyHash,
      );
      return;
    }
    if (entry.value.length === value.length) entry.value.set(value);
    else entry.value = value.slice();
    entry.revision = revision;
    entry.version += 1;
    entry.attachment = attachment;
    entry.hash = hashOf(entry, entry.keyHash);
    this.#hash = (this.#hash + entry.hash) | 0;
  }

  /** Adds an entry of a snapshot, with a copy of its value. */
  restore(entry: KeyValueEntry): void {
    const restored = { ...entry, value: entry.value.slice() };
    this.#insert(restored, hashByteString(HASH_SEED, entry.key));
  }

  /** Removes a key and says whether it was there. */
  delete(key: string): boolean {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return false;
    this.#byKey.delete(key);
    this.#hash = (this.#hash - entry.hash) | 0;
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
      this.#hash = 0;
      return count;
    }
    return this.#ordered.editRange(prefix, endOfPrefix(prefix), false, (key, entry) => {
      const { attachment, hash } = entry;
      this.#byKey.delete(key);
      this.#hash = (this.#hash - hash) | 0;
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

  /** Adds an entry, or puts it in the place of one whose hash was subtracted before. */
  #insert(fields: KeyValueEntry, keyHash: number): void {
    const { key, value, createRevision, revision, version, attachment } = fields;
    const hash = hashOf(fields, keyHash);
    const generation = this.#generation;
    const entry: OwnedEntry = {
      key,
      value,
      createRevision,
      revision,
      version,
      attachment,
      generation,
      keyHash,
      hash,
    };
    this.#byKey.set(key, entry);
    this.#ordered.set(key, entry);
    this.#hash = (this.#hash + hash) | 0;
  }
}

/** The hash of an entry whose key has the hash `keyHash`. */
function hashOf(entry: KeyValueEntry, keyHash: number): number {
  const { value, createRevision, revision, version, attachment } = entry;
  let hash = hashBytes(keyHash, value);
  hash = hashInteger(hash, createRevision);
  hash = hashInteger(hash, revision);
  hash = hashInteger(hash, version);
  if (attachment !== null) {
    hash = hashInteger(hashInteger(hash, attachment.leaseId), attachment.deadlineMs);
  }
  return finishHash(hash);
}

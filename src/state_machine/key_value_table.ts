/**
 * The entries of the key-value store: their bytes lie in pages (entry_pages.ts), an index finds one
 * by its key (key_index.ts, the way of every command), and the order of the keys is kept aside
 * (key_order.ts) for whoever walks through them.
 *
 * **Copy on write.** An entry is changed in place. Each view starts a new generation; an entry of
 * an earlier one that is changed or removed while a view is drawn is first copied for that view. So
 * nothing outside may keep an entry or its value beyond the call that got it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import type { PlainPut } from "../wire/kv_hot_codec.ts";
import { comesBefore } from "./byte_string.ts";
import { finishHash, HASH_SEED, hashInteger, hashKey } from "./content_hash.ts";
import { type EntryId, EntryPages, NO_ENTRY } from "./entry_pages.ts";
import { KeyIndex } from "./key_index.ts";
import { KeyCursor, KeyOrder } from "./key_order.ts";
import type { KeyAttachment } from "./key_value_leases.ts";
import { type KeyValueEntry, KeyValueView, readEntry } from "./key_value_view.ts";

export { type EntryId, type KeyValueEntry, type KeyValueView, NO_ENTRY };

/** What a put writes. */
export interface KeyValueWrite {
  /** What {@linkcode KeyValueTable.find} said of the key, which has not changed since. */
  readonly found: EntryId;
  readonly value: Uint8Array;
  readonly revision: Index;
  readonly attachment: KeyAttachment | null;
}

/** A value where it comes from. */
interface BytesOfValue {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** See the comment of this module. */
export class KeyValueTable {
  #pages = new EntryPages();
  #index = new KeyIndex(this.#pages);
  #order = new KeyOrder(this.#pages);
  /** Of the entries that have one: few, as a rule. */
  #attachments = new Map<EntryId, KeyAttachment>();
  /** Those that are drawn. */
  #views: KeyValueView[] = [];
  #generation = 0;
  #hash = 0;

  /** The hash of all entries with all that they hold (content_hash.ts). */
  get hash(): number {
    return this.#hash;
  }

  /** How many keys there are. */
  get count(): number {
    return this.#index.count;
  }

  /** The bytes of the pages that hold the entries. */
  get pageBytes(): number {
    return this.#pages.bytes;
  }

  /** The entry of a key, or none. */
  find(key: Uint8Array): EntryId {
    return this.#index.find(hashKey(HASH_SEED, key), key, 0, key.length);
  }

  /** What an entry holds. */
  entryOf(id: EntryId): KeyValueEntry {
    return readEntry(this.#pages, this.#attachments, id);
  }

  /** What expires an entry. */
  attachmentOf(id: EntryId): KeyAttachment | null {
    return this.#pages.isAttached(id) ? this.#attachments.get(id)! : null;
  }

  /** Sets a key to a copy of `value`. */
  put(key: Uint8Array, write: KeyValueWrite): void {
    const { found, value, revision, attachment } = write;
    if (found === NO_ENTRY) {
      const fields = { createRevision: revision, revision, version: 1, attachment };
      this.#insert(key, value, fields);
    } else this.#overwrite(found, { bytes: value, start: 0, end: value.length }, write);
  }

  /**
   * Sets a key to a value that lie in `bytes`, as {@linkcode KeyValueTable.put} does, without an
   * object for the way.
   *
   * @returns Whether the key was created; null, and nothing was done, where something expires it.
   */
  putPlain(bytes: Uint8Array, place: PlainPut, revision: Index): boolean | null {
    const { keyStart, keyEnd, valueStart, valueEnd } = place;
    const pages = this.#pages;
    const keyHash = hashKey(HASH_SEED, bytes, keyStart, keyEnd);
    const found = this.#index.find(keyHash, bytes, keyStart, keyEnd);
    if (found !== NO_ENTRY) {
      if (pages.isAttached(found)) return null;
      const value = { bytes, start: valueStart, end: valueEnd };
      this.#overwrite(found, value, { revision, attachment: null });
      return false;
    }
    const id = pages.allocate(keyEnd - keyStart, valueEnd - valueStart);
    pages.writeKey(id, keyHash, bytes, keyStart);
    const sum = pages.writeValue(id, bytes, valueStart, valueEnd);
    this.#write(id, sum, { createRevision: revision, revision, version: 1, attachment: null });
    this.#index.add(keyHash, id);
    this.#order.add(id);
    return true;
  }

  /** Adds an entry of a snapshot, with copies of key and value. */
  restore(entry: KeyValueEntry): void {
    this.#insert(entry.key, entry.value, entry);
  }

  /** Removes an entry. */
  delete(id: EntryId): void {
    if (this.#views.length > 0) this.#keepForViews(id);
    const pages = this.#pages;
    this.#hash = (this.#hash - pages.hash(id)) | 0;
    this.#index.remove(pages.keyHash(id), id);
    if (pages.isAttached(id)) this.#attachments.delete(id);
    this.#order.remove(id);
  }

  /**
   * Removes every key that starts with `prefix` and returns how many there were. `detached` is told
   * the attachments of those that had one, but for the empty prefix: all are gone then.
   */
  deletePrefix(prefix: Uint8Array, detached: (attachment: KeyAttachment) => void): number {
    const { count } = this;
    if (prefix.length === 0) {
      this.#clear();
      return count;
    }
    const ids: EntryId[] = [];
    this.#visit(prefix, prefix, (id) => ids.push(id) > 0);
    for (const id of ids) {
      const attachment = this.attachmentOf(id);
      this.delete(id);
      if (attachment !== null) detached(attachment);
    }
    assert(this.count === count - ids.length, () => `${this.count} of ${count} keys are left`);
    return ids.length;
  }

  /** How many keys start with `prefix`. */
  countPrefix(prefix: Uint8Array): number {
    if (prefix.length === 0) return this.count;
    let count = 0;
    this.#visit(prefix, prefix, () => (count += 1) > 0);
    return count;
  }

  /**
   * Calls `visit` with the entries of the keys that start with `prefix`, ascending from `from` on,
   * until it returns false.
   */
  visitPrefix(
    prefix: Uint8Array,
    options: {
      readonly from: Uint8Array;
      readonly visit: (entry: KeyValueEntry) => boolean;
    },
  ): void {
    const { from, visit } = options;
    const start = comesBefore(from, prefix) ? prefix : from;
    this.#visit(prefix, start, (id) => visit(this.entryOf(id)));
  }

  /** All entries as they are now; what comes later does not change the view. */
  view(): KeyValueView {
    const view = new KeyValueView({
      pages: this.#pages,
      attachments: this.#attachments,
      runs: this.#order.runs(),
      count: this.count,
      generation: this.#generation,
      ended: (view) => this.#views = this.#views.filter((other) => other !== view),
    });
    this.#generation += 1;
    this.#views.push(view);
    return view;
  }

  #overwrite(
    found: EntryId,
    value: BytesOfValue,
    { revision, attachment }: Pick<KeyValueEntry, "revision" | "attachment">,
  ): void {
    const pages = this.#pages;
    if (this.#views.length > 0) this.#keepForViews(found);
    const createRevision = pages.createRevision(found);
    const version = pages.version(found) + 1;
    this.#hash = (this.#hash - pages.hash(found)) | 0;
    const fields = { createRevision, revision, version, attachment };
    if (pages.fits(found, value.end - value.start)) {
      this.#write(found, pages.writeValue(found, value.bytes, value.start, value.end), fields);
    } else this.#move(found, value, fields);
  }

  #insert(
    key: Uint8Array,
    value: Uint8Array,
    fields: Pick<KeyValueEntry, "createRevision" | "revision" | "version" | "attachment">,
  ): void {
    const keyHash = hashKey(HASH_SEED, key);
    const id = this.#pages.allocate(key.length, value.length);
    this.#pages.writeKey(id, keyHash, key);
    this.#write(id, this.#pages.writeValue(id, value), fields);
    this.#index.add(keyHash, id);
    this.#order.add(id);
  }

  /** Writes a value where there is room for it. */
  #move(from: EntryId, value: BytesOfValue, fields: Omit<KeyValueEntry, "key" | "value">): void {
    const pages = this.#pages;
    const key = pages.key(from);
    const keyHash = pages.keyHash(from);
    const to = pages.allocate(key.length, value.end - value.start);
    pages.writeKey(to, keyHash, key);
    this.#attachments.delete(from);
    this.#write(to, pages.writeValue(to, value.bytes, value.start, value.end), fields);
    this.#index.replace(keyHash, { from, to });
    this.#order.remove(from);
    this.#order.add(to);
  }

  /**
   * Writes all but key and value of an entry whose hash was subtracted before, if it had one; `sum`
   * is the hash of those.
   */
  #write(
    id: EntryId,
    sum: number,
    fields: Pick<KeyValueEntry, "createRevision" | "revision" | "version" | "attachment">,
  ): void {
    const { createRevision, revision, version, attachment } = fields;
    const pages = this.#pages;
    const isAttached = attachment !== null;
    if (isAttached) this.#attachments.set(id, attachment);
    else if (this.#attachments.size > 0) this.#attachments.delete(id);
    const generation = this.#generation;
    pages.writeFields(id, { createRevision, revision, version, generation, isAttached });
    let hash = hashInteger(sum, createRevision);
    hash = hashInteger(hash, revision);
    hash = hashInteger(hash, version);
    if (isAttached) {
      hash = hashInteger(hashInteger(hash, attachment.leaseId), attachment.deadlineMs);
    }
    hash = finishHash(hash);
    pages.setHash(id, hash);
    this.#hash = (this.#hash + hash) | 0;
  }

  /** Views go on reading what there was. */
  #clear(): void {
    this.#pages = new EntryPages();
    this.#index = new KeyIndex(this.#pages);
    this.#order = new KeyOrder(this.#pages);
    this.#attachments = new Map();
    this.#views = [];
    this.#hash = 0;
  }

  #keepForViews(id: EntryId): void {
    const generation = this.#pages.generation(id);
    for (const view of this.#views) {
      if (generation <= view.generation) view.keep(id);
    }
  }

  /** Visits the entries whose keys start with `prefix`, from a key that does on. */
  #visit(prefix: Uint8Array, from: Uint8Array, visit: (id: EntryId) => boolean): void {
    const pages = this.#pages;
    const cursor = new KeyCursor(pages, this.#order.runs(), from);
    for (let id = cursor.next(); id !== NO_ENTRY; id = cursor.next()) {
      if (!pages.startsWith(id, prefix)) return;
      if (!pages.isDead(id) && !visit(id)) return;
    }
  }
}

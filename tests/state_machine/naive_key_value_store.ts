/**
 * The commands and queries of the key-value store on a plain `Map` with sorted arrays: what the
 * real store is compared with.
 */
import {
  KEY_BYTES_MAX,
  LIST_BYTES_MAX,
  LIST_ITEMS_MAX,
  VALUE_BYTES_MAX,
} from "../../src/limits.ts";
import type {
  KvCommand,
  KvCondition,
  KvItem,
  KvQuery,
  KvResult,
} from "../../src/wire/kv_messages.ts";

interface NaiveEntry {
  readonly key: number[];
  readonly value: number[];
  readonly createRevision: number;
  readonly revision: number;
  readonly version: number;
}

/** What all that is invalid is answered with: the texts are for people and not compared. */
export const INVALID: KvResult = { type: "invalid", message: "" };

function compareKeys(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function isValidKey({ length }: Uint8Array): boolean {
  return length >= 1 && length <= KEY_BYTES_MAX;
}

/** See the comment of this file. */
export class NaiveKeyValueStore {
  readonly #entries = new Map<string, NaiveEntry>();
  #revision = 0;

  apply(command: KvCommand, revision: number): KvResult {
    this.#revision = revision;
    if (command.type === "deletePrefix") {
      const found = this.#withPrefix(command.prefix);
      if (!command.dryRun) { for (const { key } of found) this.#entries.delete(key.join()); }
      return { type: "delete", revision, count: found.length };
    }
    if (!isValidKey(command.key)) return INVALID;
    const entry = this.#entries.get(command.key.join());
    if (command.type === "increment") return this.#increment(command, revision);
    if (command.type === "put" && command.value.length > VALUE_BYTES_MAX) return INVALID;
    if (!this.#holds(command.condition, entry)) {
      const current = entry ? item(entry) : null;
      return { type: "conditionFailed", revision: entry?.revision ?? 0, current };
    }
    if (command.type === "delete") {
      const count = this.#entries.delete(command.key.join()) ? 1 : 0;
      return { type: "delete", revision, count };
    }
    this.#put(command, revision);
    const previous = command.returnPrevious && entry ? item(entry) : null;
    return { type: "put", revision, created: entry === undefined, previous };
  }

  query(query: KvQuery): KvResult {
    if (query.type === "get") {
      if (!isValidKey(query.key)) return INVALID;
      const entry = this.#entries.get(query.key.join());
      const { revision = 0, createRevision = 0, version = 0, value = [] } = entry ?? {};
      const bytes = Uint8Array.from(value);
      return { type: "get", found: !!entry, revision, createRevision, version, value: bytes };
    }
    const after = [...query.after];
    const found = this.#withPrefix(query.prefix).filter(({ key }) => compareKeys(key, after) > 0);
    const items: KvItem[] = [];
    let bytes = 0;
    for (const entry of found) {
      bytes += entry.key.length + (query.withValues ? entry.value.length : 0);
      if (items.length === Math.min(query.limit || LIST_ITEMS_MAX, LIST_ITEMS_MAX)) break;
      if (bytes > LIST_BYTES_MAX && items.length > 0) break;
      const shown = query.withValues ? entry : { ...entry, value: [] };
      items.push({ ...item(shown), key: Uint8Array.from(entry.key) });
    }
    return { type: "list", revision: this.#revision, items, more: items.length < found.length };
  }

  #withPrefix(prefix: Uint8Array): NaiveEntry[] {
    return [...this.#entries.values()]
      .filter(({ key }) => prefix.every((byte, i) => key[i] === byte))
      .sort((a, b) => compareKeys(a.key, b.key));
  }

  #holds(condition: KvCondition, entry: NaiveEntry | undefined): boolean {
    if (condition.type === "revision") return (entry?.revision ?? 0) === condition.revision;
    if (condition.type === "value") return entry?.value.join() === condition.value.join();
    if (condition.type === "absent") return !entry;
    return condition.type === "none" || entry !== undefined;
  }

  #put({ key, value }: { key: Uint8Array; value: Uint8Array }, revision: number): void {
    const entry = this.#entries.get(key.join());
    const createRevision = entry?.createRevision ?? revision;
    const version = (entry?.version ?? 0) + 1;
    const written = { key: [...key], value: [...value], createRevision, revision, version };
    this.#entries.set(key.join(), written);
  }

  #increment({ key, amount }: { key: Uint8Array; amount: number }, revision: number): KvResult {
    const held = this.#entries.get(key.join())?.value ?? [0x30];
    const text = String.fromCharCode(...held);
    if (!/^-?\d+$/.test(text) || String(BigInt(text)) !== text) return INVALID;
    const sum = BigInt(text) + BigInt(amount);
    const max = BigInt(Number.MAX_SAFE_INTEGER);
    if (BigInt(text) > max || BigInt(text) < -max || sum > max || sum < -max) return INVALID;
    this.#put({ key, value: new TextEncoder().encode(String(sum)) }, revision);
    return { type: "increment", revision, value: Number(sum) };
  }
}

function item({ value, revision, createRevision, version }: NaiveEntry): KvItem {
  return {
    key: new Uint8Array(0),
    value: Uint8Array.from(value),
    revision,
    createRevision,
    version,
  };
}

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
import { TTL_MS_MAX } from "../../src/limits.ts";
import type {
  KvCommand,
  KvCondition,
  KvItem,
  KvLease,
  KvLeaseChange,
  KvLeaseGrant,
  KvPut,
  KvQuery,
  KvResult,
} from "../../src/wire/kv_messages.ts";

interface NaiveEntry {
  readonly key: number[];
  readonly value: number[];
  readonly createRevision: number;
  readonly revision: number;
  readonly version: number;
  /** The lease that it belongs to, and the deadline of its own; 0 for none. */
  readonly leaseId: number;
  readonly deadlineMs: number;
}

interface NaiveLease {
  readonly id: number;
  readonly ttlMs: number;
  endMs: number;
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

function isValidTtl(ttlMs: number): boolean {
  return ttlMs >= 1 && ttlMs <= TTL_MS_MAX;
}

/** See the comment of this file. */
export class NaiveKeyValueStore {
  readonly #entries = new Map<string, NaiveEntry>();
  #leases: NaiveLease[] = [];
  #revision = 0;
  #nowMs = 0;

  /** Removes what is due: all of it, as there is never much. */
  tick(revision: number, nowMs: number): void {
    this.#revision = revision;
    this.#nowMs = nowMs;
    this.#leases = this.#leases.filter(({ endMs }) => endMs > nowMs);
    for (const [name, { leaseId, deadlineMs }] of this.#entries) {
      const isOver = leaseId === 0
        ? deadlineMs !== 0 && deadlineMs <= nowMs
        : !this.#leases.some(({ id }) => id === leaseId);
      if (isOver) this.#entries.delete(name);
    }
  }

  get nextDeadlineMs(): number | null {
    const own = [...this.#entries.values()].map(({ deadlineMs }) => deadlineMs).filter(Boolean);
    const all = [...own, ...this.#leases.map(({ endMs }) => endMs)];
    return all.length === 0 ? null : Math.min(...all);
  }

  apply(command: KvCommand, revision: number, nowMs = 0): KvResult {
    this.tick(revision, nowMs);
    if (
      command.type === "leaseGrant" || command.type === "leaseKeepAlive" ||
      command.type === "leaseRevoke"
    ) return this.#applyLease(command, revision);
    if (command.type === "deletePrefix") {
      const found = this.#withPrefix(command.prefix);
      if (!command.dryRun) { for (const { key } of found) this.#entries.delete(key.join()); }
      return { type: "delete", revision, count: found.length };
    }
    if (!isValidKey(command.key)) return INVALID;
    const entry = this.#entries.get(command.key.join());
    if (command.type === "increment") return this.#increment(command, revision);
    if (command.type === "put") {
      if (command.value.length > VALUE_BYTES_MAX) return INVALID;
      const { lifetime } = command;
      if (lifetime?.type === "ttl" && !isValidTtl(lifetime.ttlMs)) return INVALID;
      if (lifetime?.type === "lease" && !this.#leases.some(({ id }) => id === lifetime.leaseId)) {
        return { type: "leaseNotFound", revision, leaseId: lifetime.leaseId };
      }
    }
    if (!this.#holds(command.condition, entry)) {
      const current = entry ? item(entry) : null;
      return { type: "conditionFailed", revision: entry?.revision ?? 0, current };
    }
    if (command.type === "delete") {
      const count = this.#entries.delete(command.key.join()) ? 1 : 0;
      return { type: "delete", revision, count };
    }
    this.#put(command, revision, this.#until(command));
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
    if (query.type === "lease" || query.type === "leases") return this.#queryLease(query);
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

  #applyLease(command: KvLeaseGrant | KvLeaseChange, revision: number): KvResult {
    if (command.type === "leaseGrant") {
      const { ttlMs } = command;
      if (!isValidTtl(ttlMs)) return INVALID;
      const lease = { id: revision, ttlMs, endMs: this.#nowMs + ttlMs };
      this.#leases.push(lease);
      return { type: "lease", revision, lease: this.#described(lease), items: [], more: false };
    }
    const { leaseId } = command;
    const lease = this.#leases.find(({ id }) => id === leaseId);
    if (lease === undefined) return { type: "leaseNotFound", revision, leaseId };
    if (command.type === "leaseKeepAlive") {
      lease.endMs = this.#nowMs + lease.ttlMs;
      return { type: "lease", revision, lease: this.#described(lease), items: [], more: false };
    }
    const count = this.#keysOf(leaseId).length;
    this.#leases = this.#leases.filter(({ id }) => id !== leaseId);
    this.tick(revision, this.#nowMs);
    return { type: "delete", revision, count };
  }

  #queryLease(query: KvQuery & { readonly type: "lease" | "leases" }): KvResult {
    const revision = this.#revision;
    if (query.type === "leases") {
      const found = this.#leases.filter(({ id }) => id > query.afterId);
      const leases = found.slice(0, query.limit || LIST_ITEMS_MAX);
      const described = leases.map((lease) => this.#described(lease));
      return { type: "leases", revision, leases: described, more: leases.length < found.length };
    }
    const { leaseId } = query;
    const lease = this.#leases.find(({ id }) => id === leaseId);
    if (lease === undefined) return { type: "leaseNotFound", revision, leaseId };
    const found = this.#keysOf(leaseId).filter(({ key }) => compareKeys(key, [...query.after]) > 0);
    const items = found.slice(0, query.limit || LIST_ITEMS_MAX)
      .map((entry) => ({ ...item({ ...entry, value: [] }), key: Uint8Array.from(entry.key) }));
    const more = items.length < found.length;
    return { type: "lease", revision, lease: this.#described(lease), items, more };
  }

  #keysOf(leaseId: number): NaiveEntry[] {
    return this.#withPrefix(new Uint8Array(0)).filter((entry) => entry.leaseId === leaseId);
  }

  #described({ id, ttlMs, endMs }: NaiveLease): KvLease {
    return { id, ttlMs, remainingMs: endMs - this.#nowMs, keyCount: this.#keysOf(id).length };
  }

  #until({ lifetime }: KvPut): Pick<NaiveEntry, "leaseId" | "deadlineMs"> {
    if (lifetime === undefined) return { leaseId: 0, deadlineMs: 0 };
    if (lifetime.type === "lease") return { leaseId: lifetime.leaseId, deadlineMs: 0 };
    return { leaseId: 0, deadlineMs: this.#nowMs + lifetime.ttlMs };
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

  #put(
    { key, value }: { key: Uint8Array; value: Uint8Array },
    revision: number,
    { leaseId, deadlineMs }: Pick<NaiveEntry, "leaseId" | "deadlineMs">,
  ): void {
    const entry = this.#entries.get(key.join());
    const createRevision = entry?.createRevision ?? revision;
    const version = (entry?.version ?? 0) + 1;
    const written = { key: [...key], value: [...value], createRevision, revision, version };
    const until = { leaseId, deadlineMs };
    this.#entries.set(key.join(), { ...written, ...until });
  }

  #increment({ key, amount }: { key: Uint8Array; amount: number }, revision: number): KvResult {
    const held = this.#entries.get(key.join())?.value ?? [0x30];
    const text = String.fromCharCode(...held);
    if (!/^-?\d+$/.test(text) || String(BigInt(text)) !== text) return INVALID;
    const sum = BigInt(text) + BigInt(amount);
    const max = BigInt(Number.MAX_SAFE_INTEGER);
    if (BigInt(text) > max || BigInt(text) < -max || sum > max || sum < -max) return INVALID;
    const until = this.#entries.get(key.join()) ?? { leaseId: 0, deadlineMs: 0 };
    this.#put({ key, value: new TextEncoder().encode(String(sum)) }, revision, until);
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

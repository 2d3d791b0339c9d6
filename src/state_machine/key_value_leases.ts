/**
 * What lets keys of the key-value store go away by themselves: leases, which many keys can belong
 * to, and times to live of single keys. The rules:
 *
 * 1. All times are log time; the clock of this file is that of the last entry that was applied.
 * 2. A lease or a key whose deadline is not later than that has *expired*. Each entry, a tick or a
 *    command, first removes what has expired, but at most {@linkcode EXPIRIES_PER_ENTRY_MAX} keys
 *    and leases. What is left is due for the next entry, which follows at once.
 * 3. A key is there until it is removed, also in the eyes of queries and conditions.
 * 4. A lease that has expired is gone at once. Its keys go with it; where they are too many for one
 *    entry the lease is *ending*, known by nobody, until the last of them went.
 *
 * What is removed first does not depend on history: leases in the order of their deadlines and ids,
 * keys of ending leases by the id of the lease and the key, other keys by deadline and key. So
 * replicas that were restored from a snapshot stay equal to the others.
 *
 * What a key belongs to is an *attachment*, which the table keeps with the key: see
 * key_value_table.ts. Most keys have none and cost nothing here.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { EXPIRIES_PER_ENTRY_MAX } from "../limits.ts";
import type { Index, LogTimeMs } from "../types.ts";
import { endOfPrefix } from "./byte_string.ts";
import { finishHash, HASH_SEED, hashInteger } from "./content_hash.ts";
import { DeadlineQueue, type QueuedDeadline } from "./deadline_queue.ts";
import { createOrderedMap, type OrderedMap } from "./ordered_map.ts";

/** What expires a key. It is replaced and never changed, so that views may hold it. */
export interface KeyAttachment extends QueuedDeadline {
  /** The key as a byte string. */
  readonly key: string;
  /** The lease that the key belongs to; 0 where it has a deadline of its own. */
  readonly leaseId: Index;
  /** The deadline of its own; 0 where it belongs to a lease. */
  readonly deadlineMs: LogTimeMs;
}

/** A lease. */
export interface KeyLease {
  /** The index of the command that granted it. */
  readonly id: Index;
  readonly ttlMs: number;
  readonly deadlineMs: LogTimeMs;
  readonly keyCount: number;
}

/** A lease in a view. */
export interface KeyLeaseView {
  readonly id: Index;
  readonly ttlMs: number;
  readonly deadlineMs: LogTimeMs;
  readonly isEnding: boolean;
}

interface OwnedLease extends KeyLease, QueuedDeadline {
  deadlineMs: LogTimeMs;
  keyCount: number;
}

/** Removes a key of the table, which has an attachment that is dealt with here. */
export type RemoveKey = (key: string) => void;

/** The digits of 2^53 − 1: ids as texts of one length are in the order of the numbers. */
const ID_DIGITS = 14;

/** Creates what {@linkcode KeyValueLeases.replace} attaches. */
export function createAttachment(
  key: string,
  until: { readonly leaseId: Index } | { readonly deadlineMs: LogTimeMs },
): KeyAttachment {
  const leaseId = "leaseId" in until ? until.leaseId : 0;
  const deadlineMs = "deadlineMs" in until ? until.deadlineMs : 0;
  return { key, leaseId, deadlineMs, queuedMs: 0, queuePlace: -1 };
}

/** See the comment of this module. */
export class KeyValueLeases {
  /** By id, ascending, for ids only grow. */
  readonly #leases = new Map<Index, OwnedLease>();
  /** By {@linkcode idText}. */
  #ending: OrderedMap<OwnedLease> = createOrderedMap();
  /** The attachments to leases by the text of the id and the key. */
  #leaseKeys: OrderedMap<KeyAttachment> = createOrderedMap();
  readonly #leaseQueue = new DeadlineQueue<OwnedLease>((a, b) => a.id < b.id);
  #keyQueue = createKeyQueue();
  #nowMs: LogTimeMs = 0;
  /** The sum of what {@linkcode hashOf} says of the leases, ending ones included. */
  #hash = 0;

  /** The hash of all leases (content_hash.ts); which keys belong to them the table hashes. */
  get hash(): number {
    return this.#hash;
  }

  /** The log time of the last entry that was applied. */
  get nowMs(): LogTimeMs {
    return this.#nowMs;
  }

  /** How many leases there are. */
  get count(): number {
    return this.#leases.size;
  }

  /** How many keys will go away by themselves. */
  get attachedCount(): number {
    return this.#leaseKeys.size + this.#keyQueue.count;
  }

  /** The log time at which the next key or lease expires; 0 for now, infinity for never. */
  get nextDeadlineMs(): LogTimeMs {
    if (!this.#ending.isEmpty) return 0;
    const leaseMs = this.#leaseQueue.first()?.deadlineMs ?? Infinity;
    const keyMs = this.#keyQueue.first()?.deadlineMs ?? Infinity;
    return Math.min(leaseMs, keyMs);
  }

  /** Sets the clock to the log time of the next entry, and removes what has expired by it. */
  advance(logTimeMs: LogTimeMs, removeKey: RemoveKey): void {
    if (logTimeMs > this.#nowMs) this.#nowMs = logTimeMs;
    if (this.nextDeadlineMs <= this.#nowMs) this.#expire(removeKey);
  }

  /** A lease that has not expired. */
  get(id: Index): KeyLease | undefined {
    const lease = this.#leases.get(id);
    return lease === undefined || lease.deadlineMs <= this.#nowMs ? undefined : lease;
  }

  /** The leases that have not expired, ascending by id. */
  *values(): Generator<KeyLease, void> {
    for (const lease of this.#leases.values()) if (lease.deadlineMs > this.#nowMs) yield lease;
  }

  /** Creates a lease. */
  grant(id: Index, ttlMs: number): KeyLease {
    return this.#insert({ id, ttlMs, deadlineMs: this.#nowMs + ttlMs });
  }

  /** Lets a lease live for its full time from now on. */
  keepAlive(id: Index): void {
    const lease = this.#leases.get(id);
    assert(lease !== undefined, () => `lease ${id} is not there to be kept alive`);
    this.#hash -= hashOf(lease, false);
    lease.deadlineMs = this.#nowMs + lease.ttlMs;
    this.#hash = (this.#hash + hashOf(lease, false)) | 0;
    this.#leaseQueue.moved(lease);
  }

  /** Ends a lease, removes its keys and returns how many there were. */
  revoke(id: Index, removeKey: RemoveKey): number {
    const lease = this.#leases.get(id);
    assert(lease !== undefined, () => `lease ${id} is not there to be revoked`);
    const count = lease.keyCount;
    this.#end(lease);
    if (count > 0) this.#removeKeysOf(lease, { countMax: count, removeKey });
    return count;
  }

  /** Notes that a key has another attachment, or none, than before. */
  replace(before: KeyAttachment | null, after: KeyAttachment | null): void {
    if (before !== null) this.#detach(before);
    if (after === null) return;
    if (after.leaseId === 0) {
      this.#keyQueue.add(after);
      return;
    }
    const lease = this.#leaseOf(after);
    lease.keyCount += 1;
    this.#leaseKeys.set(idText(lease.id) + after.key, after);
  }

  /** Notes that all keys were removed. */
  detachAll(): void {
    this.#keyQueue = createKeyQueue();
    this.#leaseKeys = createOrderedMap();
    for (const lease of this.#ending.values()) this.#subtract(lease, true);
    this.#ending = createOrderedMap();
    for (const lease of this.#leases.values()) lease.keyCount = 0;
  }

  /** Calls `visit` with the keys of a lease that are behind `after`, until it returns false. */
  visitKeys(
    id: Index,
    options: { readonly after: string; readonly visit: (key: string) => boolean },
  ): void {
    const prefix = idText(id);
    const { after, visit } = options;
    this.#leaseKeys.forRange(prefix + after, endOfPrefix(prefix), false, (_, { key }) => {
      if (key !== after && !visit(key)) return { break: true };
    });
  }

  /** The leases as they are now, ascending by id; what comes later does not change the view. */
  view(): KeyLeaseView[] {
    const views: KeyLeaseView[] = [];
    for (const lease of this.#leases.values()) views.push(viewOf(lease, false));
    if (this.#ending.isEmpty) return views;
    for (const lease of this.#ending.values()) views.push(viewOf(lease, true));
    return views.sort((a, b) => a.id - b.id);
  }

  /** Sets the clock where the state is being restored from a snapshot. */
  restoreNow(nowMs: LogTimeMs): void {
    this.#nowMs = nowMs;
  }

  /** Adds a lease of a snapshot, ascending by id. Its keys follow, by {@linkcode replace}. */
  restore(view: KeyLeaseView): void {
    const lease = this.#insert(view);
    if (!view.isEnding) return;
    this.#leases.delete(lease.id);
    this.#leaseQueue.remove(lease);
    this.#beginEnding(lease);
  }

  /** Whether keys may belong to a lease: it is there, or ending. */
  isKnown(id: Index): boolean {
    return this.#leases.has(id) || this.#ending.has(idText(id));
  }

  #insert(fields: Pick<KeyLease, "id" | "ttlMs" | "deadlineMs">): OwnedLease {
    const { id, ttlMs, deadlineMs } = fields;
    assert(!this.#leases.has(id), () => `lease ${id} is granted twice`);
    const lease: OwnedLease = {
      id,
      ttlMs,
      deadlineMs,
      keyCount: 0,
      queuedMs: 0,
      queuePlace: -1,
    };
    this.#leases.set(id, lease);
    this.#hash = (this.#hash + hashOf(lease, false)) | 0;
    this.#leaseQueue.add(lease);
    return lease;
  }

  #leaseOf({ leaseId, key }: KeyAttachment): OwnedLease {
    const lease = this.#leases.get(leaseId) ?? this.#ending.get(idText(leaseId));
    assert(lease !== undefined, () => `key "${key}" belongs to lease ${leaseId}, which is gone`);
    return lease;
  }

  #detach(attachment: KeyAttachment): void {
    if (attachment.leaseId === 0) {
      this.#keyQueue.remove(attachment);
      return;
    }
    const lease = this.#leaseOf(attachment);
    const id = idText(lease.id);
    const wasThere = this.#leaseKeys.delete(id + attachment.key);
    assert(wasThere, () => `key "${attachment.key}" is not among those of lease ${lease.id}`);
    lease.keyCount -= 1;
    if (lease.keyCount === 0 && this.#ending.delete(id)) this.#subtract(lease, true);
  }

  /** The lease is gone, but for its keys. */
  #end(lease: OwnedLease): void {
    this.#leases.delete(lease.id);
    this.#leaseQueue.remove(lease);
    if (lease.keyCount > 0) this.#beginEnding(lease);
    else this.#subtract(lease, false);
  }

  /** A lease that is among the others no more lives on until the last of its keys is removed. */
  #beginEnding(lease: OwnedLease): void {
    this.#subtract(lease, false);
    this.#ending.set(idText(lease.id), lease);
    this.#hash = (this.#hash + hashOf(lease, true)) | 0;
  }

  #subtract(lease: OwnedLease, isEnding: boolean): void {
    this.#hash = (this.#hash - hashOf(lease, isEnding)) | 0;
  }

  #expire(removeKey: RemoveKey): void {
    let left = EXPIRIES_PER_ENTRY_MAX;
    for (; left > 0; left -= 1) {
      const lease = this.#leaseQueue.first();
      if (lease === undefined || lease.deadlineMs > this.#nowMs) break;
      this.#end(lease);
    }
    while (left > 0 && !this.#ending.isEmpty) {
      const lease = this.#ending.get(this.#ending.minKey()!)!;
      const countMax = Math.min(left, lease.keyCount);
      this.#removeKeysOf(lease, { countMax, removeKey });
      left -= countMax;
    }
    for (; left > 0; left -= 1) {
      const attachment = this.#keyQueue.first();
      if (attachment === undefined || attachment.deadlineMs > this.#nowMs) return;
      this.#keyQueue.remove(attachment);
      removeKey(attachment.key);
    }
  }

  /** Removes the first `countMax` keys of an ending lease. */
  #removeKeysOf(
    lease: OwnedLease,
    { countMax, removeKey }: { readonly countMax: number; readonly removeKey: RemoveKey },
  ): void {
    const found: KeyAttachment[] = [];
    const prefix = idText(lease.id);
    this.#leaseKeys.forRange(prefix, endOfPrefix(prefix), false, (_, attachment) => {
      found.push(attachment);
      if (found.length === countMax) return { break: true };
    });
    assert(found.length === countMax, () => `lease ${lease.id} has ${found.length} of its keys`);
    for (const attachment of found) {
      this.#detach(attachment);
      removeKey(attachment.key);
    }
  }
}

function createKeyQueue(): DeadlineQueue<KeyAttachment> {
  return new DeadlineQueue((a, b) => a.key < b.key);
}

function idText(id: Index): string {
  return id.toString(16).padStart(ID_DIGITS, "0");
}

function viewOf({ id, ttlMs, deadlineMs }: KeyLease, isEnding: boolean): KeyLeaseView {
  return { id, ttlMs, deadlineMs, isEnding };
}

function hashOf({ id, ttlMs, deadlineMs }: KeyLease, isEnding: boolean): number {
  let hash = hashInteger(HASH_SEED, id);
  hash = hashInteger(hash, ttlMs);
  hash = hashInteger(hash, deadlineMs);
  return finishHash(hashInteger(hash, isEnding ? 1 : 0));
}

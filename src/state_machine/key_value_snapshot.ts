/**
 * The key-value store in snapshots. The first record has the last index and the largest log time
 * that were applied, and how many leases and keys there are; then follows a record for each lease,
 * ascending by id, and one for each key, ascending:
 *
 * ```
 * revision | nowMs | count of leases | count of keys
 *
 * id | ttlMs | deadlineMs | 1 where the lease has expired and only its keys are left, else 0
 *
 * length of the key | length of the value | createRevision | revision − createRevision | version
 * | id of its lease or 0 | deadlineMs of its own or 0
 * key, value
 * ```
 *
 * @module
 */
import { KEY_BYTES_MAX, TTL_MS_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { type Index, INTEGER_MAX, type LogTimeMs } from "../types.ts";
import { toByteString } from "./byte_string.ts";
import { ByteSource } from "./byte_source.ts";
import { createAttachment, type KeyLeaseView, KeyValueLeases } from "./key_value_leases.ts";
import { KeyValueTable, type KeyValueView } from "./key_value_table.ts";
import {
  badSnapshot,
  readSnapshotFrames,
  type SnapshotFormat,
  SnapshotFrameWriter,
} from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

const FORMAT: SnapshotFormat = { name: "key-value store", kind: 2, version: 2 };

/** What a snapshot holds. */
export interface KeyValueState {
  readonly table: KeyValueTable;
  readonly leases: KeyValueLeases;
  /** The last index that was applied. */
  readonly revision: Index;
}

/** A store as it was at one moment. */
export interface KeyValueStoreView {
  readonly entries: KeyValueView;
  readonly leases: readonly KeyLeaseView[];
  readonly nowMs: LogTimeMs;
  /** The last index that was applied. */
  readonly revision: Index;
}

/** The chunks of a snapshot. Equal stores give equal bytes. */
export function* encodeKeyValueStore(view: KeyValueStoreView): Generator<Uint8Array, void> {
  const { entries: { count, entries }, leases, nowMs, revision } = view;
  const writer = new SnapshotFrameWriter(FORMAT);
  writer.putInteger(revision);
  writer.putInteger(nowMs);
  writer.putInteger(leases.length);
  writer.putInteger(count);
  for (const { id, ttlMs, deadlineMs, isEnding } of leases) {
    writer.putInteger(id);
    writer.putInteger(ttlMs);
    writer.putInteger(deadlineMs);
    writer.putInteger(isEnding ? 1 : 0);
    for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
  }
  for (let next = entries.next(); next.done !== true; next = entries.next()) {
    const entry = next.value;
    writer.putInteger(entry.key.length);
    writer.putInteger(entry.value.length);
    writer.putInteger(entry.createRevision);
    writer.putInteger(entry.revision - entry.createRevision);
    writer.putInteger(entry.version);
    writer.putInteger(entry.attachment?.leaseId ?? 0);
    writer.putInteger(entry.attachment?.deadlineMs ?? 0);
    writer.putByteString(entry.key);
    writer.putBytes(entry.value);
    for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
  }
  writer.finish();
  for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
}

/**
 * Reads a store from the chunks of a snapshot, cut at any place.
 *
 * @throws {BadDataError} If they are not exactly one snapshot of a store.
 */
export async function restoreKeyValueStore(
  chunks: AsyncIterable<Uint8Array>,
): Promise<KeyValueState> {
  const source = new ByteSource(chunks);
  const restorer = new Restorer();
  try {
    for await (const body of readSnapshotFrames(source, FORMAT)) restorer.push(body);
    if (!await source.isAtEnd()) throw badSnapshot(FORMAT, "there are bytes behind its end");
    return restorer.finish();
  } finally {
    await source.close();
  }
}

/** What the first record of a snapshot says. */
export interface KeyValueSummary {
  /** The last index that was applied. */
  readonly revision: Index;
  readonly keys: number;
  readonly leases: number;
}

/**
 * Reads the first record of a snapshot, and leaves the rest.
 *
 * @throws {BadDataError} If the bytes are not of a snapshot of a store.
 */
export async function readKeyValueSummary(source: ByteSource): Promise<KeyValueSummary> {
  const reader = new SnapshotRecordReader(FORMAT);
  for await (const body of readSnapshotFrames(source, FORMAT)) {
    reader.push(body);
    const integers = reader.peekIntegers(4);
    if (integers === null) continue;
    const [revision = 0, , leases = 0, keys = 0] = integers;
    return { revision, keys, leases };
  }
  throw badSnapshot(FORMAT, "it has no first record");
}

/** Builds a table record by record. */
class Restorer {
  readonly #table = new KeyValueTable();
  readonly #leases = new KeyValueLeases();
  readonly #reader = new SnapshotRecordReader(FORMAT);
  #revision: Index = 0;
  #leasesLeft = 0;
  #lastLeaseId: Index = 0;
  /** How many keys there will be; -1 until the first record came. */
  #count = -1;
  #lastKey = "";

  push(body: Uint8Array): void {
    this.#reader.push(body);
    if (this.#count < 0 && !this.#readHeader()) return;
    while (this.#leasesLeft > 0) if (!this.#readLease()) return;
    while (this.#table.count < this.#count && this.#readEntry());
  }

  finish(): KeyValueState {
    if (this.#table.count !== this.#count || this.#leasesLeft > 0 || !this.#reader.isEmpty) {
      throw badSnapshot(
        FORMAT,
        `it ends after ${this.#table.count} keys, want ${Math.max(0, this.#count)}`,
      );
    }
    return { table: this.#table, leases: this.#leases, revision: this.#revision };
  }

  #readHeader(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [revision = 0, nowMs = 0, leaseCount = 0, count = 0] = integers;
    this.#reader.takeBytes(0);
    this.#revision = revision;
    this.#leases.restoreNow(nowMs);
    this.#leasesLeft = leaseCount;
    this.#count = count;
    return true;
  }

  #readLease(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [id = 0, ttlMs = 0, deadlineMs = 0, ending = 0] = integers;
    this.#reader.takeBytes(0);
    const isInOrder = id > this.#lastLeaseId && id <= this.#revision;
    if (!isInOrder || ttlMs < 1 || ttlMs > TTL_MS_MAX || ending > 1) {
      throw badSnapshot(FORMAT, `lease ${id} behind ${this.#lastLeaseId} has a field out of range`);
    }
    this.#leases.restore({ id, ttlMs, deadlineMs, isEnding: ending === 1 });
    this.#lastLeaseId = id;
    this.#leasesLeft -= 1;
    return true;
  }

  #readEntry(): boolean {
    const integers = this.#reader.peekIntegers(7);
    if (integers === null) return false;
    const [keyBytes = 0, valueBytes = 0, createRevision = 0, age = 0, version = 0] = integers;
    const leaseId = integers[5]!;
    const deadlineMs = integers[6]!;
    if (keyBytes < 1 || keyBytes > KEY_BYTES_MAX || valueBytes > VALUE_BYTES_MAX) {
      throw this.#badEntry(`its key has ${keyBytes} bytes, its value ${valueBytes}`);
    }
    const bytes = this.#reader.takeBytes(keyBytes + valueBytes);
    if (bytes === null) return false;
    const revision = createRevision + age;
    if (createRevision < 1 || revision > Math.min(this.#revision, INTEGER_MAX) || version < 1) {
      throw this.#badEntry(`its revisions are ${createRevision} and ${revision}`);
    }
    const key = toByteString(bytes.subarray(0, keyBytes));
    if (key <= this.#lastKey) throw this.#badEntry("its key does not follow");
    if (leaseId !== 0 && (deadlineMs !== 0 || !this.#leases.isKnown(leaseId))) {
      throw this.#badEntry(`its lease is ${leaseId}, its deadline ${deadlineMs}`);
    }
    const value = bytes.subarray(keyBytes);
    const until = leaseId === 0 ? { deadlineMs } : { leaseId };
    const attachment = leaseId === 0 && deadlineMs === 0 ? null : createAttachment(key, until);
    this.#table.restore({ key, value, createRevision, revision, version, attachment });
    this.#leases.replace(null, attachment);
    this.#lastKey = key;
    return true;
  }

  #badEntry(fault: string): Error {
    return badSnapshot(FORMAT, `entry ${this.#table.count} is wrong: ${fault}`);
  }
}

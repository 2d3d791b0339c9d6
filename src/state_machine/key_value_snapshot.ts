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
import type { Index, LogTimeMs } from "../types.ts";
import { toByteString } from "./byte_string.ts";
import { ByteSource } from "./byte_source.ts";
import { createAttachment, type KeyLeaseView, KeyValueLeases } from "./key_value_leases.ts";
import {
  KEY_VALUE_FORMAT,
  type KeyValueRecord,
  KeyValueRecords,
  type KeyValueRecordSink,
} from "./key_value_records.ts";
import { KeyValueTable, type KeyValueView } from "./key_value_table.ts";
import { badSnapshot, readSnapshotFrames, SnapshotFrameWriter } from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

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
  const { entries, leases, nowMs, revision } = view;
  const writer = new SnapshotFrameWriter(KEY_VALUE_FORMAT);
  writer.putInteger(revision);
  writer.putInteger(nowMs);
  writer.putInteger(leases.length);
  writer.putInteger(entries.count);
  for (const { id, ttlMs, deadlineMs, isEnding } of leases) {
    writer.putInteger(id);
    writer.putInteger(ttlMs);
    writer.putInteger(deadlineMs);
    writer.putInteger(isEnding ? 1 : 0);
    for (let frame = writer.takeReady(); frame; frame = writer.takeReady()) yield frame;
  }
  for (let entry = entries.next(); entry !== null; entry = entries.next()) {
    writer.putInteger(entry.key.length);
    writer.putInteger(entry.value.length);
    writer.putInteger(entry.createRevision);
    writer.putInteger(entry.revision - entry.createRevision);
    writer.putInteger(entry.version);
    writer.putInteger(entry.attachment?.leaseId ?? 0);
    writer.putInteger(entry.attachment?.deadlineMs ?? 0);
    writer.putBytes(entry.key);
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
    for await (const body of readSnapshotFrames(source, KEY_VALUE_FORMAT)) restorer.push(body);
    if (!await source.isAtEnd()) {
      throw badSnapshot(KEY_VALUE_FORMAT, "there are bytes behind its end");
    }
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
  const reader = new SnapshotRecordReader(KEY_VALUE_FORMAT);
  for await (const body of readSnapshotFrames(source, KEY_VALUE_FORMAT)) {
    reader.push(body);
    const integers = reader.peekIntegers(4);
    if (integers === null) continue;
    const [revision = 0, , leases = 0, keys = 0] = integers;
    return { revision, keys, leases };
  }
  throw badSnapshot(KEY_VALUE_FORMAT, "it has no first record");
}

/** Builds a table record by record. */
class Restorer implements KeyValueRecordSink {
  readonly #table = new KeyValueTable();
  readonly #leases = new KeyValueLeases();
  readonly #records = new KeyValueRecords(this);

  push(body: Uint8Array): void {
    this.#records.push(body);
  }

  finish(): KeyValueState {
    this.#records.finish();
    return { table: this.#table, leases: this.#leases, revision: this.#records.revision };
  }

  begin(nowMs: LogTimeMs): void {
    this.#leases.restoreNow(nowMs);
  }

  lease(view: KeyLeaseView): void {
    this.#leases.restore(view);
  }

  entry(record: KeyValueRecord): void {
    const { key, value, createRevision, revision, version, leaseId, deadlineMs } = record;
    const until = leaseId === 0 ? { deadlineMs } : { leaseId };
    const isAttached = leaseId !== 0 || deadlineMs !== 0;
    const attachment = isAttached ? createAttachment(toByteString(key), until) : null;
    this.#table.restore({ key, value, createRevision, revision, version, attachment });
    this.#leases.replace(null, attachment);
  }
}

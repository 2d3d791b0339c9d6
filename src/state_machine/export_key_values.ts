/**
 * Reads the keys out of the state that a snapshot carries, without a store: in the memory of one
 * frame, however many there are.
 *
 * @module
 */
import type { Index, LogTimeMs } from "../types.ts";
import { ByteSource } from "./byte_source.ts";
import { ANSWERS_FORMAT } from "./deduplication_snapshot.ts";
import {
  KEY_VALUE_FORMAT,
  type KeyValueRecord,
  KeyValueRecords,
  type KeyValueRecordSink,
} from "./key_value_records.ts";
import type { KeyLeaseView } from "./key_value_leases.ts";
import { SESSIONS_FORMAT } from "./session_snapshot.ts";
import { badSnapshot, readSnapshotFrames } from "./snapshot_frames.ts";

/** A key and all that is known of it. */
export interface ExportedItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: Index;
  readonly createRevision: Index;
  readonly version: number;
  /** The lease that it belongs to, or null. */
  readonly leaseId: Index | null;
  /** How long it still lives unless its lease is kept alive, at least 1; null for ever. */
  readonly remainingMs: number | null;
}

/**
 * The keys in the state of a snapshot, ascending, in batches.
 *
 * @throws {BadDataError} If it is not the state of a key-value store.
 */
export async function* exportKeyValues(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ExportedItem[], void> {
  const source = new ByteSource(chunks);
  try {
    for (const format of [SESSIONS_FORMAT, ANSWERS_FORMAT]) {
      for await (const _ of readSnapshotFrames(source, format));
    }
    const batch = new Batch();
    const records = new KeyValueRecords(batch);
    for await (const body of readSnapshotFrames(source, KEY_VALUE_FORMAT)) {
      records.push(body);
      const items = batch.take();
      if (items.length > 0) yield items;
    }
    records.finish();
    if (!await source.isAtEnd()) throw badSnapshot(KEY_VALUE_FORMAT, "it goes on behind its end");
  } finally {
    await source.close();
  }
}

/** The keys of one frame. */
class Batch implements KeyValueRecordSink {
  readonly #leases = new Map<Index, KeyLeaseView>();
  #items: ExportedItem[] = [];
  #nowMs: LogTimeMs = 0;

  begin(nowMs: LogTimeMs): void {
    this.#nowMs = nowMs;
  }

  lease(view: KeyLeaseView): void {
    this.#leases.set(view.id, view);
  }

  entry(record: KeyValueRecord): void {
    const { key, value, revision, createRevision, version, leaseId } = record;
    const deadlineMs = leaseId === 0 ? record.deadlineMs : this.#leases.get(leaseId)!.deadlineMs;
    this.#items.push({
      key: key.slice(),
      value: value.slice(),
      revision,
      createRevision,
      version,
      leaseId: leaseId === 0 ? null : leaseId,
      remainingMs: deadlineMs === 0 ? null : Math.max(1, deadlineMs - this.#nowMs),
    });
  }

  take(): readonly ExportedItem[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

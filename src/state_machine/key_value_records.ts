/**
 * Reads the records of a key-value store in a snapshot (key_value_snapshot.ts says what they are),
 * one by one: whoever restores a store takes them into it, whoever exports one prints them.
 *
 * @module
 */
import { KEY_BYTES_MAX, TTL_MS_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { type Index, INTEGER_MAX, type LogTimeMs } from "../types.ts";
import { comesBefore } from "./byte_string.ts";
import type { KeyLeaseView } from "./key_value_leases.ts";
import { badSnapshot, type SnapshotFormat } from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

/** The format of the frames that hold them. */
export const KEY_VALUE_FORMAT: SnapshotFormat = { name: "key-value store", kind: 2, version: 2 };

const NO_KEY = new Uint8Array(0);

/** A key as a snapshot has it. */
export interface KeyValueRecord {
  /** A view, valid until the next record, as is the value. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: Index;
  readonly revision: Index;
  readonly version: number;
  /** The lease that it belongs to, or 0. */
  readonly leaseId: Index;
  /** When its own time ends, in log time, or 0. */
  readonly deadlineMs: LogTimeMs;
}

/** Takes the records, in their order: the beginning, leases by id, keys ascending. */
export interface KeyValueRecordSink {
  /** The largest log time that was applied. */
  begin(nowMs: LogTimeMs): void;
  /** A lease. */
  lease(view: KeyLeaseView): void;
  /** A key. */
  entry(record: KeyValueRecord): void;
}

/** Turns the bodies of frames into records. */
export class KeyValueRecords {
  /** The last index that was applied, once the first record is there. */
  revision: Index = 0;
  readonly #sink: KeyValueRecordSink;
  readonly #reader = new SnapshotRecordReader(KEY_VALUE_FORMAT);
  readonly #leaseIds = new Set<Index>();
  #leasesLeft = 0;
  #lastLeaseId: Index = 0;
  /** How many keys there will be; -1 until the first record came. */
  #count = -1;
  #countRead = 0;
  #lastKey = NO_KEY;

  /** Hands records to `sink`. */
  constructor(sink: KeyValueRecordSink) {
    this.#sink = sink;
  }

  /**
   * Takes the body of the next frame.
   *
   * @throws {BadDataError} If it does not go on as a store.
   */
  push(body: Uint8Array): void {
    this.#reader.push(body);
    if (this.#count < 0 && !this.#readHeader()) return;
    while (this.#leasesLeft > 0) if (!this.#readLease()) return;
    while (this.#countRead < this.#count && this.#readEntry());
  }

  /**
   * There are no more frames.
   *
   * @throws {BadDataError} If records are missing.
   */
  finish(): void {
    if (this.#countRead === this.#count && this.#leasesLeft === 0 && this.#reader.isEmpty) return;
    throw badSnapshot(
      KEY_VALUE_FORMAT,
      `it ends after ${this.#countRead} keys, want ${Math.max(0, this.#count)}`,
    );
  }

  #readHeader(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [revision = 0, nowMs = 0, leaseCount = 0, count = 0] = integers;
    this.#reader.takeBytes(0);
    this.revision = revision;
    this.#sink.begin(nowMs);
    this.#leasesLeft = leaseCount;
    this.#count = count;
    return true;
  }

  #readLease(): boolean {
    const integers = this.#reader.peekIntegers(4);
    if (integers === null) return false;
    const [id = 0, ttlMs = 0, deadlineMs = 0, ending = 0] = integers;
    this.#reader.takeBytes(0);
    const isInOrder = id > this.#lastLeaseId && id <= this.revision;
    if (!isInOrder || ttlMs < 1 || ttlMs > TTL_MS_MAX || ending > 1) {
      throw badSnapshot(
        KEY_VALUE_FORMAT,
        `lease ${id} behind ${this.#lastLeaseId} has a field out of range`,
      );
    }
    this.#sink.lease({ id, ttlMs, deadlineMs, isEnding: ending === 1 });
    this.#leaseIds.add(id);
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
    if (createRevision < 1 || revision > Math.min(this.revision, INTEGER_MAX) || version < 1) {
      throw this.#badEntry(`its revisions are ${createRevision} and ${revision}`);
    }
    const key = bytes.subarray(0, keyBytes);
    if (!comesBefore(this.#lastKey, key)) throw this.#badEntry("its key does not follow");
    if (leaseId !== 0 && (deadlineMs !== 0 || !this.#leaseIds.has(leaseId))) {
      throw this.#badEntry(`its lease is ${leaseId}, its deadline ${deadlineMs}`);
    }
    const value = bytes.subarray(keyBytes);
    this.#sink.entry({ key, value, createRevision, revision, version, leaseId, deadlineMs });
    this.#lastKey = key.slice();
    this.#countRead += 1;
    return true;
  }

  #badEntry(fault: string): Error {
    return badSnapshot(KEY_VALUE_FORMAT, `entry ${this.#countRead} is wrong: ${fault}`);
  }
}

/**
 * The key-value store in snapshots. The first record has the last index that was applied and the
 * count of keys; then follows a record for each key, ascending:
 *
 * ```
 * length of the key | length of the value | createRevision | revision − createRevision | version
 * key, value
 * ```
 *
 * @module
 */
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { type Index, INTEGER_MAX } from "../types.ts";
import { toByteString } from "./byte_string.ts";
import { ByteSource } from "./byte_source.ts";
import { KeyValueTable, type KeyValueView } from "./key_value_table.ts";
import {
  badSnapshot,
  readSnapshotFrames,
  type SnapshotFormat,
  SnapshotFrameWriter,
} from "./snapshot_frames.ts";
import { SnapshotRecordReader } from "./snapshot_records.ts";

const FORMAT: SnapshotFormat = { name: "key-value store", kind: 2, version: 1 };

/** What a snapshot holds. */
export interface KeyValueState {
  readonly table: KeyValueTable;
  /** The last index that was applied. */
  readonly revision: Index;
}

/** The chunks of a snapshot. Equal stores give equal bytes. */
export function* encodeKeyValueStore(
  view: KeyValueView,
  revision: Index,
): Generator<Uint8Array, void> {
  const writer = new SnapshotFrameWriter(FORMAT);
  writer.putInteger(revision);
  writer.putInteger(view.count);
  for (let next = view.entries.next(); next.done !== true; next = view.entries.next()) {
    const entry = next.value;
    writer.putInteger(entry.key.length);
    writer.putInteger(entry.value.length);
    writer.putInteger(entry.createRevision);
    writer.putInteger(entry.revision - entry.createRevision);
    writer.putInteger(entry.version);
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

/** Builds a table record by record. */
class Restorer {
  readonly #table = new KeyValueTable();
  readonly #reader = new SnapshotRecordReader(FORMAT);
  #revision: Index = 0;
  /** How many keys there will be; -1 until the first record came. */
  #count = -1;
  #lastKey = "";

  push(body: Uint8Array): void {
    this.#reader.push(body);
    if (this.#count < 0 && !this.#readHeader()) return;
    while (this.#table.count < this.#count && this.#readEntry());
  }

  finish(): KeyValueState {
    if (this.#table.count !== this.#count || !this.#reader.isEmpty) {
      throw badSnapshot(
        FORMAT,
        `it ends after ${this.#table.count} keys, want ${Math.max(0, this.#count)}`,
      );
    }
    return { table: this.#table, revision: this.#revision };
  }

  #readHeader(): boolean {
    const integers = this.#reader.peekIntegers(2);
    if (integers === null) return false;
    const [revision = 0, count = 0] = integers;
    this.#reader.takeBytes(0);
    this.#revision = revision;
    this.#count = count;
    return true;
  }

  #readEntry(): boolean {
    const integers = this.#reader.peekIntegers(5);
    if (integers === null) return false;
    const [keyBytes = 0, valueBytes = 0, createRevision = 0, age = 0, version = 0] = integers;
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
    const value = bytes.subarray(keyBytes);
    this.#table.restore({ key, value, createRevision, revision, version });
    this.#lastKey = key;
    return true;
  }

  #badEntry(fault: string): Error {
    return badSnapshot(FORMAT, `entry ${this.#table.count} is wrong: ${fault}`);
  }
}

/**
 * Writes a snapshot file in slices of a few milliseconds, between which other events get their
 * turn: a large state takes seconds, and a node must answer meanwhile.
 *
 * The file is synced every few MiB. The kernel lets a process that has written much more than the
 * disk takes wait in its next write, and a write blocks the loop.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { StorageError } from "../errors.ts";
import { SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_UNSYNCED_BYTES_MAX } from "../limits.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Clock, File } from "../runtime/runtime.ts";
import {
  encodeChunkHeader,
  encodeHeader,
  encodeTrailer,
  type SnapshotMeta,
  TRAILER_BYTES,
} from "./snapshot_format.ts";
import { syncFile } from "./sync_file.ts";
import { TimeSlice } from "./time_slice.ts";

/** What {@linkcode writeSnapshotFile} works with. */
export interface WriteSnapshotOptions {
  /** An empty file. */
  readonly file: File;
  readonly clock: Clock;
  readonly meta: SnapshotMeta;
  readonly chunks: Iterator<Uint8Array, void>;
  /** Asked after each slice: whether to give up. */
  readonly isStopped: () => boolean;
}

/** Writes and syncs everything, and resolves to the length of the file. */
export async function writeSnapshotFile(options: WriteSnapshotOptions): Promise<number> {
  const { file, clock, meta, chunks, isStopped } = options;
  const writer = new SnapshotFileWriter(file, encodeHeader(meta));
  const slice = new TimeSlice(clock);
  for (let isDone = false; !isDone;) {
    isDone = drawSlice(writer, { slice, chunks });
    if (writer.unsyncedBytes >= SNAPSHOT_UNSYNCED_BYTES_MAX) await writer.sync();
    await slice.end();
    if (isStopped()) throw new StorageError("Cannot write the snapshot: the node is stopping");
  }
  writer.finish();
  await writer.sync();
  return writer.bytes;
}

/**
 * Writes what another snapshot carries, under another header: the copy of a snapshot for another
 * cluster. Resolves to the length of the file, which is durable.
 */
export async function copySnapshotFile(
  file: File,
  { meta, chunks }: {
    readonly meta: SnapshotMeta;
    readonly chunks: AsyncIterable<Uint8Array>;
  },
): Promise<number> {
  const writer = new SnapshotFileWriter(file, encodeHeader(meta));
  for await (const chunk of chunks) {
    writer.put(chunk);
    if (writer.unsyncedBytes >= SNAPSHOT_UNSYNCED_BYTES_MAX) await writer.sync();
  }
  writer.finish();
  await writer.sync();
  return writer.bytes;
}

/** Writes some chunks; true where there are no more. */
function drawSlice(
  writer: SnapshotFileWriter,
  { slice, chunks }: { readonly slice: TimeSlice; readonly chunks: Iterator<Uint8Array, void> },
): boolean {
  for (let isOver = false; !isOver;) {
    const next = chunks.next();
    if (next.done === true) return true;
    writer.put(next.value);
    isOver = slice.spend(next.value.length);
  }
  return false;
}

/** Puts the parts of a snapshot one behind the other. */
class SnapshotFileWriter {
  readonly #file: File;
  #bytes = 0;
  #syncedBytes = 0;
  #stateBytes = 0;
  #chunkCount = 0;
  #checksum: number;

  constructor(file: File, header: Uint8Array) {
    this.#file = file;
    this.#checksum = crc32(header);
    this.#write([header]);
  }

  /** The length of the file. */
  get bytes(): number {
    return this.#bytes;
  }

  get unsyncedBytes(): number {
    return this.#bytes - this.#syncedBytes;
  }

  /** Writes some of the state. */
  put(state: Uint8Array): void {
    for (let at = 0; at < state.length; at += SNAPSHOT_CHUNK_BYTES_MAX) {
      const body = state.subarray(at, at + SNAPSHOT_CHUNK_BYTES_MAX);
      const place = { number: this.#chunkCount, previousChecksum: this.#checksum };
      const { bytes, checksum } = encodeChunkHeader(body, place);
      this.#write([bytes, body]);
      this.#checksum = checksum;
      this.#chunkCount += 1;
      this.#stateBytes += body.length;
    }
  }

  /** Writes the trailer. */
  finish(): void {
    this.#write([encodeTrailer({
      chunkCount: this.#chunkCount,
      stateBytes: this.#stateBytes,
      totalBytes: this.#bytes + TRAILER_BYTES,
      previousChecksum: this.#checksum,
    })]);
  }

  async sync(): Promise<void> {
    const bytes = this.#bytes;
    await syncFile(this.#file);
    assert(
      bytes >= this.#syncedBytes,
      () => `${bytes} bytes are synced after ${this.#syncedBytes}`,
    );
    this.#syncedBytes = bytes;
  }

  #write(parts: readonly Uint8Array[]): void {
    this.#file.write(parts, this.#bytes);
    for (const part of parts) this.#bytes += part.length;
  }
}

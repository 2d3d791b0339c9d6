/**
 * Reads a snapshot file: by its two ends, or all of it. Changes nothing, so it serves a node, a
 * reader beside a running node, and a file that was copied elsewhere.
 *
 * @module
 */
import { BadDataError, StorageError } from "../errors.ts";
import { type File, FileError } from "../runtime/runtime.ts";
import { CHECKED_HEADER_BYTES } from "./checked_message.ts";
import { DAMAGED_DIRECTORY_FIX } from "./damaged_directory.ts";
import { newerFormatError } from "./newer_format_error.ts";
import {
  decodeHeader,
  decodePartHeader,
  decodeTrailer,
  headerBytes,
  partChecksum,
  SNAPSHOT_FORMAT_VERSION,
  SnapshotFault,
  TRAILER_BYTES,
} from "./snapshot_format.ts";
import type { SnapshotName } from "./snapshot_names.ts";
import { SNAPSHOT_READ_BYTES } from "./snapshot_receiver.ts";
import { SnapshotScanner } from "./snapshot_scanner.ts";
import type { StoredSnapshot } from "./snapshot_store.ts";

/**
 * Reads the header and the trailer of a snapshot; whether all of it is good,
 * {@linkcode readSnapshotState} says.
 *
 * @param name What the file's name says, where it is one of a data directory.
 * @throws {BadDataError} If the file is damaged, cut or of a newer version.
 * @throws {StorageError} If it cannot be read.
 */
export async function readSnapshotEnds(
  file: File,
  name: Pick<SnapshotName, "snapshotId" | "lastIncludedIndex"> | null,
): Promise<StoredSnapshot> {
  try {
    const totalBytes = await file.size();
    const meta = decodeHeader(await readHeader(file));
    await checkTrailer(file, totalBytes);
    const isRight = name === null || (meta.snapshotId === name.snapshotId &&
      meta.lastIncludedIndex === name.lastIncludedIndex);
    if (!isRight) throw new SnapshotFault(0, "the file was renamed: its header names another");
    return { meta, totalBytes };
  } catch (error) {
    throw snapshotError(file.path, error);
  }
}

/**
 * The state that a snapshot carries, each chunk verified before it is handed out. Whoever uses it
 * must draw it to the end: only then is it known to be whole.
 *
 * @param totalBytes The size of the file.
 * @throws {BadDataError} If it is damaged or cut.
 * @throws {StorageError} If it cannot be read.
 */
export async function* readSnapshotState(
  file: File,
  totalBytes: number,
): AsyncGenerator<Uint8Array, void> {
  const scanner = new SnapshotScanner();
  try {
    for (let at = 0; at < totalBytes;) {
      const bytes = new Uint8Array(Math.min(SNAPSHOT_READ_BYTES, totalBytes - at));
      const count = await file.read(bytes, at);
      if (count === 0) throw new SnapshotFault(at, "the file was cut");
      yield* scanner.push(bytes.subarray(0, count));
      at += count;
    }
    if (!scanner.isComplete) throw new SnapshotFault(scanner.verifiedBytes, "no trailer follows");
  } catch (error) {
    throw snapshotError(file.path, error);
  }
}

/** The error for a file that cannot be trusted, or read; every other error as it is. */
export function snapshotError(path: string, error: unknown): unknown {
  if (!(error instanceof SnapshotFault)) return storageError(`Cannot read "${path}"`, error);
  const { newerVersion, offset, message } = error;
  if (newerVersion !== null) {
    return newerFormatError(path, { found: newerVersion, known: SNAPSHOT_FORMAT_VERSION });
  }
  return new BadDataError(
    `Cannot trust the snapshot in "${path}" at offset ${offset}: ${message}`,
    DAMAGED_DIRECTORY_FIX,
    { cause: error },
  );
}

/** A StorageError around a failed call to a file; every other error as it is. */
export function storageError(what: string, error: unknown): unknown {
  if (!(error instanceof FileError)) return error;
  // Where the call says the same, once is enough.
  const message = error.message.startsWith(what) ? error.message : `${what}: ${error.message}`;
  return new StorageError(message, { cause: error });
}

/** The bytes of the header, as far as the file has them. */
async function readHeader(file: File): Promise<Uint8Array> {
  const first = new Uint8Array(CHECKED_HEADER_BYTES);
  const count = await file.read(first, 0);
  const bytes = new Uint8Array(headerBytes(first.subarray(0, count)));
  return bytes.subarray(0, await file.read(bytes, 0));
}

/** Judges the trailer by itself. */
async function checkTrailer(file: File, totalBytes: number): Promise<void> {
  const offset = Math.max(0, totalBytes - TRAILER_BYTES);
  const bytes = new Uint8Array(TRAILER_BYTES);
  const count = await file.read(bytes, offset);
  const header = count === TRAILER_BYTES ? decodePartHeader(bytes) : null;
  const trailer = decodeTrailer(bytes);
  const isGood = header?.kind === "trailer" && trailer.totalBytes === totalBytes &&
    partChecksum(bytes, trailer.previousChecksum) === header.checksum;
  if (!isGood) throw new SnapshotFault(offset, "the file does not end with its trailer");
}

/**
 * What lies in a data directory besides the log, for a reader that takes no lock and changes
 * nothing: identity, hard state, snapshots, and who uses it.
 *
 * @module
 */
import { BadDataError } from "../../errors.ts";
import { type File, FileError, type LockHolder, type Runtime } from "../../runtime/runtime.ts";
import type { Identity } from "../../wire/storage_codec.ts";
import { type HardStateReading, readHardState } from "../hard_state_file.ts";
import { readIdentity } from "../identity_file.ts";
import { readSnapshotEnds } from "../snapshot_file.ts";
import { parseSnapshotName, type SnapshotName } from "../snapshot_names.ts";
import type { StoredSnapshot } from "../snapshot_store.ts";
import type { LogSummary, StoredConfiguration } from "./log_summary.ts";

/** How often a hard state is read that is being written just now, and the pause between. */
const READS_MAX = 5;
const READ_PAUSE_MS = 10;

/** A file among the snapshots. */
export interface FoundSnapshot {
  /** The name of the file, in `snapshots/`. */
  readonly fileName: string;
  /** What the name says; `snapshot` is a complete one. */
  readonly name: SnapshotName;
  readonly fileBytes: number;
  /** What header and trailer say; null for one that is not complete, or whose ends are bad. */
  readonly snapshot: StoredSnapshot | null;
  /** What is wrong with its ends, or null. */
  readonly error: BadDataError | null;
}

/** Who uses the data directory at `path` right now, or null. */
export function directoryHolder(runtime: Runtime, path: string): Promise<LockHolder | null> {
  return runtime.files.lockHolder(`${path}/lock`);
}

/**
 * Who the data directory at `path` belongs to.
 *
 * @throws {BadDataError} If there is no data directory at the path, or the identity is damaged or
 * of a newer version.
 */
export async function readOwner(runtime: Runtime, path: string): Promise<Identity> {
  try {
    return await readIdentity(runtime, path);
  } catch (error) {
    if (!(error instanceof FileError) || !["ENOENT", "ENOTDIR"].includes(error.code)) throw error;
    throw new BadDataError(
      `Cannot find a data directory in "${path}": there is no file "identity" in it`,
      ["name the directory that raft start was given with --data"],
      { cause: error },
    );
  }
}

/**
 * Term and vote of the data directory at `path`, in both copies; one that a node is writing just
 * now is waited for.
 *
 * @throws {BadDataError} If a copy is of a newer version.
 * @throws {FileError} If there is no such file, or it cannot be read.
 */
export async function readHardStateCopies(
  runtime: Runtime,
  path: string,
): Promise<HardStateReading> {
  const file = await runtime.files.open(`${path}/hard_state`, "read");
  try {
    for (let count = 1;; count += 1) {
      const reading = await readHardState(file);
      const isWhole = reading.copies.every(({ found }) => typeof found !== "string");
      if (isWhole || count === READS_MAX) return reading;
      await new Promise<void>((resolve) => void runtime.clock.setTimer(resolve, READ_PAUSE_MS));
    }
  } finally {
    await file.close();
  }
}

/** The files in `snapshots/` of the data directory at `path`, ascending by index. */
export async function findSnapshots(runtime: Runtime, path: string): Promise<FoundSnapshot[]> {
  const directory = `${path}/snapshots`;
  const found: FoundSnapshot[] = [];
  for (const fileName of await namesIn(runtime, directory)) {
    const name = parseSnapshotName(fileName);
    if (name === null) continue;
    const file = await openIfThere(runtime, `${directory}/${fileName}`);
    // A newer one has replaced it since the names were read.
    if (file === null) continue;
    try {
      found.push({ fileName, name, ...await inspect(file, name) });
    } finally {
      await file.close();
    }
  }
  return found;
}

/** The newest complete snapshot whose ends are good, or null. */
export function newestSnapshot(found: readonly FoundSnapshot[]): StoredSnapshot | null {
  return found.findLast(({ snapshot }) => snapshot !== null)?.snapshot ?? null;
}

/** The latest configuration that log and snapshots hold, or null where they hold none. */
export function latestConfiguration(
  log: Pick<LogSummary, "configuration">,
  found: readonly FoundSnapshot[],
): StoredConfiguration | null {
  const meta = newestSnapshot(found)?.meta;
  const { configuration } = log;
  if (meta === undefined) return configuration;
  if (configuration !== null && configuration.index > meta.configurationIndex) return configuration;
  return { index: meta.configurationIndex, configuration: meta.configuration };
}

/** Opens a file for reading; null where there is none. */
export async function openIfThere(runtime: Runtime, path: string): Promise<File | null> {
  try {
    return await runtime.files.open(path, "read");
  } catch (error) {
    if (error instanceof FileError && error.code === "ENOENT") return null;
    throw error;
  }
}

async function namesIn(runtime: Runtime, directory: string): Promise<string[]> {
  try {
    return await runtime.files.readDirectory(directory);
  } catch (error) {
    // Whoever moved the data directory may have left out an empty one.
    if (error instanceof FileError && error.code === "ENOENT") return [];
    throw error;
  }
}

async function inspect(
  file: File,
  name: SnapshotName,
): Promise<Pick<FoundSnapshot, "fileBytes" | "snapshot" | "error">> {
  const fileBytes = await file.size();
  if (name.state !== "snapshot") return { fileBytes, snapshot: null, error: null };
  try {
    return { fileBytes, snapshot: await readSnapshotEnds(file, name), error: null };
  } catch (error) {
    if (error instanceof BadDataError) return { fileBytes, snapshot: null, error };
    throw error;
  }
}

/**
 * Steps in which a data directory is taken and made, for whoever makes one.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import { FileError, type FileLock, LockedError } from "../runtime/runtime.ts";
import type { FileSystem, Runtime } from "../runtime/runtime.ts";

/** The directories in a data directory. */
export const SUBDIRECTORIES = ["log", "spare", "snapshots"] as const;

/** The name of the file that tells a directory whose restoring was cut short. */
export const RESTORING_MARK = "restoring";

/** The name of the file that tells a directory which is being set up for its node to rejoin. */
export const REJOINING_MARK = "rejoining";

/** Takes the lock of the data directory at `path`, or says who has it. */
export async function takeLock(files: FileSystem, path: string): Promise<FileLock> {
  try {
    return await files.lock(`${path}/lock`);
  } catch (error) {
    if (!(error instanceof LockedError)) throw error;
    const holder = error.holderPid === null ? "another process" : `process ${error.holderPid}`;
    throw new BadDataError(
      `Cannot use "${path}": ${holder} uses it`,
      [`stop ${holder}, or name another data directory`],
      { cause: error },
    );
  }
}

/** Makes the directories in a data directory, empty and durable. */
export async function makeSubdirectories(files: FileSystem, path: string): Promise<void> {
  for (const name of SUBDIRECTORIES) await files.makeDirectory(`${path}/${name}`);
  for (const name of SUBDIRECTORIES) await removeAll(files, `${path}/${name}`);
  await files.syncDirectory(path);
}

/** Makes the names on the way to a directory durable, as far as this user may. */
export async function syncAncestors(files: FileSystem, path: string): Promise<void> {
  assert(path !== "", "the path is empty");
  let directory = path;
  for (let parent = parentDirectory(directory); parent !== directory;) {
    try {
      await files.syncDirectory(parent);
    } catch (error) {
      // Nobody but its owner can have changed a directory that may not even be opened.
      if (!(error instanceof FileError) || !["EACCES", "EPERM"].includes(error.code)) throw error;
    }
    directory = parent;
    parent = parentDirectory(directory);
  }
  assert(parentDirectory(directory) === directory, () => `"${directory}" is not at the top`);
}

function parentDirectory(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  if (trimmed === "") return "/";
  const at = trimmed.lastIndexOf("/");
  if (at < 0) return ".";
  return at === 0 ? "/" : trimmed.slice(0, at);
}

/** A new random id of 16 bytes, in hexadecimal. */
export function randomId(runtime: Runtime): string {
  const bytes = runtime.random.fill(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Removes the files in a directory, durably. */
async function removeAll(files: FileSystem, directory: string): Promise<void> {
  const names = await files.readDirectory(directory);
  for (const name of names) await files.remove(`${directory}/${name}`);
  if (names.length > 0) await files.syncDirectory(directory);
}

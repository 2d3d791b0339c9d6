/**
 * How many files and connections this process may have open at a time.
 *
 * @module
 */
import { readFile } from "node:fs/promises";

const OPEN_FILES = /^Max open files +(\d+)/m;

/** The limit (`ulimit -n`), or null where the system does not tell it or has none. */
export async function openFilesMax(): Promise<number | null> {
  try {
    // Linux alone says it in a file, and no runtime offers the call.
    const limit = OPEN_FILES.exec(await readFile("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? null : Number(limit);
  } catch {
    return null;
  }
}

/**
 * What this machine gives to programs, by node:fs, which Node, Deno and Bun share.
 *
 * @module
 */
import { stat, statfs } from "node:fs/promises";
import process from "node:process";
import type { MachineFacts } from "../process.ts";
import { openFilesMax } from "./open_files.ts";

const MODE_BITS = 0o777;

/** What `read` resolves to; null where the system cannot tell. */
async function orNull<Result>(read: () => Promise<Result>): Promise<Result | null> {
  try {
    return await read();
  } catch {
    return null;
  }
}

/** The facts of this machine. */
export const systemMachine: MachineFacts = {
  diskSpace: (path) =>
    orNull(async () => {
      const { bavail, blocks, bsize } = await statfs(path);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    }),

  ownership: (path) =>
    orNull(async () => {
      const { uid, mode } = await stat(path);
      return { isOwn: process.getuid?.() === uid, mode: mode & MODE_BITS };
    }),

  openFilesMax,
};

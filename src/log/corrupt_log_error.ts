/**
 * The error for a log that cannot be trusted.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import type { Index } from "../types.ts";

/** Where a log is damaged. */
export interface CorruptLogOptions {
  /** The segment file. */
  readonly path: string;
  /** The offset in it. */
  readonly offset: number;
  /** The index of the first entry that is in doubt. */
  readonly index: Index;
  /** What is wrong. */
  readonly fault: string;
}

/** A BadDataError that names segment, offset, index, and the way out. */
export function corruptLogError(options: CorruptLogOptions): BadDataError {
  const { path, offset, index, fault } = options;
  assert(offset >= 0, `the offset is ${offset}`);
  assert(index >= 1, `the index is ${index}`);
  return new BadDataError(
    `Cannot trust the log in "${path}" at offset ${offset}, from index ${index} on: ${fault}`,
    [
      "see the extent of the damage: raft log verify DIR",
      "if a majority of the other nodes runs: remove this node from the cluster, empty its data " +
      "directory, and let it join under a new id",
      "otherwise restore its data directory from a backup",
    ],
  );
}

/**
 * The error for a log that cannot be trusted.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";
import type { Index } from "../types.ts";
import { DAMAGED_DIRECTORY_FIX } from "./damaged_directory.ts";

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
  assert(offset >= 0, () => `the offset is ${offset}`);
  assert(index >= 1, () => `the index is ${index}`);
  return new BadDataError(
    `Cannot trust the log in "${path}" at offset ${offset}, from index ${index} on: ${fault}`,
    DAMAGED_DIRECTORY_FIX,
  );
}

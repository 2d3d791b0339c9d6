/**
 * The error for a committed command that only a newer program understands.
 *
 * @module
 */
import { BadDataError } from "../errors.ts";
import type { Index } from "../types.ts";

/**
 * Says that the entry at `index` cannot be applied here. To skip it would let this replica differ
 * from those that understand it, so its node stops.
 *
 * @param index Where the entry stands.
 * @param what What is not known, such as `a command of another form`.
 */
export function newerCommandError(index: Index, what: string): BadDataError {
  return new BadDataError(
    `Cannot apply entry ${index}: it holds ${what}, which this program does not know`,
    ["start the newer program that the other nodes run"],
  );
}

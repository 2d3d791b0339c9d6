/**
 * The error for what a newer program wrote.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError } from "../errors.ts";

/** Files that a newer program wrote: no damage. */
export class NewerFormatError extends BadDataError {}

/** Says that the file or directory at `path` is no damage, but of a format that came later. */
export function newerFormatError(
  path: string,
  { found, known }: { readonly found: number; readonly known: number },
): NewerFormatError {
  assert(found > known, () => `format version ${found} is known, up to ${known}`);
  return new NewerFormatError(
    `Cannot read "${path}": its format version is ${found}, this program knows up to ${known}`,
    ["start the newer program that wrote it"],
  );
}

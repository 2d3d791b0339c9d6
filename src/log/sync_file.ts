/**
 * Waiting for a file's sync, and writing zeros, as promises.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { File } from "../runtime/runtime.ts";

/** The most zeros that one call writes, so that no call blocks the loop for long. */
export const ZERO_SLICE_BYTES = 1024 * 1024;

/** Resolves when everything written to `file` is durable. */
export function syncFile(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Writes what a file holds from `start` to `end` once more, and syncs it. */
export async function rewriteFile(
  file: File,
  range: { readonly start: number; readonly end: number },
): Promise<void> {
  assert(range.start >= 0, () => `the start is ${range.start}`);
  assert(range.end >= range.start, () => `the range ends at ${range.end}, before ${range.start}`);
  const slice = new Uint8Array(Math.min(ZERO_SLICE_BYTES, range.end - range.start));
  for (let at = range.start; at < range.end; at += slice.length) {
    const wanted = slice.subarray(0, range.end - at);
    const count = await file.read(wanted, at);
    assert(count === wanted.length, () => `read ${count} of ${wanted.length} bytes at ${at}`);
    file.write([wanted], at);
  }
  await syncFile(file);
}

/** Writes zeros from `start` to `end`, syncing after each slice. */
export async function zeroFile(
  file: File,
  range: { readonly start: number; readonly end: number },
): Promise<void> {
  assert(range.start >= 0, () => `the start is ${range.start}`);
  assert(range.end >= range.start, () => `the range ends at ${range.end}, before ${range.start}`);
  const zeros = new Uint8Array(Math.min(ZERO_SLICE_BYTES, range.end - range.start));
  for (let at = range.start; at < range.end; at += zeros.length) {
    file.write([zeros.subarray(0, range.end - at)], at);
    await syncFile(file);
  }
}

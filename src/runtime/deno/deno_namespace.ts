/**
 * The few of Deno's own calls that the adapter makes, typed here so that the other runtimes' type
 * checkers pass.
 *
 * @module
 */

/** An open file of Deno. */
export interface DenoFile {
  /** flock(2) without waiting; false where somebody else holds the file. */
  tryLockSync(exclusive: boolean): boolean;
  close(): void;
}

/** The global `Deno`. */
export interface DenoNamespace {
  readonly version: { readonly deno: string };
  openSync(path: string, options: { read?: boolean; write?: boolean }): DenoFile;
}

/** The global `Deno`; call it on Deno only. */
export function denoNamespace(): DenoNamespace {
  return (globalThis as unknown as { Deno: DenoNamespace }).Deno;
}

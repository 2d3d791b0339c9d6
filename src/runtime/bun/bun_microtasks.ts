/**
 * Bun's way to run what waits in its queue of microtasks.
 *
 * @module
 */

/** The part of the module `bun:jsc` that is used here. */
interface EngineFunctions {
  drainMicrotasks(): void;
}

/** Loads the function that runs all microtasks, those that they queue included. */
export async function loadBunMicrotaskDrain(): Promise<() => void> {
  // Not a literal, as the other runtimes' type checkers know no such module.
  const name: string = "bun:jsc";
  const engine = await import(name) as EngineFunctions;
  return engine.drainMicrotasks;
}

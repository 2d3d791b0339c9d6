/**
 * Bun's way to run what waits in its queue of microtasks.
 *
 * @module
 */
import type { MicrotaskDrain } from "../microtask_drain.ts";

/** The part of the module `bun:jsc` that is used here. */
interface EngineFunctions {
  drainMicrotasks(): void;
}

/** Loads the engine's function, which works within a microtask too. */
export async function loadBunMicrotaskDrain(): Promise<MicrotaskDrain> {
  // Not a literal, as the other runtimes' type checkers know no such module.
  const name: string = "bun:jsc";
  const engine = await import(name) as EngineFunctions;
  return { drain: engine.drainMicrotasks, enter: (callback) => callback() };
}

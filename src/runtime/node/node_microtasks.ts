/**
 * Node's way to run what waits in its queue of microtasks: a function of V8 that its flags show.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import type { MicrotaskDrain } from "../microtask_drain.ts";

/**
 * Makes the function. Within a microtask it would do nothing. The flag stays set: V8 forgets the
 * code of a function that rests for long, and then reads its text again.
 */
export function createNodeMicrotaskDrain(): MicrotaskDrain {
  setFlagsFromString("--allow-natives-syntax");
  const drain = new Function("%PerformMicrotaskCheckpoint()") as () => void;
  return { drain, enter: (callback) => void setImmediate(callback) };
}

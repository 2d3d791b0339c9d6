/**
 * Finds the runtime that this program runs on. Only its adapter is loaded.
 *
 * @module
 */
import type { MicrotaskDrain } from "./microtask_drain.ts";
import type { Runtime } from "./runtime.ts";

/** The world as the runtime at hand shows it: Deno, Bun (also the compiled binary) or Node. */
export async function detectRuntime(): Promise<Runtime> {
  if ("Deno" in globalThis) {
    const { createDenoRuntime } = await import("./deno/deno_runtime.ts");
    return createDenoRuntime();
  }
  if ("Bun" in globalThis) {
    const { createBunRuntime } = await import("./bun/bun_runtime.ts");
    return createBunRuntime();
  }
  const { createNodeRuntime } = await import("./node/node_runtime.ts");
  return createNodeRuntime();
}

/**
 * What runs all microtasks that wait, where the engine can: Bun and Node. It makes a simulation a
 * third faster, and on Node under the test runner, whose hooks make each `await` dear, five times.
 */
export async function detectMicrotaskDrain(): Promise<MicrotaskDrain | undefined> {
  if ("Deno" in globalThis) return undefined;
  if ("Bun" in globalThis) {
    const { loadBunMicrotaskDrain } = await import("./bun/bun_microtasks.ts");
    return await loadBunMicrotaskDrain();
  }
  const { createNodeMicrotaskDrain } = await import("./node/node_microtasks.ts");
  return createNodeMicrotaskDrain();
}

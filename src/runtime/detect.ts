/**
 * Finds the runtime that this program runs on. Only its adapter is loaded.
 *
 * @module
 */
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
 * The function that runs all microtasks that wait, before it returns. Only Bun has one that works
 * within a microtask; it makes a simulation a third faster.
 */
export async function detectMicrotaskDrain(): Promise<(() => void) | undefined> {
  if (!("Bun" in globalThis)) return undefined;
  const { loadBunMicrotaskDrain } = await import("./bun/bun_microtasks.ts");
  return await loadBunMicrotaskDrain();
}

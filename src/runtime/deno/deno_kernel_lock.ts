/**
 * flock(2) by Deno's own file calls.
 *
 * @module
 */
import type { KernelLock } from "../shared/kernel_lock.ts";
import { denoNamespace } from "./deno_namespace.ts";

/** The kernel's lock on Deno. */
export const denoKernelLock: KernelLock = {
  hold(path) {
    const file = denoNamespace().openSync(path, { read: true, write: true });
    try {
      if (file.tryLockSync(true)) return () => file.close();
    } catch {
      // This file system has no locks.
    }
    file.close();
    return null;
  },

  isHeld(path) {
    const file = denoNamespace().openSync(path, { read: true });
    try {
      // Shared, so that two processes that look at once do not take each other for the holder.
      return !file.tryLockSync(false);
    } finally {
      file.close();
    }
  },
};

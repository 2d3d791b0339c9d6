/**
 * flock(2) by Bun's foreign function interface, which the compiled binary has too.
 *
 * @module
 */
import * as fs from "node:fs";
import type { KernelLock } from "../shared/kernel_lock.ts";

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_WITHOUT_WAITING = 4;

/** `int flock(int fd, int operation)`: 0, or −1 where the file is held or cannot be locked. */
type Flock = (descriptor: number, operation: number) => number;

/** The part of the module `bun:ffi` that is used here. */
interface ForeignFunctions {
  dlopen(
    library: string,
    symbols: { flock: { args: readonly string[]; returns: string } },
  ): { readonly symbols: { readonly flock: Flock } };
}

/** The C libraries that may carry flock: glibc, musl on two processors, macOS. */
const LIBRARIES = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
];

/** The kernel's lock on Bun, or null where no C library is found. */
export async function loadBunKernelLock(): Promise<KernelLock | null> {
  // Not a literal, as the other runtimes' type checkers know no such module.
  const name: string = "bun:ffi";
  const foreign = await import(name) as ForeignFunctions;
  for (const library of LIBRARIES) {
    try {
      const symbols = { flock: { args: ["int", "int"], returns: "int" } };
      return kernelLock(foreign.dlopen(library, symbols).symbols.flock);
    } catch {
      // This machine has another C library.
    }
  }
  return null;
}

function kernelLock(flock: Flock): KernelLock {
  return {
    hold(path) {
      const descriptor = fs.openSync(path, fs.constants.O_RDWR);
      if (flock(descriptor, LOCK_EXCLUSIVE | LOCK_WITHOUT_WAITING) === 0) {
        return () => fs.closeSync(descriptor);
      }
      fs.closeSync(descriptor);
      return null;
    },

    isHeld(path) {
      const descriptor = fs.openSync(path, fs.constants.O_RDONLY);
      // Shared, so that two processes that look at once do not take each other for the holder.
      const free = flock(descriptor, LOCK_SHARED | LOCK_WITHOUT_WAITING) === 0;
      fs.closeSync(descriptor);
      return !free;
    },
  };
}

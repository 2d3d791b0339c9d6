/**
 * The runtime seam on Bun, and in the compiled binary.
 *
 * @module
 */
import process from "node:process";
import type { Runtime } from "../runtime.ts";
import { SystemClock } from "../shared/system_clock.ts";
import { writeVectored } from "../shared/system_file.ts";
import { SystemFileSystem } from "../shared/system_file_system.ts";
import { SystemRandom } from "../shared/system_random.ts";
import { loadBunKernelLock } from "./bun_kernel_lock.ts";
import { BunNetwork } from "./bun_network.ts";

/** The world as Bun shows it. */
export async function createBunRuntime(): Promise<Runtime> {
  return {
    name: "bun",
    version: process.versions["bun"] ?? "unknown",
    network: new BunNetwork(),
    files: new SystemFileSystem({
      writeParts: writeVectored,
      kernelLock: await loadBunKernelLock(),
    }),
    clock: new SystemClock(),
    random: new SystemRandom(),
  };
}

/**
 * The runtime seam on Deno.
 *
 * @module
 */
import type { Runtime } from "../runtime.ts";
import { SocketNetwork } from "../shared/socket_network.ts";
import { SystemClock } from "../shared/system_clock.ts";
import { writeEach } from "../shared/system_file.ts";
import { SystemFileSystem } from "../shared/system_file_system.ts";
import { SystemRandom } from "../shared/system_random.ts";
import { denoKernelLock } from "./deno_kernel_lock.ts";
import { denoNamespace } from "./deno_namespace.ts";

/** The world as Deno shows it. */
export async function createDenoRuntime(): Promise<Runtime> {
  return {
    name: "deno",
    version: denoNamespace().version.deno,
    network: new SocketNetwork(),
    files: new SystemFileSystem({ writeParts: writeEach, kernelLock: denoKernelLock }),
    clock: new SystemClock(),
    random: new SystemRandom(),
  };
}

/**
 * The runtime seam on Node.
 *
 * @module
 */
import process from "node:process";
import type { Runtime } from "../runtime.ts";
import { SocketNetwork } from "../shared/socket_network.ts";
import { SystemClock } from "../shared/system_clock.ts";
import { writeVectored } from "../shared/system_file.ts";
import { SystemFileSystem } from "../shared/system_file_system.ts";
import { SystemRandom } from "../shared/system_random.ts";

/** The world as Node shows it. */
export async function createNodeRuntime(): Promise<Runtime> {
  return {
    name: "node",
    version: process.versions.node,
    network: new SocketNetwork(),
    files: new SystemFileSystem({ writeParts: writeVectored, kernelLock: null }),
    clock: new SystemClock(),
    random: new SystemRandom(),
  };
}

/**
 * The command line from its words to its exit code.
 *
 * @module
 */
import type { HostProcess } from "../runtime/process.ts";
import { catalogue } from "./catalogue.ts";
import type { ProgramVersion } from "./command.ts";
import { Session } from "./session.ts";

/**
 * Runs the command line of this process. The process ends by itself when nothing is left to do, so
 * that a slow reader of a large result gets all of it.
 *
 * @param host The process.
 * @param program What the program says of itself.
 */
export async function main(host: HostProcess, program: ProgramVersion): Promise<void> {
  const session = new Session({
    host,
    catalogue,
    program,
    detect: async () => (await import("../runtime/detect.ts")).detectRuntime(),
    connect: async (options) => (await import("./connect_cluster.ts")).connectCluster(options),
  });
  const { exit } = await session.run(host.arguments, { print: true });
  host.setExitCode(exit);
}

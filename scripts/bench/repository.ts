import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the repository. */
export const repositoryRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where installed programs are. */
export const toolsPath = join(repositoryRoot, "node_modules", ".bin");

/** The compiled binary. */
export const binaryPath = join(repositoryRoot, "dist", "raft");

/**
 * The load generator for what `raft bench` cannot drive: on Bun, for HTTP/2 takes twice as much on
 * Node.
 */
export const loadProgram: readonly string[] = [
  join(toolsPath, "bun"),
  join(repositoryRoot, "scripts", "bench", "against", "load_main.ts"),
];

/** What asks nodes for signs of life. */
export const probeProgram: readonly string[] = [
  join(toolsPath, "bun"),
  join(repositoryRoot, "scripts", "bench", "pause_probe_main.ts"),
];

/**
 * The executable `raft`: runs a node or acts as a client.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";
import { SystemProcess } from "./src/runtime/shared/system_process.ts";

/** Set by scripts/compile.ts; not defined when this runs from source. */
declare const RAFT_BUILD_VERSION: string | undefined;
declare const RAFT_BUILD_COMMIT: string | undefined;

await main(new SystemProcess(), {
  version: typeof RAFT_BUILD_VERSION === "string" ? RAFT_BUILD_VERSION : "0.0.0-source",
  commit: typeof RAFT_BUILD_COMMIT === "string" ? RAFT_BUILD_COMMIT : "unknown",
});

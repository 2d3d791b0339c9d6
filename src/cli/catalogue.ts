/**
 * The names of the commands, and how each is loaded: a command that is not used costs nothing.
 *
 * @module
 */
import type { Catalogue } from "./command.ts";

/** Every command, in the order of the help page. */
export const catalogue: Catalogue = [
  { name: "start", load: async () => (await import("./commands/start.ts")).start },
  { name: "demo", load: async () => (await import("./commands/demo.ts")).demo },
  { name: "shell", load: async () => (await import("./commands/shell.ts")).shell },
  { name: "get", load: async () => (await import("./commands/get.ts")).get },
  { name: "put", load: async () => (await import("./commands/put.ts")).put },
  { name: "del", load: async () => (await import("./commands/del.ts")).del },
  { name: "ls", load: async () => (await import("./commands/ls.ts")).ls },
  { name: "incr", load: async () => (await import("./commands/incr.ts")).incr },
  { name: "wait leader", load: async () => (await import("./commands/wait_leader.ts")).waitLeader },
  {
    name: "wait healthy",
    load: async () => (await import("./commands/wait_healthy.ts")).waitHealthy,
  },
  { name: "wait key", load: async () => (await import("./commands/wait_key.ts")).waitKey },
  { name: "wait absent", load: async () => (await import("./commands/wait_absent.ts")).waitAbsent },
  { name: "wait index", load: async () => (await import("./commands/wait_index.ts")).waitIndex },
  { name: "status", load: async () => (await import("./commands/status.ts")).status },
  { name: "health", load: async () => (await import("./commands/health.ts")).health },
  { name: "leader", load: async () => (await import("./commands/leader.ts")).leader },
  { name: "bench", load: async () => (await import("./commands/bench.ts")).bench },
  { name: "simulate", load: async () => (await import("./commands/simulate.ts")).simulate },
  { name: "error", load: async () => (await import("./commands/error.ts")).error },
  { name: "config show", load: async () => (await import("./commands/config_show.ts")).configShow },
  {
    name: "config check",
    load: async () => (await import("./commands/config_check.ts")).configCheck,
  },
  {
    name: "config schema",
    load: async () => (await import("./commands/config_schema.ts")).configSchema,
  },
  { name: "completion", load: async () => (await import("./commands/completion.ts")).completion },
  { name: "help", load: async () => (await import("./commands/help.ts")).help },
  { name: "version", load: async () => (await import("./commands/version.ts")).version },
];

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { etcdSystem } from "./against/etcd_system.ts";
import { raftSystem } from "./against/raft_system.ts";
import type { System } from "./cluster.ts";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const tools = join(root, "node_modules", ".bin");
const cli = join(root, "cli.ts");

/** Everything that can be measured; the first is what the others are compared with. */
export const systems: readonly System[] = [
  raftSystem("raft"),
  raftSystem("node", ["node", "--import", "tsx", cli]),
  raftSystem("deno", [join(tools, "deno"), "run", "-A", cli]),
  raftSystem("bun", [join(tools, "bun"), cli]),
  etcdSystem,
];

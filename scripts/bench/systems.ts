import { join } from "node:path";
import { craftSystem } from "./against/craft_system.ts";
import { etcdSystem } from "./against/etcd_system.ts";
import { hashicorpSystem } from "./against/hashicorp_system.ts";
import { raftSystem } from "./against/raft_system.ts";
import type { System } from "./cluster.ts";
import { repositoryRoot, toolsPath } from "./repository.ts";

const cli = join(repositoryRoot, "cli.ts");

/** Everything that can be measured; the first is what the others are compared with. */
export const systems: readonly System[] = [
  raftSystem("raft"),
  raftSystem("node", ["node", "--import", "tsx", cli]),
  raftSystem("deno", [join(toolsPath, "deno"), "run", "-A", cli]),
  raftSystem("bun", [join(toolsPath, "bun"), cli]),
  etcdSystem,
  hashicorpSystem,
  craftSystem,
];

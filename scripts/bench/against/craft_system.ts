import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findFreePorts } from "../../../tests/e2e/kit/free_ports.ts";
import { nodeCountOf, type System } from "../cluster.ts";
import { repositoryRoot } from "../repository.ts";
import { FramedCluster } from "./framed_cluster.ts";

const folder = join(repositoryRoot, "tmp", "against");
const binary = join(folder, "craft");
const sources = ["main.c", "store.c", "nodelay.c"]
  .map((name) => join(repositoryRoot, "scripts", "bench", "against", "craft", name));

function build(): ReturnType<typeof spawnSync> {
  mkdirSync(folder, { recursive: true });
  const words = ["-O2", "-Wall", ...sources, "-o", binary, "-lraft", "-luv"];
  return spawnSync("gcc", words, { encoding: "utf8" });
}

/** A small server on libraft; see craft/main.c. */
class CraftCluster extends FramedCluster {
  protected override nodeCommand(position: number): readonly string[] {
    const { heartbeatMs, electionTimeoutMs, compaction } = this.options;
    const { address, dataPath } = this.nodes[position]!;
    return [
      ...[binary, String(position + 1), dataPath, address, this.peers],
      ...[String(heartbeatMs), String(electionTimeoutMs), compaction ? "1" : "0"],
    ];
  }
}

/** Canonical C-raft of Debian's package libraft-dev, with its libuv backend. */
export const craftSystem: System = {
  name: "craft",
  describe: () => {
    const { stdout } = spawnSync("pkg-config", ["--modversion", "raft"], { encoding: "utf8" });
    return `C-raft ${stdout?.trim() ?? ""} behind scripts/bench/against/craft/main.c; ` +
      "it offers no linearizable reads: a get reads what the leader has";
  },
  labelOf: (measurement) => measurement.startsWith("get") ? "craft, local reads" : "craft",
  missing: () => {
    const { error, status, stderr } = build();
    if (error === undefined && status === 0) return null;
    return `cannot build it: ${error?.message ?? stderr}\n` +
      "apt-get install gcc libraft-dev libuv1-dev";
  },
  create: async (options) => {
    return new CraftCluster(options, await findFreePorts(2 * nodeCountOf(options)));
  },
};

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findFreePorts } from "../../../tests/e2e/kit/free_ports.ts";
import { nodeCountOf, type System } from "../cluster.ts";
import { repositoryRoot } from "../repository.ts";
import { FramedCluster } from "./framed_cluster.ts";

const folder = join(repositoryRoot, "tmp", "against");
const binary = join(folder, "hashicorp");
const source = join(repositoryRoot, "scripts", "bench", "against", "hashicorp", "main.go");
/** Where Debian's packages put the sources of libraries. */
const GOPATH = "/usr/share/gocode";

function build(): ReturnType<typeof spawnSync> {
  mkdirSync(folder, { recursive: true });
  return spawnSync("go", ["build", "-o", binary, source], {
    encoding: "utf8",
    env: { ...process.env, GO111MODULE: "off", GOPATH },
  });
}

/** A small server on hashicorp/raft; see hashicorp/main.go. */
class HashicorpCluster extends FramedCluster {
  protected override nodeCommand(position: number): readonly string[] {
    const { electionTimeoutMs, compaction } = this.options;
    const { address, dataPath } = this.nodes[position]!;
    return [
      ...[binary, "-id", String(position + 1), "-data", dataPath],
      ...["-listen", address, "-peers", this.peers],
      ...["-election-timeout", `${electionTimeoutMs}ms`, `-compaction=${compaction}`],
    ];
  }
}

/** hashicorp/raft with its BoltDB store, built from the sources in Debian's packages. */
export const hashicorpSystem: System = {
  name: "hashicorp",
  describe: () => "hashicorp/raft with raft-boltdb, behind scripts/bench/against/hashicorp/main.go",
  missing: () => {
    const { error, status, stderr } = build();
    if (error === undefined && status === 0) return null;
    return `cannot build it: ${error?.message ?? stderr}\n` +
      "apt-get install golang-go golang-github-hashicorp-raft-boltdb-dev";
  },
  create: async (options) => {
    return new HashicorpCluster(options, await findFreePorts(2 * nodeCountOf(options)));
  },
};

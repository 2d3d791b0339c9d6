import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findFreePorts } from "../../../tests/e2e/kit/free_ports.ts";
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  type Prober,
  type System,
} from "../cluster.ts";
import type { LoadPlan } from "../load_plan.ts";
import { probeInTurn } from "../probe_in_turn.ts";
import { loadProgram, repositoryRoot } from "../repository.ts";
import { FramedClient, type FramedStatus } from "./framed_client.ts";

const NODES = 3;
const STATUS_TIMEOUT_MS = 500;
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
class HashicorpCluster extends Cluster {
  readonly #peers: string;

  constructor(options: ClusterOptions, ports: readonly number[]) {
    super(options, ports.slice(0, NODES).map((port) => `127.0.0.1:${port}`));
    this.#peers = ports.slice(NODES).map((port) => `127.0.0.1:${port}`).join(",");
  }

  protected override nodeCommand(position: number): readonly string[] {
    const { electionTimeoutMs, compaction } = this.options;
    const { address, dataPath } = this.nodes[position]!;
    return [
      ...[binary, "-id", String(position + 1), "-data", dataPath],
      ...["-listen", address, "-peers", this.#peers],
      ...["-election-timeout", `${electionTimeoutMs}ms`, `-compaction=${compaction}`],
    ];
  }

  override loadCommand(plan: LoadPlan): readonly string[] {
    return [...loadProgram, "framed", JSON.stringify(plan)];
  }

  override async isLeader(node: ClusterNode): Promise<boolean> {
    return (await this.#status(node))?.leads ?? false;
  }

  override async appliedIndex(node: ClusterNode): Promise<number | null> {
    return (await this.#status(node))?.appliedIndex ?? null;
  }

  async #status({ address }: ClusterNode): Promise<FramedStatus | null> {
    const client = new FramedClient(address);
    const timer = setTimeout(() => client.close(), STATUS_TIMEOUT_MS);
    try {
      await client.connected();
      return await client.status();
    } catch {
      // It does not run.
      return null;
    } finally {
      clearTimeout(timer);
      client.close();
    }
  }

  override prober(): Promise<Prober> {
    return Promise.resolve(probeInTurn(this.nodes, (address) => new FramedClient(address)));
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
  create: async (options) => new HashicorpCluster(options, await findFreePorts(2 * NODES)),
};

import { spawnSync } from "node:child_process";
import process from "node:process";
import { findFreePorts } from "../../../tests/e2e/kit/free_ports.ts";
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  nodeCountOf,
  type Prober,
  type System,
} from "../cluster.ts";
import type { LoadPlan } from "../load_plan.ts";
import { probeInTurn } from "../probe_in_turn.ts";
import { loadProgram } from "../repository.ts";
import { EtcdClient } from "./etcd_client.ts";

const STATUS_TIMEOUT_MS = 500;
const QUOTA_BYTES = 8 * 1024 ** 3;
/** As often as never. */
const SNAPSHOT_COUNT_NEVER = 1_000_000_000;

/** What the gateway says of a node; numbers of 64 bits are text in its JSON. */
interface EtcdStatus {
  readonly header: { readonly "member_id": string };
  readonly leader?: string;
  readonly raftAppliedIndex?: string;
}

/** A cluster of etcd, all its settings but those named here as they are by default. */
class EtcdCluster extends Cluster {
  readonly #peerPorts: readonly number[];

  constructor(options: ClusterOptions, ports: readonly number[]) {
    const nodes = nodeCountOf(options);
    super(options, ports.slice(0, nodes).map((port) => `127.0.0.1:${port}`));
    this.#peerPorts = ports.slice(nodes);
  }

  protected override nodeCommand(position: number): readonly string[] {
    const { heartbeatMs, electionTimeoutMs, compaction } = this.options;
    const { address, dataPath } = this.nodes[position]!;
    const peers = this.#peerPorts.map((port) => `http://127.0.0.1:${port}`);
    const cluster = peers.map((peer, other) => `n${other + 1}=${peer}`).join(",");
    return [
      ...["etcd", "--name", `n${position + 1}`, "--data-dir", dataPath],
      ...["--listen-peer-urls", peers[position]!],
      ...["--initial-advertise-peer-urls", peers[position]!],
      ...["--listen-client-urls", `http://${address}`],
      ...["--advertise-client-urls", `http://${address}`],
      ...["--initial-cluster", cluster, "--initial-cluster-state", "new"],
      ...["--heartbeat-interval", String(heartbeatMs)],
      ...["--election-timeout", String(electionTimeoutMs)],
      ...["--quota-backend-bytes", String(QUOTA_BYTES), "--logger", "zap", "--log-level", "error"],
      ...(compaction ? [] : ["--snapshot-count", String(SNAPSHOT_COUNT_NEVER)]),
    ];
  }

  protected override environment(): Readonly<Record<string, string | undefined>> {
    return Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_")),
    );
  }

  override loadCommand(plan: LoadPlan): readonly string[] {
    return [...loadProgram, "etcd", JSON.stringify(plan)];
  }

  override async isLeader(node: ClusterNode): Promise<boolean> {
    const status = await this.#status(node);
    return status !== null && status.leader === status.header.member_id;
  }

  override async appliedIndex(node: ClusterNode): Promise<number | null> {
    const status = await this.#status(node);
    return status === null ? null : Number(status.raftAppliedIndex ?? 0);
  }

  async #status({ address }: ClusterNode): Promise<EtcdStatus | null> {
    try {
      const response = await fetch(`http://${address}/v3/maintenance/status`, {
        method: "POST",
        body: "{}",
        signal: AbortSignal.timeout(STATUS_TIMEOUT_MS),
      });
      return await response.json() as EtcdStatus;
    } catch {
      // It does not run, or has no leader.
      return null;
    }
  }

  override prober(): Promise<Prober> {
    return Promise.resolve(probeInTurn(this.nodes, (address) => new EtcdClient(address)));
  }
}

/** Debian's package etcd-server, or any other etcd in the path. */
export const etcdSystem: System = {
  name: "etcd",
  describe: () => {
    const { stdout } = spawnSync("etcd", ["--version"], { encoding: "utf8" });
    return stdout.split("\n", 1)[0]!;
  },
  missing: () => {
    const { error } = spawnSync("etcd", ["--version"]);
    return error === undefined ? null : "there is no etcd in the path: apt-get install etcd-server";
  },
  readsAtFollowers: true,
  create: async (options) => {
    return new EtcdCluster(options, await findFreePorts(2 * nodeCountOf(options)));
  },
};

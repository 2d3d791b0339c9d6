import { existsSync } from "node:fs";
import type { StatusAnswer } from "../../../src/wire/client_messages.ts";
import { detectRuntime, KeyValueClient, RaftClient } from "../../../mod.ts";
import { findFreePorts } from "../../../tests/e2e/kit/free_ports.ts";
import { cleanEnvironment } from "../../../tests/e2e/kit/run_raft.ts";
import {
  Cluster,
  type ClusterNode,
  type ClusterOptions,
  nodeCountOf,
  type Prober,
  type System,
} from "../cluster.ts";
import { DelayProxy } from "../delay_proxy.ts";
import type { LoadPlan } from "../load_plan.ts";
import { binaryPath, loadProgram, repositoryRoot } from "../repository.ts";

const STATUS_TIMEOUT_MS = 500;
const PUT_TIMEOUT_MS = 20_000;
/** As often as never. */
const SNAPSHOT_NEVER = ["--snapshot-every", "1000000000", "--snapshot-bytes", "1024GiB"];

interface RaftClusterParts {
  readonly command: readonly string[];
  /** Where each node listens, and where its peers dial: the same without a proxy. */
  readonly ports: readonly { readonly port: number; readonly peerPort: number }[];
  readonly client: RaftClient;
  readonly proxies: readonly DelayProxy[];
}

/** This project's cluster, by whatever command runs the program. */
class RaftCluster extends Cluster {
  readonly #command: readonly string[];
  readonly #peers: string;
  readonly #client: RaftClient;
  readonly #proxies: readonly DelayProxy[];

  constructor(options: ClusterOptions, { command, ports, client, proxies }: RaftClusterParts) {
    super(options, ports.map(({ port }) => `127.0.0.1:${port}`));
    this.#command = command;
    this.#client = client;
    this.#proxies = proxies;
    this.#peers = ports.map(({ peerPort }, position) => `${position + 1}=127.0.0.1:${peerPort}`)
      .join(",");
  }

  protected override nodeCommand(position: number): readonly string[] {
    const { heartbeatMs, electionTimeoutMs, compaction } = this.options;
    const { address, dataPath } = this.nodes[position]!;
    return [
      ...this.#command,
      ...["start", "--id", String(position + 1), "--data", dataPath, "--listen", address],
      ...["--peers", this.#peers, "--cluster", "bench", "--log-format", "text"],
      ...["--heartbeat", `${heartbeatMs}ms`, "--election-timeout", `${electionTimeoutMs}ms`],
      ...(compaction ? [] : SNAPSHOT_NEVER),
    ];
  }

  protected override environment(): Readonly<Record<string, string | undefined>> {
    return cleanEnvironment();
  }

  override loadCommand(plan: LoadPlan): readonly string[] {
    if (plan.boundTo !== undefined || plan.eachKeyOnce === true) {
      return [...loadProgram, "raft", JSON.stringify(plan)];
    }
    // The binary whatever the nodes run on, so that runtimes are measured by one client.
    return [
      ...[binaryPath, "bench", plan.operation, "-o", "json", "--endpoints", plan.endpoint],
      ...["--timeout", "60s", "--keys", String(plan.keys), "--size", `${plan.valueBytes}B`],
      ...["--clients", String(plan.clients), "--in-flight", String(plan.inFlight)],
      ...["--warm-up", `${plan.warmUpMs}ms`, "--for", `${plan.durationMs}ms`],
      ...(plan.count === null ? [] : ["--count", String(plan.count)]),
      ...(plan.rate === null ? [] : ["--rate", String(plan.rate)]),
      ...(plan.skipPreload ? ["--skip-preload"] : []),
    ];
  }

  override async isLeader({ address }: ClusterNode): Promise<boolean> {
    const status = await this.#status(address);
    return status !== null && status.nodeId === status.leaderId;
  }

  override async appliedIndex({ address }: ClusterNode): Promise<number | null> {
    return (await this.#status(address))?.appliedIndex ?? null;
  }

  #status(endpoint: string): Promise<StatusAnswer | null> {
    return this.#client.status({ endpoint, timeoutMs: STATUS_TIMEOUT_MS }).catch(() => null);
  }

  override async prober(): Promise<Prober> {
    const endpoints = this.nodes.map(({ address }) => address);
    const client = new RaftClient(await detectRuntime(), { endpoints, timeoutMs: PUT_TIMEOUT_MS });
    const store = new KeyValueClient(client);
    return {
      put: () => store.put("probe-key-000000", "v".repeat(128)).then(() => true, () => false),
      close: () => client.close(),
    };
  }

  override async dispose(): Promise<void> {
    this.#client.close();
    await super.dispose();
    for (const proxy of this.#proxies) proxy.close();
  }
}

/**
 * This project as a system to measure.
 *
 * @param name How it is called in the results.
 * @param command What runs the program: the binary, or a runtime with the source.
 */
export function raftSystem(name: string, command: readonly string[] = [binaryPath]): System {
  return {
    name,
    readsAtFollowers: true,
    isOwn: true,
    describe: () => `raft: ${command.join(" ").replace(`${repositoryRoot}/`, "")}`,
    missing: () => existsSync(binaryPath) ? null : "there is no dist/raft: run npm run build first",
    create: (options) => createCluster(options, command),
  };
}

async function createCluster(
  options: ClusterOptions,
  command: readonly string[],
): Promise<RaftCluster> {
  const { delayMs = 0 } = options;
  const nodeCount = nodeCountOf(options);
  const listening = await findFreePorts(nodeCount);
  const dialed = delayMs === 0 ? listening : await findFreePorts(nodeCount);
  const ports = listening.map((port, position) => ({ port, peerPort: dialed[position]! }));
  const proxies = delayMs === 0 ? [] : await Promise.all(
    ports.map(({ port, peerPort }) => DelayProxy.start({ port: peerPort, target: port, delayMs })),
  );
  const endpoints = listening.map((port) => `127.0.0.1:${port}`);
  const client = new RaftClient(await detectRuntime(), { endpoints });
  return new RaftCluster(options, { command, ports, client, proxies });
}

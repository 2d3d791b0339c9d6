import { Cluster, type ClusterNode, type ClusterOptions, type Prober } from "../cluster.ts";
import type { LoadPlan } from "../load_plan.ts";
import { probeInTurn } from "../probe_in_turn.ts";
import { loadProgram } from "../repository.ts";
import { FramedClient, type FramedStatus } from "./framed_client.ts";

const STATUS_TIMEOUT_MS = 500;

/** What the small servers that put other libraries behind one protocol share. */
export abstract class FramedCluster extends Cluster {
  /** Where the nodes reach each other: `HOST:PORT,…`. */
  protected readonly peers: string;

  /** Half of the ports are for clients, half for peers. */
  constructor(options: ClusterOptions, ports: readonly number[]) {
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const nodes = ports.length / 2;
    super(options, addresses.slice(0, nodes));
    this.peers = addresses.slice(nodes).join(",");
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

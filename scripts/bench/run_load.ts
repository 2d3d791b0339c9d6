import { Buffer } from "node:buffer";
import { elapse } from "../../tests/e2e/kit/eventually.ts";
import { OwnProcess } from "../../tests/e2e/kit/own_process.ts";
import { cleanEnvironment } from "../../tests/e2e/kit/run_raft.ts";
import type { LoadDocument } from "../../src/cli/bench/load_document.ts";
import type { Cluster } from "./cluster.ts";
import type { LoadPlan } from "./load_plan.ts";
import { machineBusySeconds, memoryMebibytes, processorSeconds } from "./processes.ts";
import { checkWarmUp } from "./warm_up.ts";

const SAMPLE_PAUSE_MS = 100;
const OPERATIONS_A_FIGURE = 100_000;

/** What a load came to, and what it cost. */
export interface LoadResult extends LoadDocument {
  /** Processor seconds of all nodes together for 100,000 operations. */
  readonly serverSecondsPer100k: number;
  /** Processor seconds of the load generator for 100,000 operations. */
  readonly clientSecondsPer100k: number;
  /** The part of one processor that the load generator used. */
  readonly clientShare: number;
  /** The part of one processor that each node used, in the order of the cluster. */
  readonly nodeShares: readonly number[];
  /** The part of one processor that the busiest node used. */
  readonly busiestShare: number;
  /** The part of one processor that everything else on the machine used: trust ratios alone. */
  readonly othersShare: number;
  /** The most memory that a node has held until the end, in MiB. */
  readonly mostMebibytes: number;
}

/** Processor seconds at one moment. */
interface Sample {
  readonly atMs: number;
  readonly client: number;
  readonly nodes: readonly number[];
  readonly machine: number;
}

/** Looks at what the load generator and the nodes have used; null where one of them is gone. */
function take(cluster: Cluster, clientPid: number): Sample | null {
  const client = processorSeconds(clientPid);
  const nodes = cluster.nodes.map(({ pid, isRunning }) => isRunning ? processorSeconds(pid) : 0);
  if (client === null || nodes.includes(null)) return null;
  return {
    atMs: performance.now(),
    client,
    nodes: nodes as number[],
    machine: machineBusySeconds(),
  };
}

/** Samples from the start of the measured time to the last moment at which the client runs. */
async function sample(
  cluster: Cluster,
  { client, warmUpMs }: { readonly client: OwnProcess; readonly warmUpMs: number },
): Promise<[Sample, Sample]> {
  const startedMs = performance.now();
  let first: Sample | null = null;
  let last: Sample | null = null;
  while (client.isRunning) {
    const isMeasuring = client.output.stderr.length > 0;
    const now = isMeasuring ? take(cluster, client.pid) : null;
    if (now !== null && first === null) {
      checkWarmUp({ warmUpMs, startedMs, measuringMs: now.atMs });
    }
    if (now !== null) {
      first ??= now;
      last = now;
    }
    await elapse(SAMPLE_PAUSE_MS);
  }
  if (first === null || last === null || first === last) {
    const said = Buffer.concat(client.output.stderr).toString();
    throw new Error(`The load generator ended before it measured: ${said}`);
  }
  return [first, last];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** Puts a load on a cluster; resolves with what it came to. */
export async function runLoad(cluster: Cluster, plan: LoadPlan): Promise<LoadResult> {
  const command = cluster.loadCommand(plan);
  const client = new OwnProcess({ command, environment: cleanEnvironment() });
  const [first, last] = await sample(cluster, { client, warmUpMs: plan.warmUpMs });
  const { code } = await client.ended;
  const said = Buffer.concat(client.output.stderr).toString();
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${said}`);
  const document: LoadDocument = JSON.parse(Buffer.concat(client.output.stdout).toString());
  const seconds = (last.atMs - first.atMs) / 1000;
  const share = (from: number, to: number): number => (to - from) / seconds;
  const nodes = last.nodes.map((used, position) => share(first.nodes[position]!, used));
  const nodesShare = nodes.reduce((sum, node) => sum + node, 0);
  const clientShare = share(first.client, last.client);
  const per100k = (used: number): number =>
    round((used / Math.max(1, document.opsPerSecond)) * OPERATIONS_A_FIGURE);
  return {
    ...document,
    serverSecondsPer100k: per100k(nodesShare),
    clientSecondsPer100k: per100k(clientShare),
    clientShare: round(clientShare),
    nodeShares: nodes.map(round),
    busiestShare: round(Math.max(...nodes)),
    othersShare: round(share(first.machine, last.machine) - nodesShare - clientShare),
    mostMebibytes: Math.max(
      ...cluster.nodes.filter(({ isRunning }) => isRunning)
        .map(({ pid }) => memoryMebibytes(pid).most),
    ),
  };
}

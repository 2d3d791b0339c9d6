/**
 * The pages that a node shows of itself over HTTP: `/metrics`, `/health` and `/status`.
 *
 * `/health` answers with 200 where the node serves, and 503 where it serves nobody: for what
 * decides whom to send clients to. What is wrong with a node that serves all the same is in its
 * text.
 *
 * @module
 */
import type { HttpAnswer } from "../runtime/http.ts";
import type { ProcessUsage } from "../runtime/process.ts";
import type { Address, NodeId } from "../types.ts";
import type { StatusMember } from "../wire/client_messages.ts";
import type { NodeReadings } from "./node_readings.ts";
import { loadPrometheusMetrics, type PrometheusMetrics } from "./prometheus_metrics.ts";

/** How a node is, in the words of `raft health`. */
export interface NodeHealth {
  readonly status: "healthy" | "degraded" | "no_quorum" | "unknown";
  readonly reasons: readonly string[];
  /** Whether it serves. */
  readonly serves: boolean;
}

/** What the pages are made of. */
export interface NodePagesOptions {
  /** Null while the node starts. */
  readonly readings: () => NodeReadings | null;
  readonly usage: () => ProcessUsage;
}

const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";

const STARTING = "the node is starting: it reads what it has on disk";

/** See the comment of this module. */
export class NodePages {
  readonly #options: NodePagesOptions;
  /** Loaded with the first request for it. */
  #metrics: Promise<PrometheusMetrics> | null = null;
  /** What the text under way is made of. */
  #readings: NodeReadings | null = null;

  /** Reads nothing before it is asked. */
  constructor(options: NodePagesOptions) {
    this.#options = options;
  }

  /** The page at `path`. */
  async answer(path: string): Promise<HttpAnswer> {
    switch (path) {
      case "/metrics":
        return await this.#metricsPage();
      case "/health":
        return this.#healthPage();
      case "/status":
        return this.#statusPage();
      default:
        return {
          status: path === "/" ? 200 : 404,
          contentType: TEXT_TYPE,
          body: "There is /metrics (Prometheus), /health and /status (JSON)\n",
        };
    }
  }

  async #metricsPage(): Promise<HttpAnswer> {
    const readings = this.#options.readings();
    if (readings === null) return { status: 503, contentType: TEXT_TYPE, body: `${STARTING}\n` };
    this.#metrics ??= loadPrometheusMetrics(() => ({
      ...this.#readings!,
      process: this.#options.usage(),
    }));
    const metrics = await this.#metrics;
    this.#readings = readings;
    return { status: 200, contentType: metrics.contentType, body: await metrics.text() };
  }

  #healthPage(): HttpAnswer {
    const readings = this.#options.readings();
    const { serves, ...health }: NodeHealth = readings === null
      ? { status: "unknown", reasons: [STARTING], serves: false }
      : judgeNode(readings);
    return json(serves ? 200 : 503, health);
  }

  #statusPage(): HttpAnswer {
    const readings = this.#options.readings();
    return readings === null
      ? json(503, { error: STARTING })
      : json(200, statusDocument(readings.status));
  }
}

function json(status: number, document: unknown): HttpAnswer {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(document)}\n` };
}

/** How a node is, as far as it can say alone. */
export function judgeNode({ status, raft }: NodeReadings): NodeHealth {
  const reasons = [...status.alarms.map(({ message }) => message), ...status.notes];
  if (raft === null) return { status: "no_quorum", reasons, serves: false };
  if (status.leaderId === 0) {
    return { status: "no_quorum", reasons: ["no leader is known", ...reasons], serves: false };
  }
  if (raft.isRestoring) reasons.unshift("a snapshot of the leader replaces the state");
  const serves = !raft.deviates && !raft.isRestoring;
  return { status: reasons.length === 0 ? "healthy" : "degraded", reasons, serves };
}

/** The status of one node in the form of `raft status -o json`, which asks all of them. */
export function statusDocument(status: NodeReadings["status"]): Readonly<Record<string, unknown>> {
  const { nodeId, clusterName, clusterId, leaderId, leaderAddress, term, commitIndex } = status;
  return {
    cluster: clusterName,
    clusterId,
    leader: leaderId === 0 ? null : { id: leaderId, address: leaderAddress },
    term,
    commitIndex,
    members: [...status.members].sort((a, b) => a.id - b.id).map((member) =>
      memberDocument(status, member)
    ),
    configurationIndex: status.configurationIndex,
    joint: status.joint,
    transferTarget: status.transferTarget === 0 ? null : status.transferTarget,
    notes: status.notes.map((note) => `node ${nodeId}: ${note}`),
    alarms: status.alarms.map(({ nodeId: node, index, message }) => ({
      node: node === 0 ? null : node,
      index,
      message,
    })),
  };
}

interface MemberDocument {
  readonly id: NodeId;
  readonly address: Address;
  readonly role: NodeReadings["status"]["role"] | "unknown";
  readonly voter: boolean;
  readonly reachable: boolean;
  readonly matchIndex: number | null;
  readonly lag: number | null;
  readonly version: string;
  readonly promotion: boolean;
  readonly snapshotIndex: number | null;
}

/** Of the others a node knows what its connection and, at a leader, their answers say. */
function memberDocument(
  { nodeId, role, leaderId, lastIndex, snapshotIndex, promotions }: NodeReadings["status"],
  { id, address, voter, reachable, matchIndex, version }: StatusMember,
): MemberDocument {
  const isSelf = id === nodeId;
  const isLed = role === "leader";
  const match = isSelf ? lastIndex : isLed ? matchIndex : null;
  return {
    id,
    address,
    role: isSelf ? role : id === leaderId ? "leader" : "unknown",
    voter,
    reachable,
    matchIndex: match,
    lag: isLed && match !== null ? Math.max(0, lastIndex - match) : null,
    version,
    promotion: promotions.includes(id),
    snapshotIndex: isSelf ? snapshotIndex : null,
  };
}

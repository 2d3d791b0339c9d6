/**
 * What a node that asks to be taken in makes of endpoints where another cluster answers: an address
 * that a member has left may be in use by anybody. It asks the others, and gives up only where
 * nobody else has answered for a while.
 *
 * @module
 */
import { DeniedError } from "../errors.ts";
import type { Address } from "../types.ts";
import type { HelloReply } from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";

/** How long other clusters alone must have answered, in milliseconds. */
export const FOREIGN_PATIENCE_MS = 3_000;

/** Follows the answers that one node gets. */
export class ForeignAnswers {
  readonly #identity: Identity;
  readonly #endpoints: readonly Address[];
  /** When another cluster answered, and nobody else since; null for never. */
  #sinceMs: number | null = null;
  /** Whom it has asked since then. */
  readonly #asked = new Set<Address>();
  /** Its own cluster was met in this life: who is away now comes back. */
  #hasMetOwn = false;
  /** Where the cluster answers that took the place of its own. */
  #successor: { readonly address: Address; readonly reason: string } | null = null;

  /** Creates it for a node that has asked nobody. */
  constructor(identity: Identity, endpoints: readonly Address[]) {
    this.#identity = identity;
    this.#endpoints = endpoints;
  }

  /**
   * Somebody answers at an endpoint. Returns why it is not to be asked, or null where it is.
   *
   * @throws {DeniedError} Where others alone have answered for long enough.
   */
  answered(endpoint: Address, reply: HelloReply, nowMs: number): string | null {
    const what = this.#foreign(endpoint, reply);
    if (what === null) {
      if (reply.clusterId !== "") this.#hasMetOwn = true;
      this.#sinceMs = null;
      this.#successor = null;
      return null;
    }
    if (reply.refusal === "formerCluster") {
      this.#successor = { address: endpoint, reason: reply.reason };
    }
    if (this.#sinceMs === null) {
      this.#sinceMs = nowMs;
      this.#asked.clear();
    }
    const isWholeRound = this.#endpoints.every((one) => one === endpoint || this.#asked.has(one));
    const isOver = this.#successor !== null || !this.#hasMetOwn;
    if (isOver && isWholeRound && nowMs - this.#sinceMs >= FOREIGN_PATIENCE_MS) {
      throw this.#error(what);
    }
    return what;
  }

  /** An endpoint was asked, whatever came of it. */
  asked(endpoint: Address): void {
    if (this.#sinceMs !== null && this.#endpoints.includes(endpoint)) this.#asked.add(endpoint);
  }

  /** A node that was promised to one cluster, by name or by id, joins no other. */
  #foreign(endpoint: Address, reply: HelloReply): string | null {
    const { clusterId, clusterName } = this.#identity;
    const isRefused = reply.refusal === "wrongCluster" || reply.refusal === "formerCluster";
    const isOtherId = ![clusterId, ""].includes(reply.clusterId) && clusterId !== "";
    const isOtherName = ![clusterName, ""].includes(reply.clusterName) && clusterName !== "";
    if (!isRefused && !isOtherId && !isOtherName) return null;
    return `Cannot join cluster "${reply.clusterName}" (${reply.clusterId}) at ${endpoint}, node ` +
      `${reply.nodeId}: this node was started for cluster "${clusterName}"` +
      `${clusterId === "" ? "" : ` (${clusterId})`}; check --join and --cluster`;
  }

  /** Where its own cluster went, only an operator knows, unless another one has its place. */
  #error(what: string): DeniedError {
    const { nodeId, clusterId } = this.#identity;
    if (this.#successor !== null) {
      const { address, reason } = this.#successor;
      return new DeniedError(reason, { fix: joinAnewFix(nodeId, address) });
    }
    const start = `raft start --id ${nodeId} --data DIR --join HOST:PORT`;
    return new DeniedError(`${what}; nobody of its own cluster has answered`, {
      fix: [
        `name members of ${clusterId === "" ? "the cluster that is meant" : "its own cluster"}, ` +
        `where they are now: ${start}`,
      ],
    });
  }
}

/** How a node comes back whose cluster knows it no more. */
export function joinAnewFix(nodeId: number, endpoint: Address): string[] {
  return [
    "keep its data directory aside: it may hold what nobody else has",
    "to take part again, with an empty directory: " +
    `raft start --id ${nodeId} --data NEW_DIR --join ${endpoint}`,
  ];
}

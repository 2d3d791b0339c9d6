/**
 * Notices that the cluster of this node is over: it lost its quorum, and an operator made one of
 * its members the start of another cluster. That member says so to whoever dials it.
 *
 * A node that hears of a leader goes on all the same: then its cluster has a quorum, and the other
 * one was made by mistake.
 *
 * @module
 */
import { DeniedError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { HelloReply } from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";

/** What a {@linkcode FormerCluster} needs to know. */
export interface FormerClusterOptions {
  readonly clock: Clock;
  readonly identity: () => Identity;
  /** Whether this node knows a leader. */
  readonly hasLeader: () => boolean;
  /** How long it must have known none, in milliseconds. */
  readonly patienceMs: number;
}

/** What one node was told of its cluster. */
export class FormerCluster {
  readonly #options: FormerClusterOptions;
  /** When it was told first, without having heard of a leader since. */
  #sinceMs: number | null = null;

  /** Creates it for a node that was told nothing. */
  constructor(options: FormerClusterOptions) {
    this.#options = options;
  }

  /** A peer said that the cluster is over. Returns why to stop, or null for going on. */
  told(reply: HelloReply): DeniedError | null {
    const { clock, hasLeader, patienceMs } = this.#options;
    if (hasLeader()) {
      this.#sinceMs = null;
      return null;
    }
    this.#sinceMs ??= clock.nowMs();
    return clock.nowMs() - this.#sinceMs < patienceMs ? null : this.#error(reply);
  }

  #error({ reason, address }: HelloReply): DeniedError {
    const { nodeId } = this.#options.identity();
    return new DeniedError(`Node ${nodeId} belongs to a cluster that is over: ${reason}`, {
      fix: [
        "keep its data directory aside: it may hold writes that the new cluster does not have",
        "to take part in the new cluster, with an empty directory: " +
        `raft start --id ${nodeId} --data NEW --join ${address}`,
      ],
    });
  }
}

/**
 * Notices that the cluster of this node is over, for what answers at the addresses of its members
 * belongs to another one; or that it goes on without this data directory, for it knows another one
 * under the id of this node.
 *
 * Who may say so:
 *
 * - A member of which an operator has made the start of another cluster when this one had lost its
 *   quorum: one is enough, for it knows this cluster by its id.
 * - Nodes of any other cluster, such as one that was restored from a backup in the place of this
 *   one, when those that answer so leave no quorum: a single stray node stops nobody.
 * - Members that know this node with another directory, when they leave no quorum: one that was
 *   started on the wrong directory itself stops nobody.
 *
 * A node that hears of a leader goes on all the same: then its cluster has a quorum, and the other
 * one was made by mistake. So does a node that was told for less than a few election timeouts. A
 * member that answers as one is believed again.
 *
 * @module
 */
import { lostDirectoryFix } from "../consensus/lost_directory.ts";
import { hasQuorum } from "../consensus/quorum.ts";
import { DeniedError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Configuration, NodeId } from "../types.ts";
import type { HelloRefusal, HelloReply } from "../wire/hello.ts";
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

/** How much longer than its patience a node remembers what it was told; peers are dialed often. */
const MEMORY_MS = 5_000;

/** What a peer answered: first, and last without anything else in between. */
interface Told {
  readonly refusal: HelloRefusal;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What one node was told of its cluster. */
export class FormerCluster {
  readonly #options: FormerClusterOptions;
  /** Who refuses this node so, since no leader is known. */
  readonly #told = new Map<NodeId, Told>();

  /** Creates it for a node that was told nothing. */
  constructor(options: FormerClusterOptions) {
    this.#options = options;
  }

  /**
   * A peer refused this node for its cluster or its directory, while `configuration` is in effect
   * here. Returns why to stop, or null for going on.
   */
  told(peer: NodeId, reply: HelloReply, configuration: Configuration): DeniedError | null {
    const { clock, hasLeader, patienceMs } = this.#options;
    if (hasLeader()) {
      this.#told.clear();
      return null;
    }
    const { refusal } = reply;
    const nowMs = clock.nowMs();
    for (const [id, { lastMs }] of this.#told) {
      if (nowMs - lastMs > patienceMs + MEMORY_MS) this.#told.delete(id);
    }
    const before = this.#told.get(peer);
    const firstMs = before?.refusal === refusal ? before.firstMs : nowMs;
    this.#told.set(peer, { refusal, firstMs, lastMs: nowMs });
    const sure = [...this.#told].filter(([, told]) =>
      told.refusal === refusal && nowMs - told.firstMs >= patienceMs
    ).map(([id]) => id).sort((a, b) => a - b);
    if (refusal === "formerCluster") return sure.includes(peer) ? this.#recovered(reply) : null;
    // A node that was taken in and has no log yet asks again, and is told by the leader.
    const isQuorumLeft = configuration.voters.length === 0 ||
      hasQuorum(configuration, (id) => !sure.includes(id));
    if (isQuorumLeft) return null;
    return refusal === "wrongInstance" ? this.#replaced(reply, sure) : this.#foreign(reply, sure);
  }

  /** A peer answered as a member of this cluster. */
  accepted(peer: NodeId): void {
    this.#told.delete(peer);
  }

  #recovered({ reason, address }: HelloReply): DeniedError {
    const { nodeId } = this.#options.identity();
    return new DeniedError(`Node ${nodeId} belongs to a cluster that is over: ${reason}`, {
      fix: this.#fix("it may hold writes that the new cluster does not have", address),
    });
  }

  #replaced({ reason, address }: HelloReply, sure: readonly NodeId[]): DeniedError {
    const { nodeId } = this.#options.identity();
    const ids = sure.join(", ");
    return new DeniedError(
      `This node is refused by nodes ${ids}, without whom no quorum is left: ${reason}`,
      {
        fix: [
          ...lostDirectoryFix(nodeId, address || "HOST:PORT"),
          `or the directories of nodes ${ids} were mixed up? start them with their own`,
        ],
      },
    );
  }

  #foreign(reply: HelloReply, sure: readonly NodeId[]): DeniedError {
    const { clusterId: otherId, clusterName: otherName, address } = reply;
    const { nodeId, clusterId, clusterName } = this.#options.identity();
    const ids = sure.join(", ");
    return new DeniedError(
      `Node ${nodeId} belongs to cluster "${clusterName}" (${clusterId}), and those who ` +
        `answer as nodes ${ids} to another one, "${otherName}" (${otherId}): no quorum is left`,
      {
        fix: [
          ...this.#fix("nothing of it gets into a cluster that was restored", address),
          `else bring nodes ${ids} back with their own directories, and start this one again`,
        ],
      },
    );
  }

  #fix(why: string, address: string): string[] {
    return [
      `keep its data directory aside: ${why}`,
      "to take part in the new cluster, with an empty directory: " +
      `raft start --id ${this.#options.identity().nodeId} --data NEW --join ${address}`,
    ];
  }
}

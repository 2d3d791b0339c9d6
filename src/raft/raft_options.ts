/**
 * How a node is started.
 *
 * @module
 */
import type { Tracer } from "../consensus/tracing.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { Log } from "../log/log.ts";
import type { Logger } from "../observability/logger.ts";
import type { StateMachine } from "../state_machine/state_machine.ts";
import type { GreetedConnection } from "../transport/acceptor.ts";
import type { Address, NodeId } from "../types.ts";
import type { RaftObserver } from "./observer.ts";

/** How a node without identity gets one; a node that has one ignores it. */
export type ClusterFormation =
  /** This node alone is a new cluster. */
  | { readonly kind: "bootstrap" }
  /** The listed nodes, this one included, are a new cluster; each must be up once. */
  | {
    readonly kind: "peers";
    readonly peers: readonly { readonly id: NodeId; readonly address: Address }[];
  }
  /**
   * It asks the members at these addresses to be taken in, as a learner that becomes a voter once
   * it has caught up, or that stays a learner.
   */
  | {
    readonly kind: "join";
    readonly endpoints: readonly Address[];
    readonly learner: boolean;
  }
  /** It must have an identity already. */
  | { readonly kind: "existing" };

/** The options of `Raft.start`. */
export interface RaftOptions {
  /** A positive integer, unique in the cluster, the same for the life of the data directory. */
  readonly nodeId: NodeId;
  /** The data directory; created where it does not exist. */
  readonly dataPath: string;
  /** Where to listen. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Where others reach this node; `listen` unless given. */
  readonly advertise?: Address;
  /** A name for people; nodes with another name do not join each other. */
  readonly clusterName?: string;
  readonly formation: ClusterFormation;
  readonly stateMachine: StateMachine;
  /** The pause between a leader's messages, in milliseconds; 100 unless given. */
  readonly heartbeatMs?: number;
  /** How long a leader may be silent before others stand, in milliseconds; 1000 unless given. */
  readonly electionTimeoutMs?: number;
  /**
   * Lease reads; off unless given. With them on, a node promises its leader to elect nobody for an
   * election timeout after each message, and a leader with the promises of a quorum answers reads
   * of the consistency `lease` without a message. They are linearizable as long as no clock runs a
   * tenth faster than another. A node that starts keeps what it promised before, also where its
   * `electionTimeoutMs` is shorter now or lease reads are off.
   */
  readonly leaseReads?: boolean;
  /** The size of a segment of the log, in bytes. */
  readonly segmentBytes?: number;
  /** A snapshot is taken when so many entries were applied since the last; 100,000 unless given. */
  readonly snapshotEvery?: number;
  /** A snapshot is taken when so many bytes were applied since the last; 256 MiB unless given. */
  readonly snapshotBytes?: number;
  /**
   * How many entries that a snapshot covers stay in the log, so that a follower which was away for
   * a moment needs no snapshot; 10,000 unless given.
   */
  readonly trailingEntries?: number;
  /**
   * The most bytes of entries in one message, or one entry that is larger; APPEND_BYTES_MAX unless
   * given. Small ones make catching up slower, and its steps visible to tests.
   */
  readonly appendBytesMax?: number;
  /**
   * How many bytes of recent entries stay in memory; TAIL_CACHE_BYTES_MAX unless given. With few of
   * them followers that are not quite up to date are served from storage.
   */
  readonly tailCacheBytesMax?: number;
  /** Brings a log of the application's own; the segmented log unless given. */
  readonly openLog?: (directory: DataDirectory) => Promise<Log>;
  /** Log lines; none unless given. */
  readonly logger?: Logger;
  /** The version that the node tells its peers and clients. */
  readonly version?: string;
  /** Serves a client's connection; refused unless given. */
  readonly serveClient?: (connection: GreetedConnection) => void;
  /** Watches the node, for tests and traces. */
  readonly observer?: RaftObserver;
  /** Takes every transition of the core, for a model checker; none unless given. */
  readonly tracer?: Tracer;
  /** Called when the node stops, after everything that waited was answered. */
  readonly stopping?: () => void;
}

/** The default of {@linkcode RaftOptions.heartbeatMs}. */
export const HEARTBEAT_MS_DEFAULT = 100;

/** The default of {@linkcode RaftOptions.electionTimeoutMs}. */
export const ELECTION_TIMEOUT_MS_DEFAULT = 1_000;

/** How long a node waits for what. */
export interface RaftTiming {
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly leaseReads: boolean;
}

/** The timing that the options mean. */
export function timingOf(options: RaftOptions): RaftTiming {
  return {
    heartbeatMs: options.heartbeatMs ?? HEARTBEAT_MS_DEFAULT,
    electionTimeoutMs: options.electionTimeoutMs ?? ELECTION_TIMEOUT_MS_DEFAULT,
    leaseReads: options.leaseReads ?? false,
  };
}

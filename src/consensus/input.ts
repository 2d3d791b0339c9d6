/**
 * Everything that can happen to the core. Whatever is not one of these does not concern it.
 *
 * @module
 */
import type {
  Configuration,
  EntryKind,
  Index,
  InstanceId,
  MemberChange,
  NodeId,
  SnapshotId,
  Term,
} from "../types.ts";
import type { Message } from "./messages.ts";

/** The timers that the core arms. The driver owns the clock and draws the jitter. */
export type Timer =
  /** Follower and candidates: no word from a leader; between one and two election timeouts. */
  | "election"
  /** Follower: one election timeout since the leader was heard (stickiness, §6 of the paper). */
  | "leaderContact"
  /** Follower: the leader's process is gone; as long as those before it in succession need. */
  | "succession"
  /** Leader: time for heartbeats. */
  | "heartbeat"
  /** Leader: one election timeout; time to see whether a quorum answered (check-quorum). */
  | "quorum"
  /** Leader: some followers may not know the commit index; time to tell those that do not. */
  | "commitNotice"
  /** One election timeout since this node promised, or may have promised, to elect nobody. */
  | "promise"
  /** One election timeout since a transfer of leadership began: it is given up. */
  | "transfer";

/** What the core must know of a snapshot. */
export interface SnapshotSummary {
  readonly snapshotId: SnapshotId;
  /** The last entry that it covers. */
  readonly lastIncludedIndex: Index;
  readonly lastIncludedTerm: Term;
  /** The configuration in effect there, and the entry that carried it. */
  readonly configurationIndex: Index;
  readonly configuration: Configuration;
}

/** Something that happened. */
export type Input =
  | { readonly type: "message"; readonly from: NodeId; readonly message: Message }
  /** Entries that the application wants appended, in order, as one batch. */
  | {
    readonly type: "propose";
    readonly kind: EntryKind;
    /** How many entries. */
    readonly count: number;
    /** What their records take, for the limit on what is appended and not committed. */
    readonly bytes: number;
    /** Handed back with the append or the refusal; the core never looks inside. */
    readonly source: unknown;
  }
  /** Somebody wants the members changed, all at once (§6). */
  | {
    readonly type: "changeMembership";
    readonly changes: readonly MemberChange[];
    /** Also where the voters that are up would be no quorum afterwards. */
    readonly force: boolean;
    /** With rejoin: the data directories that the member may be known by. */
    readonly replaces?: readonly InstanceId[];
    /** Of a node that asks to join: the configuration that took it in before; 0 unless given. */
    readonly joinIndex?: Index;
    /** Whom this node has no connection to, at their present address: down, whatever they say. */
    readonly unconnected?: readonly NodeId[];
    /** Handed back with the outcome; the core never looks inside. */
    readonly source: unknown;
  }
  | { readonly type: "timer"; readonly timer: Timer }
  /** The appends of the effects with this sequence, and all before, are durable. */
  | { readonly type: "durable"; readonly sequence: number }
  /**
   * A send effect was carried out: entries up to `lastIndex` went out, in one message. With 0
   * bytes, nothing could be sent, and the core waits for the next heartbeat.
   */
  | {
    readonly type: "sent";
    readonly peer: NodeId;
    /** The term in which the effect was given. */
    readonly term: Term;
    readonly lastIndex: Index;
    readonly bytes: number;
  }
  /** A snapshot is no longer sent to `peer`: it was installed, or the attempt came to nothing. */
  | {
    readonly type: "snapshotEnded";
    readonly peer: NodeId;
    /** Those of the effect. */
    readonly term: Term;
    readonly session: number;
  }
  /**
   * A snapshot was received as a whole, verified, and is durable: a crash from now on starts from
   * it, unless the log holds what it covers. `source` is handed back.
   */
  | {
    readonly type: "snapshotReceived";
    readonly snapshot: SnapshotSummary;
    readonly source: unknown;
  }
  /** The state machine is at the snapshot of `index` that replaced the log, or beyond. */
  | { readonly type: "snapshotRestored"; readonly index: Index }
  /**
   * The log no longer holds the entries up to `index`, all of them applied and covered by a durable
   * snapshot.
   */
  | { readonly type: "compacted"; readonly index: Index }
  /** This number names a moment of the driver's clock, which has passed; opaque to the core. */
  | { readonly type: "ageToken"; readonly token: number }
  /** A linearizable read wants an index; `readId` is unique at this node since it started. */
  | { readonly type: "readIndex"; readonly readId: number }
  /** Leadership is to go to `target`, or with null to the voter that is furthest. */
  | {
    readonly type: "transferLeadership";
    readonly target: NodeId | null;
    /** Handed back with the outcome; the core never looks inside. */
    readonly source: unknown;
  }
  /**
   * A sync has been under way for two election timeouts, or has failed for good. The next `durable`
   * ends the state.
   */
  | { readonly type: "storageStalled" }
  /** The log has no room for more than it has prepared, or has room again. */
  | { readonly type: "storageRoom"; readonly isFull: boolean }
  /** The state machine was found to differ from that of a majority, now or in an earlier life. */
  | { readonly type: "stateDeviates" }
  /**
   * What was sent to `peer` and not answered may be lost: the connection ended, or a message was
   * dropped for want of one. Stepped before anything that a new connection brings.
   */
  | { readonly type: "connectionLost"; readonly peer: NodeId }
  /**
   * A connection to `peer` stands, so that it can be asked something. Stepped behind the
   * connectionLost that goes with it.
   */
  | { readonly type: "peerReached"; readonly peer: NodeId }
  /**
   * The process of `peer` is gone: its connections have ended, and nobody listens in its place. May
   * come again while that lasts, and may be wrong.
   */
  | { readonly type: "peerGone"; readonly peer: NodeId };

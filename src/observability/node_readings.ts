/**
 * What can be read off a running node at a moment: its status, and what it has counted since its
 * start. Reading costs something; what is read is kept anyway.
 *
 * @module
 */
import type { Index } from "../types.ts";
import type { StatusAnswer } from "../wire/client_messages.ts";
import type { DurationReadings } from "./duration_histogram.ts";

/** The commands that clients of this node proposed. */
export interface ProposalReadings {
  /** How many came into its log. */
  readonly logged: number;
  /** How many wait for the log, or in it to be applied. */
  readonly pending: number;
  /** How many were refused: not applied. */
  readonly refused: number;
  /** How many were answered as unknown: they may have been applied. */
  readonly unknown: number;
}

/** The snapshots of the state. */
export interface SnapshotReadings {
  /** How many were taken here, and the time that took. */
  readonly taken: number;
  readonly takenSeconds: number;
  /** How many could not be taken; and whether that was so with the last one. */
  readonly failed: number;
  readonly lastFailed: boolean;
  /** How many came from a leader; and whether the last one could not be stored. */
  readonly received: number;
  readonly notReceived: boolean;
  /** How many were found to be of no use; and whether one was of late. */
  readonly unusable: number;
  readonly recentlyUnusable: boolean;
}

/** What only a node can tell that takes part in a cluster. */
export interface RaftReadings {
  readonly durableIndex: Index;
  /** How often a leader was elected, this node or another, as far as it was heard of. */
  readonly leaderChanges: number;
  /** Milliseconds since the state is known to have held all that was committed; null: not known. */
  readonly stateAgeMs: number | null;
  /** How long it takes until a batch of entries is durable. */
  readonly syncs: DurationReadings;
  readonly proposals: ProposalReadings;
  readonly snapshots: SnapshotReadings;
  /** Its state is wrong: it serves nobody. */
  readonly deviates: boolean;
  /** Nothing becomes durable. */
  readonly isStalled: boolean;
  /** There is no room for more of the log. */
  readonly isFull: boolean;
  /** A snapshot replaces the state: no read is answered. */
  readonly isRestoring: boolean;
  readonly sessions: number;
  readonly rememberedAnswers: number;
}

/** What can be read off a node. */
export interface NodeReadings {
  readonly status: Omit<StatusAnswer, "type" | "requestId">;
  /** Null before its cluster has formed. */
  readonly raft: RaftReadings | null;
  /** What the log takes on disk; null where it does not say. */
  readonly log: { readonly segments: number; readonly bytes: number } | null;
  /** The size of the newest snapshot, 0 for none. */
  readonly snapshotBytes: number;
  readonly clientConnections: number;
  /** Of the key-value store; null for another state machine. */
  readonly keys: number | null;
  readonly leases: number | null;
}

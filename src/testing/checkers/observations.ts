/**
 * What a test tells the checkers about the nodes it watches.
 *
 * Model: the harness reads each node's own state right after it changed and reports it here, one
 * plain record a fact. A checker never asks a node for anything, so it cannot disturb it, and a
 * history can be replayed to it from a file.
 *
 * @module
 */
import type { Index, NodeId, Term } from "../../types.ts";

/** One entry of one log. */
export interface ObservedEntry {
  readonly index: Index;
  readonly term: Term;
  /** A hash of kind and payload: equal for equal entries. */
  readonly payloadHash: string;
}

/** A whole log at one moment. */
export interface ObservedLog {
  /** What the snapshot below the log stands for; 0 and 0 where there is none. */
  readonly lastIncludedIndex: Index;
  /** The term of the entry at `lastIncludedIndex`. */
  readonly lastIncludedTerm: Term;
  /** The entries from `lastIncludedIndex` + 1 on, without a gap. */
  readonly entries: readonly ObservedEntry[];
}

/** A node won an election. */
export interface LeaderObservation {
  readonly nodeId: NodeId;
  readonly term: Term;
  /** Its log when it won. */
  readonly log: ObservedLog;
}

/** A node wrote an entry to its log. */
export interface AppendObservation extends ObservedEntry {
  readonly nodeId: NodeId;
  /** The term of the entry before; 0 where there is none. */
  readonly previousTerm: Term;
}

/** A node learned that an entry is committed. */
export interface CommitObservation extends ObservedEntry {
  readonly nodeId: NodeId;
  /** The current term of the node then. */
  readonly commitTerm: Term;
}

/** A node applied an entry to its state machine. */
export interface ApplyObservation extends ObservedEntry {
  readonly nodeId: NodeId;
}

/** A node started, or took over a snapshot: its state machine stands at `lastApplied`. */
export interface RestoreObservation {
  readonly nodeId: NodeId;
  readonly lastApplied: Index;
}

/** A client was told that its command took effect. */
export interface AcknowledgeObservation {
  readonly index: Index;
  readonly payloadHash: string;
  /** Names the command in messages. */
  readonly label: string;
}

/** Takes everything that the harness sees. Every method throws what it finds wrong. */
export interface Observations {
  /** A node won an election. */
  onLeader(observation: LeaderObservation): void;
  /** A node wrote an entry to its log. */
  onAppended(observation: AppendObservation): void;
  /** A node learned that an entry is committed. */
  onCommitted(observation: CommitObservation): void;
  /** A node applied an entry. */
  onApplied(observation: ApplyObservation): void;
  /** A state machine was set to a state of before. */
  onRestored(observation: RestoreObservation): void;
  /** A client was told that its command took effect. */
  onAcknowledged(observation: AcknowledgeObservation): void;
}

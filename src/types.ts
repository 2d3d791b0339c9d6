/**
 * The words of the field as types. Indexes, terms and ids are JavaScript numbers: every one stays
 * below 2^53, and a larger one is refused where bytes become messages, never rounded.
 *
 * @module
 */

/** A position in the replicated log. The first entry has index 1; 0 means "before the first". */
export type Index = number;

/** An election term. The first is 1; 0 means "no term yet". */
export type Term = number;

/** Identifies a member for its lifetime in the cluster: a positive integer that its owner chose. */
export type NodeId = number;

/** 16 random or derived bytes as 32 lower-case hexadecimal digits: which cluster this is. */
export type ClusterId = string;

/** 16 random bytes as 32 lower-case hexadecimal digits, made once for each data directory. */
export type InstanceId = string;

/** 16 random bytes as 32 lower-case hexadecimal digits, made once for each snapshot file. */
export type SnapshotId = string;

/** `HOST:PORT`, where HOST is a name, an IPv4 address or a bracketed IPv6 address. */
export type Address = string;

/** Milliseconds of log time, the clock that the entries of the log carry. */
export type LogTimeMs = number;

/** What an entry means; the numbers are the bytes on disk and on the wire. */
export const EntryKind = {
  /** Appended by a leader on its election (§8 of the paper); applied as nothing. */
  noop: 1,
  /** A command with its id in front of it, for the state machine. */
  command: 2,
  /** A cluster configuration (§6 of the paper); in effect from the moment it is appended. */
  configuration: 3,
  /** Says that time has passed: what is due by its log time expires. Its payload is empty. */
  tick: 4,
} as const;

/** One of the values of {@linkcode EntryKind}. */
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** A stretch of entries that have one term: it ends where the next one starts. */
export interface TermRun {
  /** The term of the entries. */
  readonly term: Term;
  /** The index of the first of them. */
  readonly firstIndex: Index;
}

/** A node listed in a {@linkcode Configuration}. */
export interface Member {
  /** The id of the member. */
  readonly id: NodeId;
  /** Where its peers and clients reach it. */
  readonly address: Address;
  /** The data directory that holds the id; another one under the same id is refused. */
  readonly instanceId: InstanceId;
}

/**
 * Who takes part (§6 of the paper). While `votersOld` is not empty the configuration is joint, and
 * a decision needs a majority of `voters` and a majority of `votersOld`.
 */
export interface Configuration {
  /** The members whose votes count, by ascending id. */
  readonly voters: readonly Member[];
  /** The voters before the change while it is under way; empty otherwise. */
  readonly votersOld: readonly Member[];
  /** Members that receive the log and have no vote. */
  readonly learners: readonly Member[];
  /** The ids of the learners that the leader makes voters once they have caught up, ascending. */
  readonly promotions: readonly NodeId[];
}

/**
 * What becomes of a member: `add` makes a learner that becomes a voter once it has caught up,
 * `addLearner` one that stays one; `promote` makes a learner a voter once it has caught up,
 * `demote` a voter a learner.
 */
export type MemberAction =
  | "add"
  | "addLearner"
  | "promote"
  | "demote"
  | "remove"
  | "setAddress"
  /** The member comes back on another data directory; only a node asks for that, of itself. */
  | "rejoin";

/** One change of the members; several can be made at once (joint consensus, §6 of the paper). */
export interface MemberChange {
  readonly action: MemberAction;
  readonly id: NodeId;
  /** For the actions that add, and for `setAddress`; else empty. */
  readonly address: Address | "";
  /** For the actions that add: the data directory; empty where the node binds it as it joins. */
  readonly instanceId: InstanceId | "";
}

/** The largest index, term or id that may appear in a message or a file. */
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER;

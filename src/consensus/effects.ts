/**
 * What the core wants done, as data with a written order.
 *
 * The driver performs one record of effects before it takes the next, in this order:
 *
 * 1. `hardState` is made durable BEFORE anything else of the record happens.
 * 2. `logChanges` go to the log in their order, appends not durable yet.
 * 3. The time is noted at which `roundStarted` starts, then `messagesNow` are sent. They speak
 *    under a term that is durable (by 1), and of entries that need not be durable here: a leader
 *    may replicate what it has not yet synced (dissertation §10.2.1), for it counts itself only
 *    after its own sync.
 * 4. A sync of the log is started if there were appends. When it completes, the driver steps
 *    `durable` with `sequence`; votes and acknowledgements that need it come out of that step.
 * 5. `appliableIndex`: entries up to there may be applied: committed, and durable at this node.
 * 6. `snapshotChunks` are stored, which takes its time.
 * 7. `roundPromised`, `reads`, `refusals`, `changes`, `transfers` and `timers`, in any order, and
 *    then `softState` is told.
 *
 * Votes and vote requests are in `messagesNow` of a record that carries their hard state: step 1
 * makes it durable before step 3 sends them.
 *
 * @module
 */
import type { EntryKind, Index, NodeId, Term } from "../types.ts";
import type { SnapshotSummary, Timer } from "./input.ts";
import type { AppendEntriesRequest, InstallSnapshotRequest, Message } from "./messages.ts";

/** Entries to append: from a proposal, from a leader's message, or of the core's own. */
export interface Append {
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  /** The term of the entries, where this node creates them; 0 where a leader sent them. */
  readonly term: Term;
  /** The kind of the entries, where this node creates them; null where a leader sent them. */
  readonly kind: EntryKind | null;
  /** The `source` of the proposal or message; the Configuration of such an entry; or null. */
  readonly source: unknown;
}

/**
 * AppendEntries without its entries. The driver puts records into it, from `prevLogIndex + 1` on,
 * at least one and as many as fit into a message, none after `lastIndex`; then it steps `sent`. The
 * core gives a peer no further entries before that, so the driver steps `sent` in every case, also
 * where the peer cannot be reached.
 *
 * A driver that reads the entries later than it performs the record sends nothing if the core's
 * term is no longer that of the message: another leader may have replaced the entries, and the
 * message would put them behind a `prevLogTerm` that they do not follow.
 */
export interface SendEntries {
  readonly to: NodeId;
  readonly message: AppendEntriesRequest;
  readonly lastIndex: Index;
}

/**
 * The newest snapshot is to be sent: as many InstallSnapshot messages of this term and session as
 * it takes, while everything else goes on. When no more is sent, for whatever reason, the driver
 * steps `snapshotEnded`. The core asks for no second one before that, but for a new session of the
 * same member, which ends the old one without a word.
 */
export interface SendSnapshot {
  readonly to: NodeId;
  readonly term: Term;
  readonly session: number;
}

/** A chunk of a snapshot to store; the driver answers with what it has stored. */
export interface SnapshotChunk {
  readonly from: NodeId;
  readonly request: InstallSnapshotRequest;
}

/**
 * A change to the log, in the order in which they must happen. `installSnapshot` removes every
 * entry and starts the log behind the snapshot, which is durable already and replaces the state of
 * the state machine; `source` is that of the input that told of it.
 */
export type LogChange =
  | { readonly type: "append"; readonly append: Append }
  | { readonly type: "truncateSuffix"; readonly lastIndexKept: Index }
  | {
    readonly type: "installSnapshot";
    readonly snapshot: SnapshotSummary;
    readonly source: unknown;
  };

/** Something to send: a message that is complete, or one whose content the driver fetches. */
export type Send =
  | { readonly type: "message"; readonly to: NodeId; readonly message: Message }
  | ({ readonly type: "entries" } & SendEntries)
  | ({ readonly type: "snapshot" } & SendSnapshot);

/** The outcome of a `readIndex` input. */
export type ReadOutcome =
  /** Serve the read once `readIndex` is applied here. */
  | { readonly readId: number; readonly readIndex: Index }
  /** Nobody confirmed: `reason` says why. */
  | { readonly readId: number; readonly readIndex: null; readonly reason: "no_leader" | "lost" };

/** A proposal that was not taken; nothing of it was appended. */
export interface Refusal {
  readonly source: unknown;
  readonly reason: "not_leader" | "overloaded" | "transferring" | "no_room";
}

/** Why a transfer of leadership came to nothing. */
export type TransferFailure =
  | "not_leader"
  | "not_a_voter"
  | "no_other_voter"
  /** It is not connected, or has not answered for an election timeout. */
  | "target_down"
  /** Another transfer was asked for. */
  | "replaced"
  /** The target is no voter any more. */
  | "target_gone"
  | "timed_out"
  /** This node stepped down, and did not hear of another leader in time. */
  | "leader_unknown"
  /** This node lost its leadership and was elected again. */
  | "elected_again";

/** The outcome of a `transferLeadership` input. */
export type TransferOutcome =
  /** This node leads: the one that was meant, or another. */
  | {
    readonly source: unknown;
    readonly failure: null;
    readonly leaderId: NodeId;
    readonly term: Term;
  }
  | { readonly source: unknown; readonly failure: TransferFailure };

/** A round of leadership confirmation, whose messages are in the same record of effects. */
export interface RoundStarted {
  readonly term: Term;
  readonly readSequence: number;
}

/**
 * A quorum has answered this round, and each of it, but for the leader itself, has promised to
 * elect nobody for at least `promiseMs` after it received the round.
 */
export interface RoundPromised extends RoundStarted {
  readonly promiseMs: number;
}

/** Why a change of the members was not begun. */
export interface ChangeRefusal {
  readonly reason: "not_leader" | "in_progress" | "not_found" | "invalid" | "refused";
  /** For people: what cannot be done, and the way out. */
  readonly message: string;
  /** The facts behind it, a sentence each. */
  readonly why: readonly string[];
  /** What an operator can do, a step an element. */
  readonly fix?: readonly string[];
}

/** The outcome of a `changeMembership` input. */
export type ChangeOutcome =
  /** It is committed, whole; the configuration of this index holds. */
  | { readonly source: unknown; readonly type: "done"; readonly configurationIndex: Index }
  /** Nothing of it was appended. */
  | { readonly source: unknown; readonly type: "refused"; readonly refusal: ChangeRefusal }
  /** Leadership ended while it was in the log: it may be completed or replaced. */
  | { readonly source: unknown; readonly type: "lost" };

/** Arms a timer anew (its old expiry is void), or cancels it. */
export interface TimerChange {
  readonly timer: Timer;
  readonly armed: boolean;
}

/** What a node does in a term; `preCandidate` asks before it disturbs (dissertation §9.6). */
export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** Who leads, as this node sees it. */
export interface SoftState {
  readonly role: Role;
  readonly term: Term;
  readonly leaderId: NodeId | null;
}

/** Everything that follows from the inputs since the last one was taken. */
export interface Effects {
  /** Grows by one with each record; names the appends to `durable`. */
  readonly sequence: number;
  readonly hardState: { readonly currentTerm: Term; readonly votedFor: NodeId } | null;
  readonly logChanges: readonly LogChange[];
  readonly messagesNow: readonly Send[];
  /** Chunks of snapshots that this node receives; in their order. */
  readonly snapshotChunks: readonly SnapshotChunk[];
  /** The smaller of the commit index and this node's durable index, where it grew. */
  readonly appliableIndex: Index | null;
  readonly reads: readonly ReadOutcome[];
  readonly refusals: readonly Refusal[];
  readonly changes: readonly ChangeOutcome[];
  readonly transfers: readonly TransferOutcome[];
  /** Where lease reads are on: the latest round that this record starts. */
  readonly roundStarted: RoundStarted | null;
  /** Where lease reads are on: the latest round that a quorum's promises cover. */
  readonly roundPromised: RoundPromised | null;
  readonly timers: readonly TimerChange[];
  /** Role, term and leader, where one of them changed. */
  readonly softState: SoftState | null;
}

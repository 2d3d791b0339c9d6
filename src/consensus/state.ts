/**
 * The state of one core, in the groups of Ongaro's TLA+ specification: server, log, candidate and
 * leader variables.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Configuration, Index, InstanceId, Member } from "../types.ts";
import type { NodeId, Term, TermRun } from "../types.ts";
import { Durability } from "./durability.ts";
import type { Role } from "./effects.ts";
import { LogView } from "./log_view.ts";
import { type IndexedConfiguration, Membership } from "./membership.ts";
import { Outbox } from "./outbox.ts";
import type { Progress } from "./progress.ts";
import { isVoter, memberOf } from "./quorum.ts";
import { ReadQueue } from "./read_queue.ts";
import { type Tracer, Tracing } from "./tracing.ts";
import type { Transfer } from "./transfer.ts";

/** What a core starts from: what was durable when the node stopped. */
export interface ConsensusOptions {
  readonly nodeId: NodeId;
  /**
   * The data directory of the node: a member with the same id and another one is somebody else.
   * Left out where ids are never used again.
   */
  readonly instanceId?: InstanceId;
  /**
   * Whether it is known, even where the log holds it no more, that the log has had a configuration
   * with this node; false unless given.
   */
  readonly hasJoined?: boolean;
  /**
   * The configuration that took this node in, as it was told: what earlier ones say of it is of an
   * earlier membership, which its directory may have had under the same id. 0 unless given.
   */
  readonly joinIndex?: Index;
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  /** The entry before the first one of the log: 0, or the last one that a snapshot covers. */
  readonly baseIndex: Index;
  readonly baseTerm: Term;
  readonly lastIndex: Index;
  readonly termRuns: readonly TermRun[];
  /** Every configuration in the log, ascending, with the one of the snapshot before them. */
  readonly configurations: readonly IndexedConfiguration[];
  /** What is known to be committed: the base, for commitment is not stored. */
  readonly commitIndex: Index;
  /** Takes every transition, for a model checker; none unless given. */
  readonly tracer?: Tracer;
  /**
   * What this node promises with each answer to a leader: to elect nobody for so many milliseconds,
   * its election timeout. 0, lease reads off, unless given.
   */
  readonly promiseMs?: number;
  /**
   * Whether it may have promised something before it stopped, with lease reads on or off now: then
   * it elects nobody for as long after its start.
   */
  readonly mayHavePromised?: boolean;
}

/** All that a core knows. The functions of this folder read and change it; nothing else does. */
export class ConsensusState {
  readonly nodeId: NodeId;
  readonly #instanceId: InstanceId;
  #joinIndex: Index;
  #hasJoined: boolean;

  // Server variables.
  currentTerm: Term;
  /** Who got this node's vote in `currentTerm`, or 0. */
  votedFor: NodeId;
  role: Role = "follower";
  /** Who leads `currentTerm`, once a message of it as leader was seen. */
  leaderId: NodeId | null = null;
  /** A leader was heard within one election timeout: no early election is granted (§6). */
  leaderContact = false;
  readonly promiseMs: number;
  /**
   * A promise to a leader lasts: this node grants no vote or pre-vote, and does not stand either,
   * for its own vote would be one of those that it promised to withhold. Only an election that the
   * leader itself asked for passes.
   */
  promised: boolean;
  /** A sync does not come to its end: this node must not lead. */
  storageStalled = false;
  /** The log has no room for more than it has prepared. */
  storageFull = false;
  /** The state machine differs from that of a majority: this node must never lead again. */
  stateDeviates = false;
  /** The transfer of leadership that this node began as leader. */
  transfer: Transfer | null = null;

  // Log variables.
  readonly log: LogView;
  readonly membership: Membership;
  readonly durability: Durability;
  commitIndex: Index;
  /** The index that was last given out as appliable. */
  appliableIndex: Index;

  // Follower variables.
  /** The log equals that of the leader of `currentTerm` up to here, as its requests proved. */
  verifiedIndex: Index = 0;
  /** The leader of `currentTerm`, where its process is gone; or 0. */
  goneLeaderId: NodeId = 0;
  /** No leader was heard since the start, and none was voted for: nobody may lead at all. */
  isUntold = true;
  /** Whom a connection stands to; known as long as `isUntold`. */
  readonly reached = new Set<NodeId>();
  /** The largest confirmation round of that leader. */
  leaderReadSequence = 0;
  /** The replication session of that leader's requests. */
  leaderSession = 0;
  /** An answer to the leader waits for a sync. */
  acknowledgementDue = false;
  /** The snapshot that replaced the log, as long as the state machine is behind it; 0 for none. */
  restoringIndex: Index = 0;

  /** The latest moment of this node's clock that the core was told a token for; 0 for none. */
  ageToken = 0;

  // Candidate variables.
  /** The answers of the election under way, the own one included. */
  votes = new Map<NodeId, boolean>();

  // Leader variables.
  /** Every other member; empty at a node that does not lead. */
  progress = new Map<NodeId, Progress>();
  /** Those of them who are no members any more. */
  leavers = new Map<NodeId, Member>();
  /** TimeoutNow was sent in this term, so promises count no more; see leadership_transfer.ts. */
  leaseVoid = false;
  /** The largest round that was told as promised. */
  promisedRound = 0;
  /** The configuration that rounds count for, and the first round that started under it. */
  leaseConfigurationIndex: Index = -1;
  leaseFirstRound = 0;
  /** The round that is to prove the pending tokens, or 0: see age_proof.ts. */
  ageProofRound = 0;
  /** Of this node's own tokens: the one to be proven by that round, and the latest proven one. */
  pendingToken = 0;
  provenToken = 0;
  /** The index of the no-op that started this leadership. */
  termStartIndex: Index = 0;
  /** Where the log ended at the last quorum check: what has it since then keeps up. */
  roundTarget: Index = 0;
  /** A change of the members that somebody waits for, and the entry whose commitment ends it. */
  change: { readonly source: unknown; readonly index: Index } | null = null;
  /** The bytes of the own proposals that are not committed, oldest first. */
  uncommitted: { readonly lastIndex: Index; readonly bytes: number }[] = [];
  uncommittedBytes = 0;
  /** Every follower is to hear from the leader with the next record of effects. */
  heartbeatDue = false;
  /** The followers that were not told the commit index are to hear it. */
  commitNoticeDue = false;
  commitNoticeArmed = false;

  /** Linearizable reads: the leader's, and those that wait for a leader elsewhere. */
  readonly reads = new ReadQueue();
  readonly outbox: Outbox;
  /** Tells every transition to a tracer, where there is one. */
  readonly tracing: Tracing | null;

  /** Creates a follower from what was durable. */
  constructor(options: ConsensusOptions) {
    this.nodeId = options.nodeId;
    this.currentTerm = options.currentTerm;
    this.votedFor = options.votedFor;
    this.log = new LogView(options);
    this.#instanceId = options.instanceId ?? "";
    this.#joinIndex = options.joinIndex ?? 0;
    this.membership = new Membership(options.configurations, options.commitIndex);
    this.#hasJoined = options.hasJoined === true || this.#instanceId === "" ||
      this.#hasOwn(options.configurations);
    this.durability = new Durability(options.lastIndex);
    this.commitIndex = options.commitIndex;
    this.appliableIndex = options.commitIndex;
    this.tracing = options.tracer === undefined ? null : new Tracing(this, options.tracer);
    this.outbox = new Outbox(this.tracing);
    this.promiseMs = options.promiseMs ?? 0;
    this.promised = options.mayHavePromised ?? false;
  }

  /**
   * Whether this node may stand for election: its state is not known to be wrong, and it has a
   * vote in the configuration in effect, or in one that no committed one has replaced yet. "A
   * server that is not part of its own latest configuration should still start new elections, as
   * it might still be needed until the C_new entry is committed" (dissertation §4.2.2): it may be
   * the only one that holds that entry. Its own vote counts by the configuration in effect only.
   */
  get mayCampaign(): boolean {
    return this.hasJoined && !this.stateDeviates &&
      this.membership.held.some(({ configuration }) =>
        isVoter(configuration, this.nodeId) && this.isIn(configuration)
      );
  }

  /**
   * Whether the log has had a configuration with this node. One that joins under an id which was
   * used before replays the configurations of its predecessor: until it meets its own, it must not
   * vote in its place (it knows nothing of what the predecessor acknowledged). Its own names its
   * data directory; a place that was made for whoever comes may have been its predecessor's.
   */
  get hasJoined(): boolean {
    this.#hasJoined ||= this.#hasOwn(this.membership.held);
    return this.#hasJoined;
  }

  /** Whether this node, and no other data directory under its id, is a member. */
  isIn(configuration: Configuration): boolean {
    const own = memberOf(configuration, this.nodeId);
    if (own === null) return false;
    return [own.instanceId, this.#instanceId].includes("") || own.instanceId === this.#instanceId;
  }

  /** Whether the leader has committed an entry of its own term (§8; Figure 8 of the paper). */
  get committedInTerm(): boolean {
    return this.role === "leader" && this.commitIndex >= this.termStartIndex;
  }

  /**
   * This node, whose log has had no configuration with it, is a member again or still: what
   * configurations before `index` say of it is of an earlier membership.
   */
  joinedAnew(index: Index): void {
    assert(!this.hasJoined, () => `node ${this.nodeId} has joined before ${index}`);
    this.#joinIndex = index;
  }

  #hasOwn(configurations: readonly IndexedConfiguration[]): boolean {
    return configurations.some(({ index, configuration }) =>
      index >= this.#joinIndex &&
      memberOf(configuration, this.nodeId)?.instanceId === this.#instanceId
    );
  }
}

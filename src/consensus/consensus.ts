/**
 * The consensus core: Raft as a function of its inputs. It does no I/O, reads no clock and draws no
 * random number; it never waits and cannot fail on the outside world.
 *
 * A driver calls {@linkcode Consensus.step} for everything that happens, then takes the effects
 * once and performs them in the order that effects.ts writes down.
 *
 * @module
 */
import { assert, unreachable } from "../assert.ts";
import type { Configuration, Index, Member, NodeId, Term } from "../types.ts";
import { acknowledge, receiveAppendEntriesRequest } from "./append_entries.ts";
import { maybeCommit, offerAppliable } from "./commit.ts";
import type { Effects, Role } from "./effects.ts";
import {
  stepElectionTimer,
  stepLeaderContactTimer,
  stepPeerGone,
  stepPeerReached,
  stepPromiseTimer,
  stepQuorumTimer,
  stepSuccessionTimer,
} from "./election.ts";
import type { Input, Timer } from "./input.ts";
import { checkBasic, checkDelta, observe } from "./invariants.ts";
import { knownPeers } from "./followers.ts";
import { stepChangeMembership } from "./membership_change.ts";
import { mayUseLease } from "./lease.ts";
import { stepTransferLeadership, stepTransferTimer } from "./leadership_transfer.ts";
import type { Message } from "./messages.ts";
import {
  compactableIndex,
  receiveInstallSnapshotRequest,
  receiveInstallSnapshotResponse,
  stepCompacted,
  stepSnapshotEnded,
  stepSnapshotReceived,
  stepSnapshotRestored,
} from "./install_snapshot.ts";
import type { IndexedConfiguration } from "./membership.ts";
import { stepPropose } from "./proposal.ts";
import { receiveReadIndexRequest, receiveReadIndexResponse, stepReadIndex } from "./read_index.ts";
import {
  receiveAppendEntriesResponse,
  replicate,
  stepCommitNoticeTimer,
  stepConnectionLost,
  stepHeartbeatTimer,
  stepSent,
} from "./replication.ts";
import { receiveRequestVoteRequest, receiveRequestVoteResponse } from "./request_vote.ts";
import { becomeFollower, tell } from "./role.ts";
import { type ConsensusOptions, ConsensusState } from "./state.ts";
import { stepStateDeviates } from "./state_deviation.ts";
import { membersWithoutRoom, stepStorageRoom } from "./storage_room.ts";
import { stepStorageProgress, stepStorageStalled } from "./storage_stall.ts";
import { receiveTimeoutNow } from "./timeout_now.ts";

/** What a node knows of one follower, for people. */
export interface FollowerStatus {
  readonly id: NodeId;
  readonly matchIndex: Index;
  readonly recentlyActive: boolean;
}

/** A view of the core for people and for tests. */
export interface ConsensusStatus {
  readonly nodeId: NodeId;
  readonly role: Role;
  readonly term: Term;
  readonly votedFor: NodeId;
  readonly leaderId: NodeId | null;
  readonly commitIndex: Index;
  readonly durableIndex: Index;
  readonly lastIndex: Index;
  readonly configurationIndex: Index;
  readonly configuration: Configuration;
  /** What a leader knows of the others; empty elsewhere. */
  readonly followers: readonly FollowerStatus[];
  /** Whom a leader is handing leadership to. */
  readonly transferTarget: NodeId | null;
  /** Whose disk is full: this node's, and at a leader those of the others. */
  readonly withoutRoom: readonly NodeId[];
}

/** Who belongs to the cluster, as one node knows it. */
export interface MembershipView {
  /** The configuration in effect. */
  readonly latest: IndexedConfiguration;
  /** The latest one that is known to be committed, or null. */
  readonly committed: IndexedConfiguration | null;
  /** Everybody to whom this node may have something to say. */
  readonly peers: readonly Member[];
  /** The log has had a configuration with this node. */
  readonly hasJoined: boolean;
  /** This node was a member, and a committed configuration without it holds. */
  readonly isRemoved: boolean;
}

/** One node's part in the algorithm. */
export class Consensus {
  readonly #state: ConsensusState;

  /** Starts as a follower, from what was durable, with the election timer armed. */
  constructor(options: ConsensusOptions) {
    this.#state = new ConsensusState(options);
    this.#state.tracing?.note("InitState");
    this.#state.outbox.arm("election");
    if (this.#state.promised) this.#state.outbox.arm("promise");
    tell(this.#state);
    checkBasic(this.#state);
  }

  /** The id of this node. */
  get nodeId(): NodeId {
    return this.#state.nodeId;
  }

  /** Whether this node leads. */
  get isLeader(): boolean {
    return this.#state.role === "leader";
  }

  /** The current term. */
  get term(): Term {
    return this.#state.currentTerm;
  }

  /** Who leads, as far as is known. */
  get leaderId(): NodeId | null {
    return this.#state.leaderId;
  }

  /** The largest index known to be committed. */
  get commitIndex(): Index {
    return this.#state.commitIndex;
  }

  /** Whether this node may answer reads from the promises of a quorum, while they last. */
  get mayUseLease(): boolean {
    return mayUseLease(this.#state);
  }

  /**
   * At a leader: its latest `ageToken` that is proven, so that everything committed before it was
   * made is at or below the commit index; 0 for none, and elsewhere.
   */
  get provenToken(): number {
    return this.isLeader ? this.#state.provenToken : 0;
  }

  /** The index of the last entry, durable or not. */
  get lastIndex(): Index {
    return this.#state.log.lastIndex;
  }

  /**
   * How far the log may be compacted, behind a snapshot, without making one necessary for a
   * follower that keeps up or is being served. The driver does not wait for ever: past some
   * multiple of the entries that it keeps anyway, a slow follower gets a snapshot after all.
   */
  get compactableIndex(): Index {
    return compactableIndex(this.#state);
  }

  /** The configuration in effect. */
  get configuration(): Configuration {
    return this.#state.membership.latest.configuration;
  }

  /** Changes whenever {@linkcode Consensus.membership} does. */
  get membershipVersion(): number {
    return this.#state.membership.version;
  }

  /** Who belongs to the cluster. */
  get membership(): MembershipView {
    const state = this.#state;
    const { latest, latestCommitted: committed, isChanging } = state.membership;
    const { hasJoined } = state;
    return {
      latest,
      committed,
      peers: knownPeers(state),
      hasJoined,
      isRemoved: hasJoined && !isChanging && !state.isIn(latest.configuration),
    };
  }

  /** A node that was taken in, and not born, was told so again: its membership starts there. */
  joinedAnew(index: Index): void {
    this.#state.joinedAnew(index);
  }

  /** Takes one input. Effects gather until they are taken. */
  step(input: Input): void {
    const state = this.#state;
    const before = observe(state);
    this.#take(input);
    checkBasic(state);
    checkDelta(before, state);
  }

  /** Hands out what the steps since the last call want done. */
  takeEffects(): Effects {
    replicate(this.#state);
    const effects = this.#state.outbox.take();
    this.#state.tracing?.ready(effects);
    return effects;
  }

  /** What people and tests may know. */
  status(): ConsensusStatus {
    const state = this.#state;
    return {
      nodeId: state.nodeId,
      role: state.role,
      term: state.currentTerm,
      votedFor: state.votedFor,
      leaderId: state.leaderId,
      commitIndex: state.commitIndex,
      durableIndex: state.durability.durableIndex,
      lastIndex: state.log.lastIndex,
      configurationIndex: state.membership.latest.index,
      configuration: state.membership.latest.configuration,
      followers: [...state.progress].map(([id, progress]) => ({
        id,
        matchIndex: progress.matchIndex,
        recentlyActive: progress.recentlyActive,
      })),
      transferTarget: state.role === "leader" ? state.transfer?.target ?? null : null,
      withoutRoom: membersWithoutRoom(state),
    };
  }

  #take(input: Input): void {
    const state = this.#state;
    switch (input.type) {
      case "message":
        return this.#stepMessage(input.from, input.message);
      case "propose":
        return stepPropose(state, input);
      case "changeMembership":
        return stepChangeMembership(state, input);
      case "timer":
        return this.#stepTimer(input.timer);
      case "durable":
        return this.#stepDurable(input.sequence);
      case "sent":
        return stepSent(state, input);
      case "ageToken":
        state.ageToken = input.token;
        return;
      case "readIndex":
        return stepReadIndex(state, input.readId);
      case "transferLeadership":
        return stepTransferLeadership(state, input);
      case "storageStalled":
        return stepStorageStalled(state);
      case "storageRoom":
        return stepStorageRoom(state, input.isFull);
      case "stateDeviates":
        return stepStateDeviates(state);
      case "connectionLost":
        state.reached.delete(input.peer);
        return stepConnectionLost(state, input.peer);
      case "peerReached":
        return stepPeerReached(state, input.peer);
      case "peerGone":
        return stepPeerGone(state, input.peer);
      case "snapshotEnded":
        return stepSnapshotEnded(state, input);
      case "snapshotReceived":
        return stepSnapshotReceived(state, input);
      case "snapshotRestored":
        return stepSnapshotRestored(state, input.index);
      case "compacted":
        return stepCompacted(state, input.index);
      default:
        unreachable(input);
    }
  }

  #stepMessage(from: NodeId, message: Message): void {
    const state = this.#state;
    assert(from !== state.nodeId, () => `a message from node ${from} to itself`);
    state.tracing?.received(from, message);
    switch (message.type) {
      case "requestVoteRequest":
        return receiveRequestVoteRequest(state, from, message);
      case "requestVoteResponse":
        return receiveRequestVoteResponse(state, from, message);
      case "appendEntriesRequest":
        return receiveAppendEntriesRequest(state, from, message);
      case "appendEntriesResponse":
        this.#adoptTerm(message.term);
        return receiveAppendEntriesResponse(state, from, message);
      case "readIndexRequest":
        return receiveReadIndexRequest(state, from, message);
      case "readIndexResponse":
        return receiveReadIndexResponse(state, message);
      case "timeoutNow":
        return receiveTimeoutNow(state, from, message);
      case "installSnapshotRequest":
        return receiveInstallSnapshotRequest(state, from, message);
      case "installSnapshotResponse":
        this.#adoptTerm(message.term);
        return receiveInstallSnapshotResponse(state, from, message);
      default:
        unreachable(message);
    }
  }

  /** "If RPC response contains term T > currentTerm: convert to follower (§5.1)." */
  #adoptTerm(term: Term): void {
    if (term > this.#state.currentTerm) becomeFollower(this.#state, term, null);
  }

  #stepTimer(timer: Timer): void {
    const state = this.#state;
    // It expired as it was armed before: an input of this record has armed it anew or canceled it.
    if (state.outbox.changesTimer(timer)) return;
    switch (timer) {
      case "election":
        return stepElectionTimer(state);
      case "leaderContact":
        return stepLeaderContactTimer(state);
      case "succession":
        return stepSuccessionTimer(state);
      case "heartbeat":
        return stepHeartbeatTimer(state);
      case "quorum":
        return stepQuorumTimer(state);
      case "commitNotice":
        return stepCommitNoticeTimer(state);
      case "promise":
        return stepPromiseTimer(state);
      case "transfer":
        return stepTransferTimer(state);
      default:
        unreachable(timer);
    }
  }

  #stepDurable(sequence: number): void {
    const state = this.#state;
    state.durability.completed(sequence);
    state.tracing?.durableOwn();
    stepStorageProgress(state);
    offerAppliable(state);
    if (state.role === "leader") maybeCommit(state);
    if (state.acknowledgementDue) acknowledge(state);
  }
}

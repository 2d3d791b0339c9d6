/**
 * How a node comes to take part: it is known to its cluster already, forms one with the others of a
 * list, or joins one that runs.
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import { NoQuorumError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { Runtime, TimerHandle } from "../runtime/runtime.ts";
import type { PeerAddress } from "../transport/transport.ts";
import type { Address, Index, InstanceId, NodeId } from "../types.ts";
import type { DriverLoop } from "./driver_loop.ts";
import { Formation } from "./formation.ts";
import { Joiner } from "./join.ts";
import { knowsMember, type LogContents, logContents } from "./log_contents.ts";
import type { Members } from "./members.ts";
import {
  type ClusterFormation,
  ELECTION_TIMEOUT_MS_DEFAULT,
  type RaftOptions,
} from "./raft_options.ts";
import { formingMembers, nodeStart, type RaftStorage } from "./raft_storage.ts";

/** What runs at a node that takes part, born or not. */
export interface BirthRunning {
  readonly consensus: Pick<Consensus, "joinedAnew">;
  readonly driver: Pick<DriverLoop, "contact">;
}

type JoinFormation = ClusterFormation & { readonly kind: "join" };

/** What a node comes to take part with. */
export interface BirthOptions {
  readonly runtime: Runtime;
  readonly raft: RaftOptions;
  readonly storage: RaftStorage;
  readonly members: Members;
  readonly logger: Logger;
  /** Where others reach this node. */
  readonly address: () => Address;
  /** Dials these peers from now on. */
  readonly setPeers: (peers: readonly PeerAddress[]) => void;
  /** The node takes part from now on. */
  readonly done: () => void;
  /** What runs once it takes part. */
  readonly running: () => BirthRunning | null;
  /** It never will. */
  readonly failed: (error: Error) => void;
}

/** The way of one node into its cluster. */
export class Birth {
  readonly #options: BirthOptions;
  #formation: Formation | null = null;
  #joiner: Joiner | null = null;
  #patience: TimerHandle | null = null;
  #isClosed = false;

  /** Creates a way that is taken with {@linkcode Birth.begin}. */
  constructor(options: BirthOptions) {
    this.#options = options;
  }

  /** Takes part: at once, if the node is known to its cluster, or when that has come to be. */
  begin(): void {
    const { storage, raft, done } = this.#options;
    const { born, replaces, members, nodeId } = storage.directory.identity;
    if (born) done();
    else if (replaces.length > 0) {
      const { formation } = raft;
      const named = formation.kind === "join" ? formation.endpoints : [];
      const known = members.filter(({ id }) => id !== nodeId).map(({ address }) => address);
      this.#join({ kind: "join", endpoints: [...new Set([...named, ...known])], learner: false });
    } else if (raft.formation.kind === "join") this.#join(raft.formation);
    else this.#form();
  }

  /** Does nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#joiner?.close();
    if (this.#patience !== null) this.#options.runtime.clock.clearTimer(this.#patience);
  }

  /** Whether the cluster was formed in this life of the node: nothing was promised before. */
  get hasFormed(): boolean {
    return this.#formation !== null;
  }

  /** What a status says of a node that does not take part yet. */
  get forming(): { readonly notes: readonly string[]; readonly isJoining: boolean } {
    return { notes: [this.notFormed().message], isJoining: this.#joiner !== null };
  }

  /** What a core starts from. */
  contents(): LogContents {
    const { storage: { log, snapshots, directory }, raft } = this.#options;
    return logContents(log, {
      snapshot: snapshots.latest?.meta ?? null,
      formation: this.#formation,
      isJoining: !directory.identity.born,
      isOnDisk: raft.openLog === undefined,
    });
  }

  /** A peer accepted the hello of this node, while it does not take part yet. */
  accepted(peer: NodeId, instanceId: InstanceId): void {
    this.#formation?.accepted(peer, instanceId);
  }

  /** Why a node that does not take part yet cannot serve. */
  notFormed(): NoQuorumError {
    if (this.#joiner !== null) {
      return new NoQuorumError(`This node has not joined its cluster yet: ${this.#joiner.reason}`);
    }
    const missing = this.#formation?.missing ?? [];
    const whom = missing.length === 0 ? "" : `: it waits for node ${missing.join(", ")}`;
    return new NoQuorumError(`The cluster has not formed yet${whom}`);
  }

  #form(): void {
    const { raft, storage, members, logger, setPeers, done, failed } = this.#options;
    const listed = formingMembers(raft, this.#options.address());
    const formation = new Formation({ ...storage, members: listed });
    this.#formation = formation;
    members.forming(formation);
    setPeers(listed);
    if (formation.missing.length > 0) {
      logger.info("Waiting for every listed node once", { missing: formation.missing });
    }
    formation.complete.then(async () => {
      await formation.giveBirth();
      await raft.observer?.opened(nodeStart(storage));
      if (this.#isClosed) return;
      const { clusterId } = storage.directory.identity;
      logger.info("The cluster has formed", { clusterId });
      done();
    }).catch(failed);
  }

  #join(formation: JoinFormation): void {
    const { storage: { directory }, done } = this.#options;
    // A crash came before the birth was stored: by now others may be unable to answer without it.
    if (knowsMember(this.contents(), directory.identity)) return done();
    this.#ask(formation);
  }

  /** Asks to be taken in; also where the node takes part already and hears nobody. */
  #ask(formation: JoinFormation): void {
    const { runtime, storage: { directory }, members, logger, address } = this.#options;
    const joiner = new Joiner({
      runtime,
      ...formation,
      identity: directory.identity,
      address: address(),
      logger,
    });
    this.#joiner = joiner;
    members.joining();
    joiner.joined.then(async (outcome) => {
      // A configuration with this node has come meanwhile: its log knows better from now on.
      if (this.#isClosed || !members.isUnborn) return;
      if (outcome === null) return members.leave("the leader said so when it asked to join");
      const { clusterId, configurationIndex } = outcome;
      await members.joined(outcome);
      if (this.#isClosed) return;
      logger.info("The cluster takes this node in", { clusterId, configurationIndex });
      this.#takenIn(configurationIndex);
      this.#watch(formation);
    }).catch(this.#options.failed);
  }

  #takenIn(configurationIndex: Index): void {
    const { members, running, done } = this.#options;
    const { consensus } = running() ?? {};
    if (consensus === undefined) done();
    else if (members.isUnborn) consensus.joinedAnew(configurationIndex);
  }

  /**
   * Asks again where nobody has led this node for a while: whoever removes a node that was never
   * reached cannot tell it, and it knows nobody to dial.
   */
  #watch(formation: JoinFormation): void {
    const { runtime: { clock }, members, running, raft } = this.#options;
    const patienceMs = 3 * (raft.electionTimeoutMs ?? ELECTION_TIMEOUT_MS_DEFAULT);
    this.#patience = clock.setTimer(() => {
      if (!members.isUnborn) return;
      const isLed = (running()?.driver.contact.ageMs ?? 0) < patienceMs;
      if (isLed) this.#watch(formation);
      else this.#ask(formation);
    }, patienceMs);
  }
}

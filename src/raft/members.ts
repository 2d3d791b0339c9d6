/**
 * Who belongs to the cluster, as one node knows it: by the list while the cluster forms, by its
 * leader's word while it joins, and by the configurations of its log from then on. Judges who may
 * connect, says whom to dial, and notices when this node itself is a member no more.
 *
 * A node that lags must not lock out members which its log does not know yet, the leader among
 * them. So a peer of the same cluster is accepted, and dialed back, if it goes by a configuration
 * that is newer than what is known here: a _stranger_, until the log says who it is.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import type { MembershipView } from "../consensus/consensus.ts";
import { lostDirectoryFix } from "../consensus/lost_directory.ts";
import { allMembers, memberOf } from "../consensus/quorum.ts";
import { DeniedError } from "../errors.ts";
import { MEMBERS_MAX } from "../limits.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock, Runtime } from "../runtime/runtime.ts";
import type { PeerAddress } from "../transport/transport.ts";
import type { Address, Index, InstanceId, Member, MemberChange, NodeId } from "../types.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { checkNewAddresses } from "./address_check.ts";
import { FormerCluster } from "./former_cluster.ts";
import type { Formation } from "./formation.ts";
import type { Standing } from "./hello_policy.ts";
import { IdentityWriter } from "./identity_writer.ts";
import type { JoinOutcome } from "./join.ts";

/** What members are followed with. */
export interface MembersOptions {
  readonly nodeId: NodeId;
  readonly directory: DataDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where others reach this node, as it was started. */
  readonly address: () => Address;
  /** Dials these peers from now on, and no others. */
  readonly setPeers: (peers: readonly PeerAddress[]) => void;
  /** This node must stop, or its data directory cannot be written. */
  readonly stop: (error: Error) => void;
  /** Resolves when everything that the log holds now is durable. */
  readonly synced: () => Promise<void>;
  /** What is known of the members has changed. */
  readonly changed: () => void;
  /** Whether this node knows a leader. */
  readonly hasLeader: () => boolean;
  /** How long it must have known none, to believe that its cluster is over, in milliseconds. */
  readonly patienceMs: number;
}

interface Stranger extends PeerAddress {
  readonly instanceId: InstanceId | "";
  /** The latest configuration that it goes by. */
  readonly configurationIndex: Index;
}

/** The error with which a node stops that was removed, or is started afterwards. */
export function removedError({ nodeId, clusterName, members }: Identity): DeniedError {
  const name = clusterName === "" ? "its cluster" : `cluster "${clusterName}"`;
  const other = members.find(({ id }) => id !== nodeId)?.address ?? "HOST:PORT";
  return new DeniedError(
    `Node ${nodeId} was removed from ${name} and takes part no more: it may join again, with an ` +
      "empty data directory",
    { fix: [`to add it again: raft start --id ${nodeId} --data NEW --join ${other}`] },
  );
}

/** The members, and this node among them. */
export class Members {
  readonly #options: MembersOptions;
  readonly #strangers = new Map<NodeId, Stranger>();
  readonly #formerCluster: FormerCluster;
  /** Who knows this node with another data directory, by its last word. */
  readonly #refusing = new Set<NodeId>();
  #formation: Formation | null = null;
  #core: { readonly membership: MembershipView } | null = null;
  #isJoining = false;
  /** It asks to be taken in, for the first time or again. */
  #isAsking = false;
  /** The configuration that took this node in, while its log has not come so far; or 0. */
  #joinIndex: Index = 0;
  #isLeaving = false;
  readonly #writer: IdentityWriter;
  /** The address of this node that its cluster was last found to know instead of its own. */
  #wrongAddress: Address = "";

  /** Creates the members of a node that knows what its identity says. */
  constructor(options: MembersOptions) {
    this.#options = options;
    const identity = (): Identity => options.directory.identity;
    this.#formerCluster = new FormerCluster({ ...options, identity });
    this.#writer = new IdentityWriter({ ...options, failed: options.stop });
  }

  /** The cluster forms from a list. */
  forming(formation: Formation): void {
    this.#formation = formation;
  }

  /** The node asks to be taken in: it can accept nobody before that is done. */
  joining(): void {
    this.#isJoining = true;
    this.#isAsking = true;
  }

  /** The node was taken in: resolves when that is durable, and it listens from then on. */
  async joined({ clusterId, clusterName, configurationIndex }: JoinOutcome): Promise<void> {
    const joinIndex = configurationIndex;
    await this.#writer.save((before) => ({ ...before, clusterId, clusterName, joinIndex }));
    this.#joinIndex = joinIndex;
    this.#isAsking = false;
  }

  /** Whether this node waits for the first configuration in its log that includes it. */
  get isUnborn(): boolean {
    return this.#isJoining && !(this.#core?.membership.hasJoined ?? false);
  }

  /** The log says from now on who the members are. */
  running(core: { readonly membership: MembershipView }): void {
    this.#core = core;
    this.follow();
  }

  /** Whether this node is a member, as far as it knows. */
  get isMember(): boolean {
    const view = this.#core?.membership;
    // The log of one that rejoins may know its predecessor.
    return view !== undefined && !this.isUnborn &&
      memberOf(view.latest.configuration, this.#options.nodeId) !== null;
  }

  /** The data directory that holds `id`: "" for a place that none has taken, null for no place. */
  instanceOf(id: NodeId): InstanceId | "" | null {
    if (this.#core === null && this.#formation !== null) return this.#formation.instanceOf(id);
    return this.#find(id)?.instanceId ?? null;
  }

  /** Whether `id` is a member, or one of the nodes that form the cluster. */
  isKnown(id: NodeId): boolean {
    if (this.#core === null && this.#formation !== null) return this.#formation.lists(id);
    return this.#find(id) !== null;
  }

  /** How far this node's knowledge goes, to judge hellos by. */
  get standing(): Standing {
    const view = this.#core?.membership;
    const { isUnborn } = this;
    const phase = isUnborn ? "joining" : view === undefined ? "forming" : "running";
    // While it asks, its membership may become one that starts later than what it knows.
    const isNobody = isUnborn && this.#isAsking;
    return {
      phase,
      latestIndex: isNobody ? 0 : Math.max(view?.latest.index ?? 0, this.#joinIndex),
      committedIndex: view?.committed?.index ?? null,
    };
  }

  /**
   * A peer's hello is to be accepted.
   *
   * @returns When that may be told, or null for at once.
   */
  accepted(hello: Hello): Promise<void> | null {
    const { nodeId: id, instanceId, address, configurationIndex } = hello;
    if (this.#core === null) return this.#formation?.heard(id, instanceId) ?? null;
    const known = this.#find(id);
    // A member that moved, which the log here does not know yet, must be answered where it is.
    const hasMoved = known?.address !== address && configurationIndex > this.#latestIndex;
    const isStranger = known?.instanceId !== instanceId || hasMoved;
    const isFull = this.#strangers.size >= MEMBERS_MAX && !this.#strangers.has(id);
    if (!isStranger || isFull || splitAddress(address) === null) return null;
    this.#strangers.set(id, { id, address, instanceId, configurationIndex });
    this.follow();
    return null;
  }

  /** Who answers under a known id must be who it was: anybody else is not to be talked to. */
  checkInstance(peer: NodeId, instanceId: InstanceId | ""): void {
    const known = this.#strangers.get(peer)?.instanceId ?? this.instanceOf(peer);
    if (known === null || known === instanceId) return;
    throw new DeniedError(
      `Node ${peer} answers from another data directory (${instanceId || "none"}) than it is ` +
        `known with (${
          known || "none yet"
        }): one that was lost or replaced must not come back under its old id`,
    );
  }

  /** A peer takes this node for one of its cluster. */
  connected(peer: NodeId): void {
    this.#formerCluster.accepted(peer);
    this.#refusing.delete(peer);
  }

  /** The connection to a peer ended or failed: a stranger that is still there will dial again. */
  lost(peer: NodeId): void {
    if (this.#strangers.delete(peer)) this.follow();
  }

  /**
   * Dials each member that `changes` give another address, there.
   *
   * @throws {RefusedError} Where it does not answer, or another node does.
   */
  async checkNewAddresses(runtime: Runtime, changes: readonly MemberChange[]): Promise<void> {
    const configuration = this.#core?.membership.latest.configuration;
    if (configuration === undefined) return;
    const identity = (): Identity => this.#options.directory.identity;
    const checkInstance = this.checkInstance.bind(this);
    await checkNewAddresses({ runtime, identity, checkInstance }, configuration, changes);
  }

  /** Some refusals mean that this node must not go on: going on could harm the cluster. */
  refused(peer: NodeId, reply: HelloReply): void {
    if (reply.refusal === "removedMember") {
      // Its place may be reserved anew: it asks when it hears nobody, and the leader knows.
      if (this.isUnborn) return;
      if (!this.#knowsBetter(reply.configurationIndex)) this.leave(`node ${peer} said so`);
      return;
    }
    const isWrongCluster = isForeign(reply);
    if (reply.refusal !== "wrongInstance" && !isWrongCluster) return;
    if (this.#core !== null) {
      if (!isWrongCluster) this.#warnOf(peer, reply);
      const { configuration } = this.#core.membership.latest;
      const error = this.#formerCluster.told(peer, reply, configuration);
      if (error !== null) this.#options.stop(error);
      return;
    }
    const fix = isWrongCluster
      ? ["check the addresses, and that the cluster name and --peers are the same at every node"]
      : lostDirectoryFix(this.#options.nodeId, reply.address || "HOST:PORT");
    this.#options.stop(new DeniedError(`Peer ${peer} refuses this node: ${reply.reason}`, { fix }));
  }

  /** What is the matter with the members, for people. */
  get notes(): string[] {
    return [...this.#refusing].filter((id) => this.isKnown(id)).map((id) =>
      `node ${id} refuses this node, which it knows with another data directory: ` +
      `see whether node ${id} was started with its own`
    );
  }

  /** Acts on what the log knows now. */
  follow(): void {
    const view = this.#core?.membership;
    if (view === undefined || this.#isLeaving) return;
    const { nodeId, setPeers, changed } = this.#options;
    const peers = new Map<NodeId, PeerAddress>();
    // Whoever is at a place that no data directory has taken yet is not the member.
    for (const peer of view.peers) if (peer.instanceId !== "") peers.set(peer.id, peer);
    for (const [id, stranger] of this.#strangers) {
      if (isCaughtUp(view, stranger)) this.#strangers.delete(id);
      else peers.set(id, stranger);
    }
    peers.delete(nodeId);
    setPeers([...peers.values()]);
    if (view.isRemoved) {
      this.leave("its log says so");
      return;
    }
    this.#saveMembers(view);
    this.#checkAddress(view);
    changed();
  }

  get #latestIndex(): Index {
    return this.#core?.membership.latest.index ?? 0;
  }

  /** What is latest or committed, and what the identity remembers while there is no log yet. */
  #find(id: NodeId): Member | null {
    const view = this.#core?.membership;
    if (view === undefined) {
      const { members } = this.#options.directory.identity;
      return members.find((member) => member.id === id) ?? null;
    }
    const { latest, committed } = view;
    return memberOf(latest.configuration, id) ??
      (committed === null ? null : memberOf(committed.configuration, id));
  }

  /** Whether this node knows of a configuration with it that is newer than one without it. */
  #knowsBetter(configurationIndex: Index): boolean {
    const view = this.#core?.membership;
    if (view === undefined || !view.hasJoined) return false;
    return this.isMember && view.latest.index > configurationIndex;
  }

  /** Remembers the members in the identity; with the first that include it, this node is born. */
  #saveMembers({ committed, latest, hasJoined }: MembershipView): void {
    const { identity } = this.#options.directory;
    if (!hasJoined) return;
    const { configuration } = identity.born && committed !== null ? committed : latest;
    const members = allMembers(configuration);
    if (identity.born && isSameList(identity.members, members)) return;
    if (memberOf(configuration, identity.nodeId) === null) return;
    // A crash that leaves a born node without that configuration would look like its removal.
    if (!identity.born) this.#writer.waitFor(() => this.#options.synced());
    this.#writer.save((before) => ({ ...before, members, born: true, replaces: [] }));
  }

  /** The state of this node was found to be wrong since the entry `index`: it is remembered. */
  deviates(index: Index): void {
    if (this.#options.directory.identity.deviatesSince > 0) return;
    this.#writer.save((before) => ({ ...before, deviatesSince: index })).catch(() => {});
  }

  /** No leader counts on more than that from now on, nor after the next start: it is remembered. */
  promisesAtMost(promiseMs: number): void {
    if (this.#writer.isClosed) return;
    this.#writer.save((before) => ({ ...before, promiseMs })).catch(() => {});
  }

  /** Resolves when nothing is being written. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** One peer is more likely to be wrong than the others: people are to look at it first. */
  #warnOf(peer: NodeId, { reason }: HelloReply): void {
    if (this.#refusing.has(peer)) return;
    this.#refusing.add(peer);
    this.#options.logger.warn("A peer knows this node with another data directory", {
      peer,
      reason,
      fix: `see whether node ${peer} was started with its own data directory`,
    });
  }

  #checkAddress({ latest }: MembershipView): void {
    const { nodeId, address, logger } = this.#options;
    const known = memberOf(latest.configuration, nodeId)?.address ?? "";
    if (known === "" || known === address()) this.#wrongAddress = "";
    else if (known !== this.#wrongAddress) {
      this.#wrongAddress = known;
      logger.warn("The cluster knows this node by another address: others dial that one", {
        known,
        address: address(),
        fix: `raft member set ${nodeId} --address ${address()}`,
      });
    }
  }

  /** This node was removed, as it was told in this way: stores that, and stops it. */
  leave(how: string): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const { directory, logger, stop } = this.#options;
    const error = removedError(directory.identity);
    logger.error("This node was removed from the cluster", { how });
    const saved = this.#writer.save((before) => ({ ...before, removed: true }));
    saved.then(() => stop(error), () => {});
  }
}

/** Whether whoever answers belongs to another cluster. */
function isForeign({ refusal }: HelloReply): boolean {
  return refusal === "wrongCluster" || refusal === "formerCluster";
}

/** Whether the log knows a stranger by now, where it is. */
function isCaughtUp({ latest }: MembershipView, stranger: Stranger): boolean {
  const known = memberOf(latest.configuration, stranger.id);
  if (known === null || known.instanceId !== stranger.instanceId) return false;
  return known.address === stranger.address || latest.index >= stranger.configurationIndex;
}

function isSameList(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every((member, i) => {
    const { id, address, instanceId } = b[i]!;
    return member.id === id && member.address === address && member.instanceId === instanceId;
  });
}

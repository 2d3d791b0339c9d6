/**
 * Who is to be a member of a simulated cluster: takes nodes out, and has them all back as voters
 * when the time of faults is over. A node that was removed comes back with an empty directory,
 * sometimes to a place that was reserved for it, while the directory it had before may still be up.
 *
 * @module
 */
import type { RunningNode } from "../node/node.ts";
import type { RaftStatus } from "../raft/raft_status.ts";
import type { Address, MemberAction, MemberChange, NodeId } from "../types.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedWorld } from "./simulated_runtime.ts";

/** How often it is looked at, in milliseconds. */
const LOOK_EVERY_MS = 250;

/** How likely a place is reserved for a node that is out, at each look. */
const RESERVATION_CHANCE = 0.2;

/** A node, as far as its membership goes. */
export interface MemberNode {
  readonly id: NodeId;
  /** It was told that it was removed, and stopped for good. */
  readonly removed: boolean;
  /** What it has promised may be lost, and it is not a voter again. */
  lost: boolean;
}

/** The cluster of the members. */
export interface MembersHost {
  readonly nodes: readonly MemberNode[];
  /** The node that leads, or null. */
  readonly leader: { readonly running: RunningNode | null } | null;
  /** Where a node listens. */
  addressOf(id: NodeId): Address;
  /** Whether the directory that a node runs on is a voter, not only one before it. */
  isSeated(id: NodeId): boolean;
  /** Starts a node that was removed with an empty directory: it joins. */
  startAnew(id: NodeId): void;
}

/** The members of one cluster. */
export class SimulatedMembers {
  readonly #world: SimulatedWorld;
  readonly #prng: Prng;
  readonly #host: MembersHost;
  /** Nodes that are to stay away for now. */
  readonly #away = new Set<NodeId>();
  /** Nodes that were taken out and are not known to be voters again. */
  readonly #missing = new Set<NodeId>();
  #isLooking = false;

  /** Creates the members of a cluster of which all nodes vote. */
  constructor(world: SimulatedWorld, host: MembersHost) {
    this.#world = world;
    this.#prng = world.prng.fork("members");
    this.#host = host;
  }

  /** How many nodes may not vote at the moment. */
  get missingCount(): number {
    return this.#missing.size;
  }

  /** Asks the leader to take nodes out, all at once: it may refuse, or not get so far. */
  takeOut(ids: readonly NodeId[], action: "remove" | "demote"): void {
    for (const id of ids) {
      this.#away.add(id);
      this.#missing.add(id);
    }
    this.#change(ids, action);
    this.#watch();
  }

  /** A node is to come back as another instance, which may not vote at first. */
  lose(id: NodeId): void {
    this.#missing.add(id);
    this.#watch();
  }

  /** Has nodes back, in a while. */
  takeBack(ids: readonly NodeId[]): void {
    for (const id of ids) this.#away.delete(id);
  }

  #watch(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#look();
  }

  #look(): void {
    const status = this.#host.leader?.running?.status();
    for (const node of this.#host.nodes) {
      const { id, removed } = node;
      const member = status?.members.find((one) => one.id === id);
      const isOut = status !== undefined && member === undefined;
      if (isOut && this.#prng.chance(RESERVATION_CHANCE)) this.#change([id], "add");
      if (this.#away.has(id)) continue;
      if (removed) this.#host.startAnew(id);
      if (member?.voter === true) {
        if (hasSettled(status!) && this.#host.isSeated(id)) {
          this.#missing.delete(id);
          node.lost = false;
        }
      } else if (status !== undefined) this.#missing.add(id);
      if (member?.voter === false && !status!.promotions.includes(id)) {
        this.#change([id], "promote");
      }
    }
    this.#world.scheduler.schedule(() => this.#look(), LOOK_EVERY_MS);
  }

  #change(ids: readonly NodeId[], action: MemberAction): void {
    const changes = ids.map((id): MemberChange => {
      const address = action === "add" ? this.#host.addressOf(id) : "";
      return { action, id, address, instanceId: "" };
    });
    const { leader } = this.#host;
    // What is refused or lost is tried again, or was not to be.
    leader?.running?.raft.changeMembership({ changes, force: false }).catch(() => {});
  }
}

/** Whether what the members are is decided: until then the voters of before may be needed. */
function hasSettled({ joint, configurationIndex, commitIndex }: RaftStatus): boolean {
  return !joint && configurationIndex <= commitIndex;
}

/**
 * The members of a cluster as its leader says them, and whether a change of them has been made.
 *
 * @module
 */
import type { Address, Index, NodeId, Term } from "../types.ts";
import type { MemberChange } from "../wire/client_messages.ts";
import type { LeaderStatus } from "./leader_operation.ts";

/** A member of the cluster. */
export interface ClusterMember {
  readonly id: NodeId;
  readonly address: Address;
  /** Its vote counts; otherwise it is a learner. */
  readonly voter: boolean;
  /** A learner that becomes a voter once it has caught up. */
  readonly isPromoted: boolean;
  /** The leader has a connection to it. */
  readonly reachable: boolean;
  /** The last entry that the leader knows to be in its log, and durable. */
  readonly matchIndex: Index;
}

/** The members of the cluster. */
export interface Membership {
  /** The name that people gave the cluster. */
  readonly clusterName: string;
  readonly leaderId: NodeId;
  readonly term: Term;
  /** The index of the configuration in effect. */
  readonly configurationIndex: Index;
  readonly commitIndex: Index;
  /** A change of the voters is under way: who is in the old or the new configuration is listed. */
  readonly isJoint: boolean;
  /** The member that the leader is handing leadership to, 0 for none. */
  readonly transferTarget: NodeId;
  /** By ascending id. */
  readonly members: readonly ClusterMember[];
}

/** What the leader's status says of the members. */
export function membershipOf({ id: leaderId, status }: LeaderStatus): Membership {
  const { clusterName, term, configurationIndex, commitIndex } = status;
  const { joint, promotions, transferTarget } = status;
  return {
    clusterName,
    leaderId,
    term,
    configurationIndex,
    commitIndex,
    isJoint: joint,
    transferTarget,
    members: status.members.map(({ id, address, voter, reachable, matchIndex }) => ({
      id,
      address,
      voter,
      isPromoted: promotions.includes(id),
      reachable,
      matchIndex,
    })),
  };
}

/** Whether the members are, for good, as these changes would make them. */
export function isChanged(membership: Membership, changes: readonly MemberChange[]): boolean {
  const { isJoint, configurationIndex, commitIndex } = membership;
  if (isJoint || configurationIndex > commitIndex) return false;
  return changes.every((change) => isMade(membership, change));
}

function isMade({ members }: Membership, { action, id, address }: MemberChange): boolean {
  const member = members.find((other) => other.id === id);
  if (action === "remove") return member === undefined;
  if (member === undefined) return false;
  switch (action) {
    case "add":
    case "addLearner":
    case "setAddress":
    case "rejoin":
      return member.address === address;
    case "promote":
      return member.voter || member.isPromoted;
    case "demote":
      return !member.voter && !member.isPromoted;
  }
}

/** The members in one line: `1 a:7238, 2 b:7238 (learner)`. */
export function describeMembership({ members }: Membership): string {
  return members.map(({ id, address, voter }) => `${id} ${address}${voter ? "" : " (learner)"}`)
    .join(", ");
}

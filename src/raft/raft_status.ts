/**
 * What a node says of itself and of the cluster.
 *
 * @module
 */
import type { Consensus, ConsensusStatus } from "../consensus/consensus.ts";
import { allMembers, isVoter } from "../consensus/quorum.ts";
import type { Log } from "../log/log.ts";
import type { SnapshotStore } from "../log/snapshot_store.ts";
import type { Transport } from "../transport/transport.ts";
import type { NodeId } from "../types.ts";
import type { StatusAnswer, StatusMember } from "../wire/client_messages.ts";
import type { DriverLoop } from "./driver_loop.ts";

/** A status without the envelope of the wire. */
export type RaftStatus = Omit<StatusAnswer, "type" | "requestId">;

/** What does not change, or what the node adds. */
export interface StatusFrame {
  readonly nodeId: NodeId;
  readonly clusterId: string;
  readonly clusterName: string;
  readonly version: string;
  readonly uptimeMs: number;
  readonly notes: readonly string[];
}

/** The status of a node that takes part. */
export function runningStatus(
  frame: StatusFrame,
  parts: {
    readonly consensus: Consensus;
    readonly driver: DriverLoop;
    readonly log: Log;
    readonly snapshots: SnapshotStore;
    readonly transport: Transport;
  },
): RaftStatus {
  const { driver, log, snapshots, transport } = parts;
  const core = parts.consensus.status();
  const members = allMembers(core.configuration);
  // The log of a node that rejoins may know the vote of its predecessor.
  const { hasJoined } = parts.consensus.membership;
  const leader = members.find((member) => member.id === core.leaderId);
  return {
    ...common({ ...frame, notes: [...frame.notes, ...driverNotes(driver)] }),
    role: hasJoined ? roleName(core) : "learner",
    term: core.term,
    leaderId: core.leaderId ?? 0,
    leaderAddress: leader?.address ?? "",
    commitIndex: core.commitIndex,
    appliedIndex: driver.appliedIndex,
    firstIndex: log.firstIndex,
    lastIndex: core.lastIndex,
    logTimeMs: driver.logTime.now(),
    leaderContactAgeMs: Math.floor(Math.min(driver.contact.ageMs, frame.uptimeMs)),
    configurationIndex: core.configurationIndex,
    snapshotIndex: snapshots.latest?.meta.lastIncludedIndex ?? 0,
    joint: core.configuration.votersOld.length > 0,
    promotions: core.configuration.promotions,
    transferTarget: core.transferTarget ?? 0,
    alarms: driver.states.alarms,
    members: members.map((member) => ({
      id: member.id,
      address: member.address,
      voter: isVoter(core.configuration, member.id) &&
        (hasJoined || member.id !== frame.nodeId),
      ...reach(member.id, frame, core, transport),
    })),
  };
}

/** The status of a node whose cluster has not formed. */
export function formingStatus(
  { isJoining, ...frame }: StatusFrame & {
    /** Whether it asks a cluster to be taken in, which may give it a vote later. */
    readonly isJoining: boolean;
  },
  members: readonly { readonly id: NodeId; readonly address: string }[],
  transport: Transport,
): RaftStatus {
  return {
    ...common(frame),
    role: isJoining ? "learner" : "follower",
    term: 0,
    leaderId: 0,
    leaderAddress: "",
    commitIndex: 0,
    appliedIndex: 0,
    firstIndex: 1,
    lastIndex: 0,
    logTimeMs: 1,
    leaderContactAgeMs: Math.floor(frame.uptimeMs),
    configurationIndex: 0,
    snapshotIndex: 0,
    joint: false,
    promotions: [],
    transferTarget: 0,
    alarms: [],
    members: members.map(({ id, address }) => ({
      id,
      address,
      voter: !isJoining,
      reachable: id === frame.nodeId || transport.isConnected(id),
      matchIndex: 0,
      version: id === frame.nodeId ? frame.version : transport.peerReply(id)?.version ?? "",
    })),
  };
}

/** What is the matter with the disk. */
function driverNotes({ room, trouble, meters }: DriverLoop): string[] {
  // Where room is lacking, a sync waits for it.
  const isStalled = meters.watchdog.isStalled && !room.isFull;
  const stall = "nothing becomes durable: the disk stands still";
  return [...room.notes, ...trouble.notes, ...(isStalled ? [stall] : [])];
}

function common(frame: StatusFrame) {
  return {
    nodeId: frame.nodeId,
    clusterId: frame.clusterId,
    clusterName: frame.clusterName,
    version: frame.version,
    uptimeMs: Math.floor(frame.uptimeMs),
    notes: frame.notes,
  };
}

function roleName(core: ConsensusStatus): RaftStatus["role"] {
  if (core.role === "leader") return "leader";
  if (core.role === "candidate" || core.role === "preCandidate") return "candidate";
  return isVoter(core.configuration, core.nodeId) ? "follower" : "learner";
}

function reach(
  id: NodeId,
  frame: StatusFrame,
  core: ConsensusStatus,
  transport: Transport,
): Pick<StatusMember, "reachable" | "matchIndex" | "version"> {
  if (id === frame.nodeId) {
    const matchIndex = core.role === "leader" ? core.durableIndex : 0;
    return { reachable: true, matchIndex, version: frame.version };
  }
  return {
    reachable: transport.isConnected(id),
    matchIndex: core.followers.find((follower) => follower.id === id)?.matchIndex ?? 0,
    version: transport.peerReply(id)?.version ?? "",
  };
}

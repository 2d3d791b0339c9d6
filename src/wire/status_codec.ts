/**
 * The answer to a status question: a message of many fields, through capnp-ts.
 *
 * @module
 */
import type { List } from "capnp-ts";
import type { StatusAnswer, StatusMember } from "./client_messages.ts";
import type {
  StatusAnswer as StatusStruct,
  StatusMember as MemberStruct,
} from "./generated/client.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toNumber, toUint64, wholeMs } from "./library_message.ts";

const NODE_ROLES: readonly StatusAnswer["role"][] = ["follower", "candidate", "leader", "learner"];

/** Sets the fields of a status answer. */
export function fillStatus(struct: StatusStruct, answer: StatusAnswer): void {
  struct.setNodeId(toUint64(answer.nodeId));
  struct.setRole(enumValue(NODE_ROLES, answer.role));
  struct.setTerm(toUint64(answer.term));
  struct.setLeaderId(toUint64(answer.leaderId));
  struct.setLeaderAddress(answer.leaderAddress);
  setData((length) => struct.initClusterId(length), idToBytes(answer.clusterId));
  struct.setClusterName(answer.clusterName);
  struct.setCommitIndex(toUint64(answer.commitIndex));
  struct.setAppliedIndex(toUint64(answer.appliedIndex));
  struct.setFirstIndex(toUint64(answer.firstIndex));
  struct.setLastIndex(toUint64(answer.lastIndex));
  struct.setLogTimeMs(toUint64(answer.logTimeMs));
  struct.setLeaderContactAgeMs(toUint64(wholeMs(answer.leaderContactAgeMs)));
  struct.setConfigurationIndex(toUint64(answer.configurationIndex));
  struct.setVersion(answer.version);
  struct.setUptimeMs(toUint64(wholeMs(answer.uptimeMs)));
  fillMembers(struct, answer.members);
  const notes = struct.initNotes(answer.notes.length);
  for (const [i, note] of answer.notes.entries()) notes.set(i, note);
  struct.setSnapshotIndex(toUint64(answer.snapshotIndex));
  struct.setJoint(answer.joint);
  const promotions = struct.initPromotions(answer.promotions.length);
  for (const [i, id] of answer.promotions.entries()) promotions.get(i).setId(toUint64(id));
  struct.setTransferTarget(toUint64(answer.transferTarget));
}

function fillMembers(struct: StatusStruct, members: readonly StatusMember[]): void {
  const list = struct.initMembers(members.length);
  for (const [i, member] of members.entries()) {
    const element = list.get(i);
    element.setId(toUint64(member.id));
    element.setAddress(member.address);
    element.setVoter(member.voter);
    element.setReachable(member.reachable);
    element.setMatchIndex(toUint64(member.matchIndex));
    element.setVersion(member.version);
  }
}

/** Reads a status answer. */
export function readStatus(struct: StatusStruct, requestId: number): StatusAnswer {
  return {
    type: "statusAnswer",
    requestId,
    nodeId: toNumber(struct.getNodeId()),
    role: enumName(NODE_ROLES, struct.getRole()),
    term: toNumber(struct.getTerm()),
    leaderId: toNumber(struct.getLeaderId()),
    leaderAddress: struct.getLeaderAddress(),
    clusterId: bytesToId(struct.getClusterId().toUint8Array()),
    clusterName: struct.getClusterName(),
    commitIndex: toNumber(struct.getCommitIndex()),
    appliedIndex: toNumber(struct.getAppliedIndex()),
    firstIndex: toNumber(struct.getFirstIndex()),
    lastIndex: toNumber(struct.getLastIndex()),
    logTimeMs: toNumber(struct.getLogTimeMs()),
    leaderContactAgeMs: toNumber(struct.getLeaderContactAgeMs()),
    configurationIndex: toNumber(struct.getConfigurationIndex()),
    members: readMembers(struct.getMembers()),
    version: struct.getVersion(),
    uptimeMs: toNumber(struct.getUptimeMs()),
    notes: struct.getNotes().toArray(),
    snapshotIndex: toNumber(struct.getSnapshotIndex()),
    joint: struct.getJoint(),
    promotions: struct.getPromotions().map((element) => toNumber(element.getId())),
    transferTarget: toNumber(struct.getTransferTarget()),
  };
}

function readMembers(list: List<MemberStruct>): StatusMember[] {
  const members: StatusMember[] = [];
  for (let i = 0; i < list.getLength(); i += 1) {
    const element = list.get(i);
    members.push({
      id: toNumber(element.getId()),
      address: element.getAddress(),
      voter: element.getVoter(),
      reachable: element.getReachable(),
      matchIndex: toNumber(element.getMatchIndex()),
      version: element.getVersion(),
    });
  }
  return members;
}

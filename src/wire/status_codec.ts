/**
 * The answer to a status question: a message of many fields, written through capnp-ts.
 *
 * @module
 */
import type { StatusAnswer, StatusMember } from "./client_messages.ts";
import type { StatusAnswer as StatusStruct } from "./generated/client.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toUint64, wholeMs } from "./library_message.ts";
import type { StructView } from "./struct_view.ts";

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
  const alarms = struct.initAlarms(answer.alarms.length);
  for (const [i, alarm] of answer.alarms.entries()) {
    const element = alarms.get(i);
    element.setNodeId(toUint64(alarm.nodeId));
    element.setIndex(toUint64(alarm.index));
    element.setMessage(alarm.message);
  }
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
export function readStatus(struct: StructView, requestId: number): StatusAnswer {
  return {
    type: "statusAnswer",
    requestId,
    nodeId: struct.integer(0),
    role: enumName(NODE_ROLES, struct.uint16(8)),
    term: struct.integer(16),
    leaderId: struct.integer(24),
    leaderAddress: struct.text(0),
    clusterId: bytesToId(struct.data(1)),
    clusterName: struct.text(2),
    commitIndex: struct.integer(32),
    appliedIndex: struct.integer(40),
    firstIndex: struct.integer(48),
    lastIndex: struct.integer(56),
    logTimeMs: struct.integer(64),
    leaderContactAgeMs: struct.integer(72),
    configurationIndex: struct.integer(80),
    members: struct.structs(3).map(readMember),
    version: struct.text(4),
    uptimeMs: struct.integer(88),
    notes: struct.texts(5),
    snapshotIndex: struct.integer(96),
    joint: struct.bool(80),
    promotions: struct.structs(6).map((element) => element.integer(0)),
    transferTarget: struct.integer(104),
    alarms: struct.structs(7).map((element) => ({
      nodeId: element.integer(0),
      index: element.integer(8),
      message: element.text(0),
    })),
  };
}

function readMember(struct: StructView): StatusMember {
  return {
    id: struct.integer(0),
    address: struct.text(0),
    voter: struct.bool(64),
    reachable: struct.bool(65),
    matchIndex: struct.integer(16),
    version: struct.text(1),
  };
}

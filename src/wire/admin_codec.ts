/**
 * What operators ask for: changes of the members, transfers of leadership, snapshots. By capnp-ts,
 * for they are rare.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { ProtocolError } from "../errors.ts";
import { MEMBERS_MAX } from "../limits.ts";
import type {
  AdminAnswer,
  AdminRequest,
  ChangeMembershipRequest,
  MemberAction,
  MemberChange,
} from "./client_messages.ts";
import { type ClientMessage as MessageStruct, ClientMessage_Which } from "./generated/client.ts";
import type { ChangeMembership, MemberChange as ChangeStruct } from "./generated/client.ts";
import { bytesToId, bytesToIds, idsToBytes, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toNumber, toUint64 } from "./library_message.ts";

const ACTIONS: readonly MemberAction[] = [
  "add",
  "addLearner",
  "promote",
  "demote",
  "remove",
  "setAddress",
  "rejoin",
];

/** Sets the fields of such a message. */
export function fillAdmin(root: MessageStruct, message: AdminRequest | AdminAnswer): void {
  root.setRequestId(toUint64(message.requestId));
  switch (message.type) {
    case "changeMembership":
      return fillChangeMembership(root.initChangeMembership(), message);
    case "transferLeadership":
      return root.initTransferLeadership().setTarget(toUint64(message.target));
    case "triggerSnapshot":
      return root.setTriggerSnapshot();
    case "membershipAnswer":
      return root.initMembershipAnswer()
        .setConfigurationIndex(toUint64(message.configurationIndex));
    case "transferAnswer": {
      const struct = root.initTransferAnswer();
      struct.setLeaderId(toUint64(message.leaderId));
      struct.setTerm(toUint64(message.term));
      return;
    }
    case "snapshotAnswer":
      return root.initSnapshotAnswer().setIndex(toUint64(message.index));
  }
}

/**
 * Reads such a message, or returns null where it is another one.
 *
 * @throws {ProtocolError} If it is not valid.
 */
export function readAdmin(
  root: MessageStruct,
  requestId: number,
): AdminRequest | AdminAnswer | null {
  switch (root.which()) {
    case ClientMessage_Which.CHANGE_MEMBERSHIP:
      return readChangeMembership(root.getChangeMembership(), requestId);
    case ClientMessage_Which.TRANSFER_LEADERSHIP: {
      const target = toNumber(root.getTransferLeadership().getTarget());
      return { type: "transferLeadership", requestId, target };
    }
    case ClientMessage_Which.TRIGGER_SNAPSHOT:
      return { type: "triggerSnapshot", requestId };
    case ClientMessage_Which.MEMBERSHIP_ANSWER: {
      const configurationIndex = toNumber(root.getMembershipAnswer().getConfigurationIndex());
      return { type: "membershipAnswer", requestId, configurationIndex };
    }
    case ClientMessage_Which.TRANSFER_ANSWER: {
      const struct = root.getTransferAnswer();
      const leaderId = toNumber(struct.getLeaderId());
      return { type: "transferAnswer", requestId, leaderId, term: toNumber(struct.getTerm()) };
    }
    case ClientMessage_Which.SNAPSHOT_ANSWER: {
      const index = toNumber(root.getSnapshotAnswer().getIndex());
      return { type: "snapshotAnswer", requestId, index };
    }
    default:
      return null;
  }
}

function fillChangeMembership(struct: ChangeMembership, message: ChangeMembershipRequest): void {
  const { changes, force } = message;
  assert(
    changes.length <= MEMBERS_MAX,
    () => `${changes.length} changes are at most ${MEMBERS_MAX}`,
  );
  const list = struct.initChanges(changes.length);
  for (const [i, change] of changes.entries()) {
    const element = list.get(i);
    element.setAction(enumValue(ACTIONS, change.action));
    element.setId(toUint64(change.id));
    element.setAddress(change.address);
    setData((length) => element.initInstanceId(length), idToBytes(change.instanceId));
  }
  struct.setForce(force);
  setData((length) => struct.initReplaces(length), idsToBytes(message.replaces ?? []));
  struct.setJoinIndex(toUint64(message.joinIndex ?? 0));
}

function readChangeMembership(
  struct: ChangeMembership,
  requestId: number,
): ChangeMembershipRequest {
  const list = struct.getChanges();
  const count = list.getLength();
  if (count < 1 || count > MEMBERS_MAX) {
    throw new ProtocolError(`Cannot make ${count} changes at once: want 1 to ${MEMBERS_MAX}`);
  }
  const changes: MemberChange[] = [];
  for (let i = 0; i < count; i += 1) changes.push(readChange(list.get(i)));
  const replaces = bytesToIds(struct.getReplaces().toUint8Array());
  const joinIndex = toNumber(struct.getJoinIndex());
  const request = {
    type: "changeMembership",
    requestId,
    changes,
    force: struct.getForce(),
    ...(replaces.length === 0 ? {} : { replaces }),
    ...(joinIndex === 0 ? {} : { joinIndex }),
  } as const;
  return request;
}

function readChange(struct: ChangeStruct): MemberChange {
  const id = toNumber(struct.getId());
  if (id < 1) throw new ProtocolError(`Cannot use the member id ${id}: want one from 1 on`);
  return {
    action: enumName(ACTIONS, struct.getAction()),
    id,
    address: struct.getAddress(),
    instanceId: bytesToId(struct.getInstanceId().toUint8Array()),
  };
}

/**
 * What a data directory holds besides log records, and the payload of a configuration entry, as
 * Cap'n Proto messages in stream framing. Whoever stores one adds a checksum of its own.
 *
 * Bytes that are no such message are a ProtocolError here; a caller that reads a file turns it into
 * a BadDataError with the file's name and the way out.
 *
 * @module
 */
import type { List } from "capnp-ts";
import { assert } from "../assert.ts";
import { ProtocolError } from "../errors.ts";
import { MEMBERS_MAX } from "../limits.ts";
import type { ClusterId, Configuration, InstanceId, Member, NodeId, Term } from "../types.ts";
import {
  storageConfigurationLayout,
  storageHardStateLayout,
  storageIdentityLayout,
} from "./generated/layouts.ts";
import {
  Configuration as ConfigurationStruct,
  HardState as HardStateStruct,
  Identity as IdentityStruct,
  type Member as MemberStruct,
} from "./generated/storage.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { buildFramed, readFramed, setData, toNumber, toUint64 } from "./library_message.ts";

/** Who a node is: written when its data directory is made, and again when it is born. */
export interface Identity {
  /** The version of the data directory's format, from 1 on; the caller refuses an unknown one. */
  readonly formatVersion: number;
  /** Empty while a joining node has not learned it. */
  readonly clusterId: ClusterId | "";
  readonly clusterName: string;
  readonly nodeId: NodeId;
  readonly instanceId: InstanceId;
  /** True once the node has exchanged hellos with every member; before, it does not vote. */
  readonly born: boolean;
  /**
   * Of whom the cluster was formed, by ascending id. The instance id of one that was not met yet is
   * empty. Later changes are in the log.
   */
  readonly members: readonly Member[];
}

/** What {@linkcode encodeHardState} takes: the `HardState` of the log. */
interface HardState {
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
}

const IDENTITY = { structClass: IdentityStruct, layout: storageIdentityLayout };
const HARD_STATE = { structClass: HardStateStruct, layout: storageHardStateLayout };
const CONFIGURATION = { structClass: ConfigurationStruct, layout: storageConfigurationLayout };

/** Encodes an identity. */
export function encodeIdentity(identity: Identity): Uint8Array {
  return buildFramed(IdentityStruct, (root) => {
    root.setFormatVersion(identity.formatVersion);
    setData((length) => root.initClusterId(length), idToBytes(identity.clusterId));
    root.setClusterName(identity.clusterName);
    root.setNodeId(toUint64(identity.nodeId));
    setData((length) => root.initInstanceId(length), idToBytes(identity.instanceId));
    root.setBorn(identity.born);
    fillMembers((length) => root.initMembers(length), identity.members);
  });
}

/**
 * Decodes an identity.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeIdentity(bytes: Uint8Array): Identity {
  return readFramed(wholeFrame(bytes), IDENTITY, (root) => ({
    formatVersion: root.getFormatVersion(),
    clusterId: bytesToId(root.getClusterId().toUint8Array()),
    clusterName: root.getClusterName(),
    nodeId: toNumber(root.getNodeId()),
    instanceId: bytesToId(root.getInstanceId().toUint8Array()),
    born: root.getBorn(),
    members: readMembers(root.getMembers()),
  }));
}

/** Encodes a hard state. */
export function encodeHardState(state: HardState): Uint8Array {
  return buildFramed(HardStateStruct, (root) => {
    root.setCurrentTerm(toUint64(state.currentTerm));
    root.setVotedFor(toUint64(state.votedFor));
  });
}

/**
 * Decodes a hard state.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeHardState(bytes: Uint8Array): HardState {
  return readFramed(wholeFrame(bytes), HARD_STATE, (root) => ({
    currentTerm: toNumber(root.getCurrentTerm()),
    votedFor: toNumber(root.getVotedFor()),
  }));
}

/** Encodes a configuration: the payload of a configuration entry. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return buildFramed(ConfigurationStruct, (root) => {
    fillMembers((length) => root.initVoters(length), configuration.voters);
    fillMembers((length) => root.initVotersOld(length), configuration.votersOld);
    fillMembers((length) => root.initLearners(length), configuration.learners);
  });
}

/**
 * Decodes a configuration.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return readFramed(wholeFrame(bytes), CONFIGURATION, (root) => ({
    voters: readMembers(root.getVoters()),
    votersOld: readMembers(root.getVotersOld()),
    learners: readMembers(root.getLearners()),
  }));
}

function fillMembers(
  init: (length: number) => List<MemberStruct>,
  members: readonly Member[],
): void {
  assert(members.length <= MEMBERS_MAX, `${members.length} members are at most ${MEMBERS_MAX}`);
  const list = init(members.length);
  for (const [i, member] of members.entries()) {
    assert(i === 0 || member.id > members[i - 1]!.id, `member ${member.id} is in ascending order`);
    const struct = list.get(i);
    struct.setId(toUint64(member.id));
    struct.setAddress(member.address);
    setData((length) => struct.initInstanceId(length), idToBytes(member.instanceId));
  }
}

function readMembers(list: List<MemberStruct>): Member[] {
  const count = list.getLength();
  if (count > MEMBERS_MAX) {
    throw new ProtocolError(`Cannot use ${count} members: want at most ${MEMBERS_MAX}`);
  }
  const members: Member[] = [];
  for (let i = 0; i < count; i += 1) members.push(readMember(list.get(i)));
  for (let i = 1; i < count; i += 1) {
    if (members[i]!.id <= members[i - 1]!.id) {
      throw new ProtocolError(
        `Cannot use member ${members[i]!.id} after ${members[i - 1]!.id}: want ascending ids`,
      );
    }
  }
  return members;
}

function readMember(struct: MemberStruct): Member {
  const id = toNumber(struct.getId());
  if (id < 1) throw new ProtocolError(`Cannot use the member id ${id}: want one from 1 on`);
  return {
    id,
    address: struct.getAddress(),
    instanceId: bytesToId(struct.getInstanceId().toUint8Array()),
  };
}

/** Checks that `bytes` are one frame with one segment and nothing else. */
function wholeFrame(bytes: Uint8Array): Uint8Array {
  const words = bytes.length / 8 - 1;
  const header = [words & 0xff, (words >>> 8) & 0xff, (words >>> 16) & 0xff, words >>> 24];
  const table = [0, 0, 0, 0, ...header];
  if (words < 1 || !table.every((byte, i) => bytes[i] === byte)) {
    throw new ProtocolError(
      `Cannot read a stored message of ${bytes.length} bytes: its segment table says another size`,
    );
  }
  return bytes;
}

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
import { MEMBERS_MAX, PROMISE_MS_MAX } from "../limits.ts";
import type {
  ClusterId,
  Configuration,
  Index,
  InstanceId,
  LogTimeMs,
  Member,
  NodeId,
  SnapshotId,
  Term,
} from "../types.ts";
import {
  storageConfigurationLayout,
  storageHardStateLayout,
  storageIdentityLayout,
  storageSnapshotHeaderLayout,
} from "./generated/layouts.ts";
import {
  Configuration as ConfigurationStruct,
  HardState as HardStateStruct,
  Identity as IdentityStruct,
  type Member as MemberStruct,
  SnapshotHeader as SnapshotHeaderStruct,
} from "./generated/storage.ts";
import { bytesToId, bytesToIds, idsToBytes, idToBytes } from "./id_bytes.ts";
import { buildFramed, readFramed, setData, toNumber, toUint64 } from "./library_message.ts";
import { type StructView, viewFramed } from "./struct_view.ts";

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
   * The members as the node last knew them, by ascending id; while the cluster forms, the instance
   * id of one that was not met yet is empty. The log has the last word.
   */
  readonly members: readonly Member[];
  /** True once the node was told that it was removed: it never takes part again. */
  readonly removed: boolean;
  /** While the directory is made the start of a new cluster, else null; no node starts then. */
  readonly recovery: IdentityRecovery | null;
  /** The clusters that this one took the place of when their quorum was lost, the latest last. */
  readonly formerClusterIds: readonly ClusterId[];
  /**
   * The entry at which the state of this node was found to differ from that of a majority, 0 where
   * it was not: it serves nobody until its directory was set up anew.
   */
  readonly deviatesSince: Index;
  /**
   * Not empty while the node asks to rejoin on this directory: the directories before it that its
   * cluster may know the node by.
   */
  readonly replaces: readonly InstanceId[];
  /**
   * The configuration that took the node in, when it last asked to join; 0 where it never did. What
   * earlier ones say of its id is of an earlier membership.
   */
  readonly joinIndex: Index;
  /**
   * The longest promise of this node that a leader may count on, also after its next start, in
   * milliseconds; 0 where there is none. Null where nobody noted it: any promise may be.
   */
  readonly promiseMs: number | null;
}

/** What a directory becomes that is being made the start of a new cluster. */
export interface IdentityRecovery {
  readonly clusterId: ClusterId;
  readonly instanceId: InstanceId;
}

/** What a snapshot covers: the first frame of a snapshot file. */
export interface SnapshotHeader {
  /** The version of the snapshot's format, from 1 on; the caller refuses an unknown one. */
  readonly formatVersion: number;
  readonly clusterId: ClusterId;
  readonly snapshotId: SnapshotId;
  /** The last entry that it covers. */
  readonly lastIncludedIndex: Index;
  readonly lastIncludedTerm: Term;
  /** The log time of that entry. */
  readonly logTimeMs: LogTimeMs;
  /** The index of the entry that carried `configuration`. */
  readonly configurationIndex: Index;
  /** The latest configuration at or before `lastIncludedIndex`. */
  readonly configuration: Configuration;
}

/** What {@linkcode encodeHardState} takes: the `HardState` of the log. */
interface HardState {
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
}

const HARD_STATE = { structClass: HardStateStruct, layout: storageHardStateLayout };

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
    root.setRemoved(identity.removed);
    const { recovery, formerClusterIds } = identity;
    if (recovery !== null) {
      setData((length) => root.initRecoveryClusterId(length), idToBytes(recovery.clusterId));
      setData((length) => root.initRecoveryInstanceId(length), idToBytes(recovery.instanceId));
    }
    setData((length) => root.initFormerClusterIds(length), idsToBytes(formerClusterIds));
    root.setDeviatesSince(toUint64(identity.deviatesSince));
    setData((length) => root.initReplaces(length), idsToBytes(identity.replaces));
    root.setJoinIndex(toUint64(identity.joinIndex));
    const { promiseMs } = identity;
    assert(promiseMs === null || promiseMs <= PROMISE_MS_MAX, () => `${promiseMs} ms: 16 bits`);
    root.setPromisesNothing(promiseMs === 0);
    root.setPromiseMs(promiseMs ?? 0);
  });
}

/**
 * Decodes an identity.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeIdentity(bytes: Uint8Array): Identity {
  const root = viewFramed(wholeFrame(bytes), storageIdentityLayout);
  return {
    formatVersion: root.uint32(0),
    clusterId: bytesToId(root.data(0)),
    clusterName: root.text(1),
    nodeId: root.integer(8),
    instanceId: bytesToId(root.data(2)),
    born: root.bool(32),
    members: readMembers(root.structs(3)),
    removed: root.bool(33),
    recovery: readRecovery(root),
    formerClusterIds: bytesToIds(root.data(6)),
    deviatesSince: root.integer(16),
    replaces: bytesToIds(root.data(7)),
    joinIndex: root.integer(24),
    promiseMs: readPromise(root),
  };
}

function readPromise(root: StructView): number | null {
  const promiseMs = root.uint16(6);
  if (promiseMs > 0) return promiseMs;
  const promisesNothing = root.bool(34);
  return promisesNothing ? 0 : null;
}

function readRecovery(root: StructView): IdentityRecovery | null {
  const clusterId = bytesToId(root.data(4));
  const instanceId = bytesToId(root.data(5));
  if (clusterId === "" && instanceId === "") return null;
  if (clusterId !== "" && instanceId !== "") return { clusterId, instanceId };
  throw new ProtocolError(
    `Cannot read a recovery of cluster "${clusterId}" and instance "${instanceId}": want both`,
  );
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
  return buildFramed(ConfigurationStruct, (root) => fillConfiguration(root, configuration));
}

/**
 * Decodes a configuration.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return readConfiguration(viewFramed(wholeFrame(bytes), storageConfigurationLayout));
}

/** Encodes the header of a snapshot. */
export function encodeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  return buildFramed(SnapshotHeaderStruct, (root) => {
    root.setFormatVersion(header.formatVersion);
    setData((length) => root.initClusterId(length), idToBytes(header.clusterId));
    setData((length) => root.initSnapshotId(length), idToBytes(header.snapshotId));
    root.setLastIncludedIndex(toUint64(header.lastIncludedIndex));
    root.setLastIncludedTerm(toUint64(header.lastIncludedTerm));
    root.setLogTimeMs(toUint64(header.logTimeMs));
    root.setConfigurationIndex(toUint64(header.configurationIndex));
    fillConfiguration(root.initConfiguration(), header.configuration);
  });
}

/**
 * Decodes the header of a snapshot.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeSnapshotHeader(bytes: Uint8Array): SnapshotHeader {
  const root = viewFramed(wholeFrame(bytes), storageSnapshotHeaderLayout);
  return {
    formatVersion: root.uint32(0),
    clusterId: bytesToId(root.data(0)),
    snapshotId: bytesToId(root.data(1)),
    lastIncludedIndex: root.integer(8),
    lastIncludedTerm: root.integer(16),
    logTimeMs: root.integer(24),
    configurationIndex: root.integer(32),
    configuration: readConfiguration(root.struct(2)),
  };
}

function fillConfiguration(root: ConfigurationStruct, configuration: Configuration): void {
  const { voters, votersOld, learners, promotions } = configuration;
  fillMembers((length) => root.initVoters(length), voters);
  fillMembers((length) => root.initVotersOld(length), votersOld);
  fillMembers((length) => root.initLearners(length), learners);
  assert(
    promotions.length <= learners.length,
    () => `${promotions.length} promotions are of learners`,
  );
  const list = root.initPromotions(promotions.length);
  for (const [i, id] of promotions.entries()) list.get(i).setId(toUint64(id));
}

function readConfiguration(root: StructView): Configuration {
  const learners = readMembers(root.structs(2));
  const promotions = root.structs(3).map((struct) => struct.integer(0));
  for (const id of promotions) {
    if (learners.some((learner) => learner.id === id)) continue;
    throw new ProtocolError(`Cannot promote member ${id}: want the id of a learner`);
  }
  return {
    voters: readMembers(root.structs(0)),
    votersOld: readMembers(root.structs(1)),
    learners,
    promotions,
  };
}

function fillMembers(
  init: (length: number) => List<MemberStruct>,
  members: readonly Member[],
): void {
  assert(
    members.length <= MEMBERS_MAX,
    () => `${members.length} members are at most ${MEMBERS_MAX}`,
  );
  const list = init(members.length);
  for (const [i, member] of members.entries()) {
    assert(
      i === 0 || member.id > members[i - 1]!.id,
      () => `member ${member.id} is in ascending order`,
    );
    const struct = list.get(i);
    struct.setId(toUint64(member.id));
    struct.setAddress(member.address);
    setData((length) => struct.initInstanceId(length), idToBytes(member.instanceId));
  }
}

function readMembers(list: readonly StructView[]): Member[] {
  if (list.length > MEMBERS_MAX) {
    throw new ProtocolError(`Cannot use ${list.length} members: want at most ${MEMBERS_MAX}`);
  }
  const members = list.map(readMember);
  for (let i = 1; i < members.length; i += 1) {
    if (members[i]!.id <= members[i - 1]!.id) {
      throw new ProtocolError(
        `Cannot use member ${members[i]!.id} after ${members[i - 1]!.id}: want ascending ids`,
      );
    }
  }
  return members;
}

function readMember(struct: StructView): Member {
  const id = struct.integer(0);
  if (id < 1) throw new ProtocolError(`Cannot use the member id ${id}: want one from 1 on`);
  return { id, address: struct.text(0), instanceId: bytesToId(struct.data(1)) };
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

/**
 * The hello and its reply, which peers and clients share.
 *
 * @module
 */
import { getUint32 } from "../bytes.ts";
import { ProtocolError } from "../errors.ts";
import { rootOffset, verifyFrame } from "./frame_checksum.ts";
import type { Hello as HelloStruct, HelloReply as HelloReplyStruct } from "./generated/peer.ts";
import { peerPeerMessageLayout } from "./generated/layouts.ts";
import { type Hello, HELLO_MAGIC_FIRST, HELLO_MAGIC_SECOND } from "./hello.ts";
import type { HelloRefusal, HelloReply } from "./hello.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toUint64 } from "./library_message.ts";
import { type StructView, viewFramed } from "./struct_view.ts";

/** The union tag of a hello in both root structs. */
export const HELLO_TAG = 0;
/** The union tag of its reply in both root structs. */
export const HELLO_REPLY_TAG = 1;

const ROLES = ["peer", "client"] as const;
const REFUSALS: readonly HelloRefusal[] = [
  "none",
  "wrongCluster",
  "wrongInstance",
  "wrongNode",
  "unknownMember",
  "noCommonVersion",
  "tooManyConnections",
  "notReady",
  "removedMember",
  "formerCluster",
];

/** The union tag of a frame whose checksum was verified. */
export function frameTag(frame: Uint8Array): number {
  return getUint32(frame, rootOffset(frame) + 4) & 0xffff;
}

/**
 * Reads the first frame of a connection, whoever dialed: a hello of a peer or of a client.
 *
 * @throws {ProtocolError} If it is anything else.
 */
export function decodeHelloFrame(frame: Uint8Array): Hello {
  verifyFrame(frame);
  const tag = frameTag(frame);
  if (tag !== HELLO_TAG) {
    throw new ProtocolError(`Cannot begin with message ${tag}: want a hello first`);
  }
  return readHello(viewFramed(frame, peerPeerMessageLayout).struct(0));
}

/** Sets the fields of a hello. */
export function fillHello(struct: HelloStruct, hello: Hello): void {
  struct.setMagicFirst(HELLO_MAGIC_FIRST);
  struct.setMagicSecond(HELLO_MAGIC_SECOND);
  struct.setProtocolMin(hello.protocolMin);
  struct.setProtocolMax(hello.protocolMax);
  struct.setRole(enumValue(ROLES, hello.role));
  setData((length) => struct.initClusterId(length), idToBytes(hello.clusterId));
  struct.setClusterName(hello.clusterName);
  struct.setNodeId(toUint64(hello.nodeId));
  setData((length) => struct.initInstanceId(length), idToBytes(hello.instanceId));
  struct.setAddress(hello.address);
  struct.setTargetNodeId(toUint64(hello.targetNodeId));
  struct.setConfigurationIndex(toUint64(hello.configurationIndex));
}

/** Reads a hello. */
export function readHello(struct: StructView): Hello {
  const first = struct.uint32(0);
  const second = struct.uint32(4);
  if (first !== HELLO_MAGIC_FIRST || second !== HELLO_MAGIC_SECOND) {
    throw new ProtocolError("Cannot read the hello: it does not begin with the magic of Raft");
  }
  const protocolMin = struct.uint16(8);
  const protocolMax = struct.uint16(10);
  if (protocolMin < 1 || protocolMin > protocolMax) {
    throw new ProtocolError(
      `Cannot speak protocols ${protocolMin} to ${protocolMax}: want a range`,
    );
  }
  return {
    protocolMin,
    protocolMax,
    role: enumName(ROLES, struct.uint16(12)),
    clusterId: bytesToId(struct.data(0)),
    clusterName: struct.text(1),
    nodeId: struct.integer(16),
    instanceId: bytesToId(struct.data(2)),
    address: struct.text(3),
    targetNodeId: struct.integer(24),
    configurationIndex: struct.integer(32),
  };
}

/** Sets the fields of the answer to a hello. */
export function fillHelloReply(struct: HelloReplyStruct, reply: HelloReply): void {
  struct.setRefusal(enumValue(REFUSALS, reply.refusal));
  struct.setProtocol(reply.protocol);
  struct.setReason(reply.reason);
  setData((length) => struct.initClusterId(length), idToBytes(reply.clusterId));
  struct.setClusterName(reply.clusterName);
  struct.setNodeId(toUint64(reply.nodeId));
  setData((length) => struct.initInstanceId(length), idToBytes(reply.instanceId));
  struct.setAddress(reply.address);
  struct.setLogTimeMs(toUint64(reply.logTimeMs));
  struct.setVersion(reply.version);
  struct.setConfigurationIndex(toUint64(reply.configurationIndex));
}

/** Reads the answer to a hello. */
export function readHelloReply(struct: StructView): HelloReply {
  return {
    refusal: enumName(REFUSALS, struct.uint16(0)),
    reason: struct.text(0),
    protocol: struct.uint16(2),
    clusterId: bytesToId(struct.data(1)),
    clusterName: struct.text(2),
    nodeId: struct.integer(8),
    instanceId: bytesToId(struct.data(3)),
    address: struct.text(4),
    logTimeMs: struct.integer(16),
    version: struct.text(5),
    configurationIndex: struct.integer(24),
  };
}

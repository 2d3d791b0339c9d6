/**
 * The first message on every connection, the same for peers and clients, and its answer.
 *
 * @module
 */
import type { Address, ClusterId, Index, InstanceId, NodeId } from "../types.ts";

/** The first eight bytes of a hello read "RAFT2026"; this is "RAFT" as a little-endian number. */
export const HELLO_MAGIC_FIRST = 0x54464152;
/** "2026" as a little-endian number. */
export const HELLO_MAGIC_SECOND = 0x36323032;

/** The protocol versions that this build speaks. */
export const PROTOCOL_VERSION_MIN = 1;
/** The newest protocol version that this build speaks. */
export const PROTOCOL_VERSION_MAX = 2;

/** The protocol version from which on a leader lets a member rejoin on another data directory. */
export const REJOIN_PROTOCOL = 2;

/** The protocol version from which on peers tell each other hashes of their states. */
export const STATE_HASH_PROTOCOL = 2;

/** Who dials, and what it takes the other side for. */
export interface Hello {
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** `peer` is another node of the cluster; `client` sends requests. */
  readonly role: "peer" | "client";
  /** The cluster that the dialer belongs to or wants; empty where it does not know. */
  readonly clusterId: ClusterId | "";
  /** The name that people gave the cluster, for error messages; may be empty. */
  readonly clusterName: string;
  /** The dialer's id, 0 for a client. */
  readonly nodeId: NodeId;
  /** The dialer's data directory, empty for a client. */
  readonly instanceId: InstanceId | "";
  /** Where the dialer is reached, empty for a client. */
  readonly address: Address | "";
  /** The id that the dialer expects to reach, 0 for any. */
  readonly targetNodeId: NodeId;
  /** The index of the latest configuration that the dialer holds; 0 for a client or for none. */
  readonly configurationIndex: Index;
}

/** Why a connection is refused. */
export type HelloRefusal =
  | "none"
  | "wrongCluster"
  | "wrongInstance"
  | "wrongNode"
  | "unknownMember"
  | "noCommonVersion"
  | "tooManyConnections"
  | "notReady"
  | "removedMember"
  /** The cluster of the dialer lost its quorum, and this one took its place. */
  | "formerCluster";

/** The answer to a hello: who answers, and whether it accepts. */
export interface HelloReply {
  /** `none` where the connection is accepted. */
  readonly refusal: HelloRefusal;
  /** What is wrong and how to mend it, for people; empty where accepted. */
  readonly reason: string;
  /** The version to speak. */
  readonly protocol: number;
  readonly clusterId: ClusterId | "";
  readonly clusterName: string;
  readonly nodeId: NodeId;
  readonly instanceId: InstanceId | "";
  readonly address: Address | "";
  /** The log time of the answering node, for request ids. */
  readonly logTimeMs: number;
  /** The version of the program, for `raft status`. */
  readonly version: string;
  /** With `removedMember`: the committed configuration that the dialer is not part of; else 0. */
  readonly configurationIndex: Index;
}

/**
 * Who may connect to this node: the judgement of a hello.
 *
 * @module
 */
import type { ClusterId, Index, InstanceId, NodeId } from "../types.ts";
import {
  type Hello,
  type HelloRefusal,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from "../wire/hello.ts";

/** How far a node's knowledge of the members goes. */
export interface Standing {
  /** By what it knows its peers: a list, nothing yet, or the configurations of its log. */
  readonly phase: "forming" | "joining" | "running";
  /** The latest configuration that it knows of; 0 for none. */
  readonly latestIndex: Index;
  /** The latest one that it knows to be committed, or null. */
  readonly committedIndex: Index | null;
}

/** What a hello is judged by. */
export interface HelloPolicy {
  readonly nodeId: NodeId;
  /** Empty while the node has not learned it. */
  readonly clusterId: ClusterId | "";
  readonly clusterName: string;
  readonly instanceId: InstanceId;
  /** The clusters that this one took the place of: their quorum was lost, or it was restored. */
  readonly formerClusterIds: readonly ClusterId[];
  /**
   * The data directory that holds `id`, as far as this node knows: "" for a place that none has
   * taken yet, null for an unknown id.
   */
  readonly instanceOf: (id: NodeId) => InstanceId | "" | null;
  /** Whether `id` is a member of the cluster, or one of the nodes that form it. */
  readonly isMember: (id: NodeId) => boolean;
  readonly standing: Standing;
}

/** The verdict: `none` accepts. */
export interface HelloVerdict {
  readonly refusal: HelloRefusal;
  /** For people: what is wrong and how to mend it. */
  readonly reason: string;
  /** Of a removed member: the committed configuration that it is not part of; else 0. */
  readonly configurationIndex: Index;
}

const ACCEPTED: HelloVerdict = { refusal: "none", reason: "", configurationIndex: 0 };

/** Judges the hello of a peer or a client. */
export function judgeHello(hello: Hello, policy: HelloPolicy): HelloVerdict {
  if (hello.protocolMin > PROTOCOL_VERSION_MAX || hello.protocolMax < PROTOCOL_VERSION_MIN) {
    return refuse(
      "noCommonVersion",
      `Node ${policy.nodeId} speaks protocol versions ${PROTOCOL_VERSION_MIN} to ` +
        `${PROTOCOL_VERSION_MAX}, the dialer ${hello.protocolMin} to ${hello.protocolMax}: ` +
        "upgrade the older one",
    );
  }
  if (policy.clusterId === "") {
    return refuse("notReady", `Node ${policy.nodeId} belongs to no cluster yet: it is joining one`);
  }
  if (policy.formerClusterIds.includes(hello.clusterId)) return refuseFormer(hello, policy);
  const isOther = hello.clusterId !== policy.clusterId;
  // A client need not know which cluster it asks; a peer must.
  if (isOther && (hello.role === "peer" || hello.clusterId !== "")) {
    return refuse(
      "wrongCluster",
      `Node ${policy.nodeId} belongs to cluster "${policy.clusterName}" ` +
        `(${policy.clusterId}), the dialer to "${hello.clusterName}" (${hello.clusterId}): ` +
        "check the addresses",
    );
  }
  if (hello.targetNodeId !== 0 && hello.targetNodeId !== policy.nodeId) {
    return refuse(
      "wrongNode",
      `This is node ${policy.nodeId}, not node ${hello.targetNodeId}: check the addresses`,
    );
  }
  return hello.role === "client" ? ACCEPTED : judgePeer(hello, policy);
}

/** An operator has put this cluster, or a node of it, in the place of the dialer's. */
function refuseFormer(hello: Hello, policy: HelloPolicy): HelloVerdict {
  return refuse(
    "formerCluster",
    `Cluster ${hello.clusterId} was recovered or restored, from what node ${policy.nodeId} ` +
      `holds, as cluster ${policy.clusterId}: what else its nodes hold does not count any more`,
  );
}

/** The newest protocol version that both sides speak; call it for an accepted hello only. */
export function commonProtocol(hello: Hello): number {
  return Math.min(hello.protocolMax, PROTOCOL_VERSION_MAX);
}

function judgePeer(hello: Hello, policy: HelloPolicy): HelloVerdict {
  if (hello.nodeId === policy.nodeId) {
    return refuse(
      "wrongNode",
      `This node has the id ${policy.nodeId} too: give every node an id of its own`,
    );
  }
  const { phase, latestIndex } = policy.standing;
  if (phase === "joining") {
    // Who goes by an older configuration than the one that took this node in may take it for the
    // one that had its id before, and count on promises of that one.
    return latestIndex > 0 && hello.configurationIndex >= latestIndex
      ? ACCEPTED
      : refuse("notReady", `Node ${policy.nodeId} is joining, and listens to newer members only`);
  }
  // A newer configuration than what is known here may have added or replaced the dialer.
  const isAhead = phase === "running" && hello.configurationIndex > latestIndex;
  if (!policy.isMember(hello.nodeId)) return isAhead ? ACCEPTED : judgeStranger(hello, policy);
  const known = policy.instanceOf(hello.nodeId);
  // A directory that held the id before: a new one takes the place by joining, never by a hello.
  if (known === "" && !isAhead) return judgeStranger(hello, policy);
  if (known === null || known === hello.instanceId || isAhead) return ACCEPTED;
  return refuse(
    "wrongInstance",
    `Node ${hello.nodeId} is known with another data directory (${known}): one that was lost or ` +
      "replaced must not come back under its old id, for it has forgotten its votes",
  );
}

/** A dialer that neither the latest nor the latest committed configuration names. */
function judgeStranger(hello: Hello, policy: HelloPolicy): HelloVerdict {
  const { nodeId, configurationIndex } = hello;
  const { phase, committedIndex } = policy.standing;
  if (phase === "forming" || configurationIndex === 0) {
    return refuse(
      "unknownMember",
      `Node ${nodeId} is no member of this cluster: check its id, and that every node was ` +
        "started with the same --peers; a node that is new joins by raft start --join",
    );
  }
  // Nothing says that it was removed; if it was, the next commitment shows it.
  if (committedIndex === null || configurationIndex > committedIndex) return ACCEPTED;
  return {
    ...refuse("removedMember", `Node ${nodeId} was removed from this cluster`),
    configurationIndex: committedIndex,
  };
}

function refuse(refusal: HelloRefusal, reason: string): HelloVerdict {
  return { refusal, reason, configurationIndex: 0 };
}

/**
 * Who may connect to this node: the judgement of a hello.
 *
 * @module
 */
import type { ClusterId, InstanceId, NodeId } from "../types.ts";
import {
  type Hello,
  type HelloRefusal,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from "../wire/hello.ts";

/** What a hello is judged by. */
export interface HelloPolicy {
  readonly nodeId: NodeId;
  readonly clusterId: ClusterId;
  readonly clusterName: string;
  readonly instanceId: InstanceId;
  /** The data directory that holds `id`, as far as this node knows; null for an unknown id. */
  readonly instanceOf: (id: NodeId) => InstanceId | null;
  /** Whether `id` is a member of the cluster, or one of the nodes that form it. */
  readonly isMember: (id: NodeId) => boolean;
}

/** The verdict: `none` accepts. */
export interface HelloVerdict {
  readonly refusal: HelloRefusal;
  /** For people: what is wrong and how to mend it. */
  readonly reason: string;
}

const ACCEPTED: HelloVerdict = { refusal: "none", reason: "" };

/** Judges the hello of a peer or a client. */
export function judgeHello(hello: Hello, policy: HelloPolicy): HelloVerdict {
  if (hello.protocolMin > PROTOCOL_VERSION_MAX || hello.protocolMax < PROTOCOL_VERSION_MIN) {
    return {
      refusal: "noCommonVersion",
      reason: `Node ${policy.nodeId} speaks protocol versions ${PROTOCOL_VERSION_MIN} to ` +
        `${PROTOCOL_VERSION_MAX}, the dialer ${hello.protocolMin} to ${hello.protocolMax}: ` +
        "upgrade the older one",
    };
  }
  const isOther = hello.clusterId !== policy.clusterId;
  // A client need not know which cluster it asks; a peer must.
  if (isOther && (hello.role === "peer" || hello.clusterId !== "")) {
    return {
      refusal: "wrongCluster",
      reason: `Node ${policy.nodeId} belongs to cluster "${policy.clusterName}" ` +
        `(${policy.clusterId}), the dialer to "${hello.clusterName}" (${hello.clusterId}): ` +
        "check the addresses",
    };
  }
  if (hello.targetNodeId !== 0 && hello.targetNodeId !== policy.nodeId) {
    return {
      refusal: "wrongNode",
      reason: `This is node ${policy.nodeId}, not node ${hello.targetNodeId}: check the addresses`,
    };
  }
  return hello.role === "client" ? ACCEPTED : judgePeer(hello, policy);
}

/** The newest protocol version that both sides speak; call it for an accepted hello only. */
export function commonProtocol(hello: Hello): number {
  return Math.min(hello.protocolMax, PROTOCOL_VERSION_MAX);
}

function judgePeer(hello: Hello, policy: HelloPolicy): HelloVerdict {
  if (hello.nodeId === policy.nodeId) {
    return {
      refusal: "wrongNode",
      reason: `This node has the id ${policy.nodeId} too: give every node an id of its own`,
    };
  }
  if (!policy.isMember(hello.nodeId)) {
    return {
      refusal: "unknownMember",
      reason: `Node ${hello.nodeId} is no member of this cluster: check its id, and that every ` +
        "node was started with the same --peers",
    };
  }
  const known = policy.instanceOf(hello.nodeId);
  if (known === null || known === hello.instanceId) return ACCEPTED;
  return {
    refusal: "wrongInstance",
    reason: `Node ${hello.nodeId} is known with another data directory (${known}): one that was ` +
      "lost or replaced must not come back under its old id, for it has forgotten its votes. " +
      "Bring that very directory back; this version cannot replace a member yet",
  };
}

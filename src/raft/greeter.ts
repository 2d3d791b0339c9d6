/**
 * Says hello for this node, and answers hellos.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Address, InstanceId, LogTimeMs, NodeId } from "../types.ts";
import {
  type Hello,
  type HelloReply,
  PROTOCOL_VERSION_MAX,
  PROTOCOL_VERSION_MIN,
} from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { commonProtocol, judgeHello, type Standing } from "./hello_policy.ts";

/** What a greeter speaks of. */
export interface GreeterOptions {
  readonly identity: () => Identity;
  /** The data directory that holds an id, as far as this node knows. */
  readonly instanceOf: (id: NodeId) => InstanceId | "" | null;
  /** Whether an id belongs to the cluster. */
  readonly isMember: (id: NodeId) => boolean;
  /** How far the knowledge of the members goes. */
  readonly standing: () => Standing;
  readonly address: () => Address;
  readonly logTimeMs: () => LogTimeMs;
  readonly version: string;
}

/** The manners of one node. */
export class Greeter {
  readonly #options: GreeterOptions;

  /** Creates a greeter. */
  constructor(options: GreeterOptions) {
    this.#options = options;
  }

  /** What this node says when it dials `targetNodeId`. */
  hello(targetNodeId: NodeId): Hello {
    const identity = this.#options.identity();
    assert(identity.clusterId !== "", "a node without a cluster dials nobody");
    return {
      protocolMin: PROTOCOL_VERSION_MIN,
      protocolMax: PROTOCOL_VERSION_MAX,
      role: "peer",
      clusterId: identity.clusterId,
      clusterName: identity.clusterName,
      nodeId: identity.nodeId,
      instanceId: identity.instanceId,
      address: this.#options.address(),
      targetNodeId,
      configurationIndex: this.#options.standing().latestIndex,
    };
  }

  /** What this node answers. */
  reply(hello: Hello): HelloReply {
    const { identity, instanceOf, isMember, standing } = this.#options;
    const { address, logTimeMs, version } = this.#options;
    const { clusterId, clusterName, nodeId, instanceId, formerClusterIds } = identity();
    const verdict = judgeHello(hello, {
      clusterId,
      clusterName,
      nodeId,
      instanceId,
      formerClusterIds,
      instanceOf,
      isMember,
      standing: standing(),
    });
    return {
      ...verdict,
      protocol: verdict.refusal === "none" ? commonProtocol(hello) : 0,
      clusterId,
      clusterName,
      nodeId,
      instanceId,
      address: address(),
      logTimeMs: logTimeMs(),
      version,
    };
  }
}

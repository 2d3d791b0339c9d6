/**
 * From the flags of `raft start` to what a node is started with: addresses that agree, and how the
 * cluster comes about.
 *
 * @module
 */
import type { SettingValues } from "../config.ts";
import { isLoopback, isWildcard, parseAddress, type Peer } from "../config/address.ts";
import type { startSettings } from "../config/start_settings.ts";
import { UsageError } from "../config/usage_error.ts";
import type { KnownAs } from "../log/identity_file.ts";
import type { Address, NodeId } from "../types.ts";

/** The checked flags of `raft start`. */
export type StartValues = SettingValues<(typeof startSettings)["shape"]>;

/** How the cluster comes about, for a data directory without an identity. */
export type Formation =
  | { readonly kind: "bootstrap" }
  | { readonly kind: "peers"; readonly peers: readonly Peer[] }
  | { readonly kind: "join"; readonly endpoints: readonly Address[]; readonly learner: boolean }
  | { readonly kind: "existing" };

/** What a node is started with. */
export interface NodePlan {
  readonly nodeId: NodeId;
  readonly dataPath: string;
  readonly clusterName: string;
  readonly listen: Address;
  readonly advertise: Address;
  readonly formation: Formation;
}

const LISTEN_DEFAULT = "127.0.0.1:7238";
/** The name of a cluster that nobody named. */
export const CLUSTER_DEFAULT = "raft";

/** An election needs to outlast a few heartbeats. */
const HEARTBEATS_IN_ELECTION_TIMEOUT_MIN = 3;

function formationOf({ bootstrap, peers, join, learner }: StartValues): Formation {
  const given = [
    ...(bootstrap ? ["--bootstrap"] : []),
    ...(peers === undefined ? [] : ["--peers"]),
    ...(join === undefined ? [] : ["--join"]),
  ];
  if (given.length > 1) {
    throw new UsageError(`Cannot use ${given.join(" together with ")}`, {
      fix: [
        "--bootstrap founds a cluster of this one node",
        "--peers founds one of all the nodes that it lists",
        "--join joins a cluster that there is",
      ],
    });
  }
  if (learner && join === undefined) {
    throw new UsageError("Cannot use --learner without --join: the nodes that found it are voters");
  }
  if (join !== undefined) return { kind: "join", endpoints: join, learner };
  if (peers !== undefined) return { kind: "peers", peers };
  return bootstrap ? { kind: "bootstrap" } : { kind: "existing" };
}

/** This node's entry in --peers. */
function ownEntry({ id, peers }: StartValues): Peer | undefined {
  const own = peers?.find((peer) => peer.id === id);
  if (peers !== undefined && own === undefined) {
    const ids = peers.map((peer) => peer.id).join(", ");
    throw new UsageError(`Cannot start node ${id}: --peers lists ${ids} and not ${id}`, {
      fix: ["give every node the same --peers, with an entry for itself"],
    });
  }
  return own;
}

function advertiseOf(
  values: StartValues,
  { listen, own, known }: {
    readonly listen: Address;
    readonly own: Peer | undefined;
    readonly known: KnownAs | null;
  },
): Address {
  const { advertise } = values;
  if (advertise !== undefined && own !== undefined && advertise !== own.address) {
    throw new UsageError(
      `Cannot advertise ${advertise}: --peers says that node ${own.id} is at ${own.address}`,
      { fix: ["leave --advertise away, or use the same address in both"] },
    );
  }
  const address = advertise ?? known?.address ?? own?.address ?? listen;
  if (!isWildcard(address)) return address;
  const { port } = parseAddress(listen);
  throw new UsageError(`Cannot advertise ${address}: nobody can reach a wildcard address`, {
    why: ["other nodes and clients are told this address"],
    fix: [`say how this machine is reached: --advertise HOST:${port}`],
  });
}

/** A node that joins must be reached by the members, and is none of them itself. */
function checkJoin(endpoints: readonly Address[], advertise: Address): void {
  if (endpoints.includes(advertise)) {
    throw new UsageError(`Cannot join at ${advertise}: this node itself is to be there`, {
      fix: ["name nodes of the cluster: --join HOST:PORT", "another place for this one: --listen"],
    });
  }
  const far = endpoints.find((endpoint) => !isLoopback(endpoint));
  if (far === undefined || !isLoopback(advertise)) return;
  throw new UsageError(`Cannot join from ${advertise}: only this machine reaches it`, {
    why: [`the cluster is at ${far}, and its nodes are told this address`],
    fix: ["say how this machine is reached: --listen HOST:PORT, or --advertise HOST:PORT"],
  });
}

/** Where the data directory is. */
export function dataPathOf({ data, id }: StartValues): string {
  return data ?? `raft-data/${id}`;
}

/**
 * Works out what is not said and refuses what does not fit together.
 *
 * @param values The checked flags.
 * @param known What the data directory says of the node; null before it has a cluster.
 */
export function planNode(values: StartValues, known: KnownAs | null = null): NodePlan {
  const { id, heartbeatMs, electionTimeoutMs } = values;
  if (electionTimeoutMs < heartbeatMs * HEARTBEATS_IN_ELECTION_TIMEOUT_MIN) {
    throw new UsageError(
      `Cannot use --election-timeout ${electionTimeoutMs}ms with --heartbeat ${heartbeatMs}ms`,
      { fix: [`want at least ${HEARTBEATS_IN_ELECTION_TIMEOUT_MIN} heartbeats in it`] },
    );
  }
  // A node that has a cluster keeps it: --peers and --bootstrap found one, and change none.
  const formation: Formation = known === null ? formationOf(values) : { kind: "existing" };
  const own = known === null ? ownEntry(values) : undefined;
  const listen = values.listen ?? known?.address ?? own?.address ?? LISTEN_DEFAULT;
  const advertise = advertiseOf(values, { listen, own, known });
  if (formation.kind === "join") checkJoin(formation.endpoints, advertise);
  return {
    nodeId: id,
    dataPath: dataPathOf(values),
    clusterName: values.cluster ?? known?.clusterName ?? CLUSTER_DEFAULT,
    listen,
    advertise,
    formation,
  };
}

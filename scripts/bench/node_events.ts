/**
 * Which node is which in a cluster, and when one has applied so much.
 *
 * @module
 */
import { eventually } from "../../tests/e2e/kit/eventually.ts";
import type { Cluster } from "./cluster.ts";

const LIMIT_MS = 900_000;

/** The position of the node at an address, counted from 0. */
export function positionOf(cluster: Cluster, address: string): number {
  return cluster.nodes.findIndex((node) => node.address === address);
}

/** A node by what it is, so that rounds with another leader compare. */
export interface NodeRole {
  /** `leader`, `follower 1`, … */
  readonly role: string;
  readonly position: number;
}

/** Every node by what it is while the one at `leader` leads: that one first. */
export function rolesOf({ nodes }: Cluster, leader: number): NodeRole[] {
  return nodes.map((_, distance) => ({
    role: distance === 0 ? "leader" : `follower ${distance}`,
    position: (leader + distance) % nodes.length,
  }));
}

/** The position of some node that does not lead; of the only one where there are no more. */
export async function followerOf(cluster: Cluster): Promise<number> {
  const leader = positionOf(cluster, (await cluster.leader()).address);
  return (leader + 1) % cluster.nodes.length;
}

/** Resolves when a node has applied so much; with how long that took in seconds. */
export async function secondsUntilApplied(
  cluster: Cluster,
  { position, index }: { readonly position: number; readonly index: number },
): Promise<number> {
  const startMs = performance.now();
  await eventually({
    what: `node ${position + 1} to apply ${index}`,
    withinMs: LIMIT_MS,
    look: async () => {
      const applied = await cluster.appliedIndex(cluster.nodes[position]!);
      return applied !== null && applied >= index || null;
    },
  });
  return (performance.now() - startMs) / 1000;
}

import type { Address, NodeId } from "../types.ts";

/**
 * The ways on for a node whose id is known with another data directory than it has.
 *
 * @param member Where a member of the cluster is reached.
 */
export function lostDirectoryFix(nodeId: NodeId, member: Address): string[] {
  return [
    "the directory that the node had is merely moved or not mounted? start it there",
    `it is lost? put a new node in its place: raft member replace ${nodeId} NEW HOST:PORT ` +
    `-e ${member}`,
    `then, with an empty directory: raft start --id NEW --data DIR --join ${member}`,
    `or keep the id: raft member remove ${nodeId} -e ${member}`,
    `then, with an empty directory: raft start --id ${nodeId} --data DIR --join ${member}`,
  ];
}

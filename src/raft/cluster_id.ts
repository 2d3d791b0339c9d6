/**
 * The id of a cluster that forms from a list: every node derives the same one from it.
 *
 * @module
 */
import type { Address, ClusterId, NodeId } from "../types.ts";

/** The parameters of FNV-1a with 128 bits. */
const FNV_OFFSET = 0x6c62272e07bb014262b821756295c58dn;
const FNV_PRIME = 0x0000000001000000000000000000013bn;
const MASK = (1n << 128n) - 1n;

/**
 * Derives the id from the name and the members. The order of the list does not matter.
 *
 * @param clusterName The name that people gave the cluster; may be empty.
 * @param members Every node that forms the cluster.
 */
export function deriveClusterId(
  clusterName: string,
  members: readonly { readonly id: NodeId; readonly address: Address }[],
): ClusterId {
  const sorted = [...members].sort((a, b) => a.id - b.id);
  const text = [clusterName, ...sorted.map(({ id, address }) => `${id}=${address}`)].join("\n");
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i += 1) {
    hash = ((hash ^ BigInt(text.charCodeAt(i))) * FNV_PRIME) & MASK;
  }
  return hash.toString(16).padStart(32, "0");
}

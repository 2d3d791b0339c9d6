import { elapse } from "../../tests/e2e/kit/eventually.ts";
import type { ClusterNode, Prober } from "./cluster.ts";
import type { KeyValueConnection } from "./own_load.ts";

/** How long one node may take; it is asked again until somebody acknowledges the write. */
const ATTEMPT_MS = 30;
const PAUSE_MS = 2;

/**
 * A writer that asks the nodes in turn, for clients that do not look for the leader themselves.
 *
 * @param nodes The nodes.
 * @param connect Opens a connection to one of them.
 */
export function probeInTurn(
  nodes: readonly ClusterNode[],
  connect: (address: string) => KeyValueConnection,
): Prober {
  const connections: (KeyValueConnection | null)[] = nodes.map(() => null);
  const key = new TextEncoder().encode("probe-key-000000");
  const value = new Uint8Array(128).fill(118);
  let position = 0;

  const attempt = async (): Promise<boolean> => {
    const connection = connections[position] ??= connect(nodes[position]!.address);
    const done = await Promise.race([
      new Promise<boolean>((resolve) => {
        connection.put(key, value, {
          succeeded: () => resolve(true),
          failed: () => resolve(false),
        });
      }),
      elapse(ATTEMPT_MS).then(() => null),
    ]);
    if (done === true) return true;
    // A connection that failed dials again; one that is slow is left in peace.
    if (done === false) {
      connection.close();
      connections[position] = null;
    }
    position = (position + 1) % nodes.length;
    await elapse(PAUSE_MS);
    return false;
  };

  return {
    put: attempt,
    close: () => {
      for (const connection of connections) connection?.close();
    },
  };
}

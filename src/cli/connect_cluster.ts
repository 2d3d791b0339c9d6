import { KeyValueClient } from "../client/key_value_client.ts";
import { RaftClient } from "../client/raft_client.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Address } from "../types.ts";
import type { Cluster } from "./cluster.ts";

/** Opens a cluster by the client library; nothing is dialed before the first request. */
export function connectCluster(
  { runtime, endpoints }: { readonly runtime: Runtime; readonly endpoints: readonly Address[] },
): Cluster {
  const client = new RaftClient(runtime, { endpoints });
  return {
    keyValue: new KeyValueClient(client),
    statusOfAll: (options) => client.statusOfAll(options),
    leader: (options) => client.leader(options),
    members: (options) => client.members(options),
    changeMembership: (changes, options) => client.changeMembership(changes, options),
    transferLeadership: (options) => client.transferLeadership(options),
    triggerSnapshot: (options) => client.triggerSnapshot(options),
    openSnapshot: (options) => client.openSnapshot(options),
    close: () => client.close(),
  };
}

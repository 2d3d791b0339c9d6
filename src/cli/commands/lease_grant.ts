import { duration, settings } from "../../config.ts";
import { formatDuration } from "../../config/units.ts";
import { declareCommand } from "../command.ts";
import { requestIdSetting, writeOptions } from "../request_options.ts";

/** `raft lease grant DUR` */
export const leaseGrant = declareCommand({
  name: "lease grant",
  group: "COORDINATION",
  isWrite: true,
  summary: "Create a lease",
  description: "Prints the id of the lease. Keys that are put with --lease ID go away with it: " +
    "when it is revoked, or when nobody kept it alive for DUR. The time is that of the cluster, " +
    "which stands still while it has no leader.",
  examples: [
    { command: "raft lease grant 30s", note: "prints the id" },
    { command: "raft put workers/7 here --lease 42", note: "then: a key that goes with it" },
  ],
  arguments: settings({
    ttl: duration({ summary: "How long it lives after each keep-alive" }),
  }),
  options: settings({ requestId: requestIdSetting() }),
  async run(context, { arguments: { ttl }, options }) {
    const { keyValue } = await context.cluster();
    const lease = await keyValue.grantLease(ttl, await writeOptions(context, options.requestId));
    const { id, ttlMs, revision, term, index } = lease;
    return {
      document: { id, ttlMs, revision, term, index },
      text: String(id),
      notes: [`lives ${formatDuration(ttlMs)}; keep it alive: raft lease keep ${id}`],
    };
  },
});

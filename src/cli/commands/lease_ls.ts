import { settings } from "../../config.ts";
import { formatDuration } from "../../config/units.ts";
import type { KvLease } from "../../wire/kv_messages.ts";
import { declareCommand } from "../command.ts";
import { readOptions } from "../request_options.ts";

/** `raft lease ls` */
export const leaseLs = declareCommand({
  name: "lease ls",
  group: "COORDINATION",
  summary: "List leases",
  description: "Leases come in the order in which they were granted.",
  examples: [{ command: "raft lease ls", note: "ids, times and how many keys" }],
  arguments: settings({}),
  options: settings({}),
  async run(context) {
    const { keyValue } = await context.cluster();
    const leases: KvLease[] = [];
    for await (const lease of keyValue.leases(readOptions(context))) leases.push(lease);
    const rows = leases.map(({ id, ttlMs, remainingMs, keyCount }) => [
      String(id),
      formatDuration(ttlMs),
      formatDuration(remainingMs),
      String(keyCount),
    ]);
    const lines = rows.map(([id, ttl, remaining, keys]) =>
      `${id}  ${remaining} of ${ttl} left  ${keys} ${keys === "1" ? "key" : "keys"}\n`
    );
    return {
      document: {
        leases: leases.map(({ id, ttlMs, remainingMs, keyCount }) => {
          return { id, ttlMs, remainingMs, keyCount };
        }),
      },
      text: lines.join(""),
      table: { columns: ["lease", "ttl", "remaining", "keys"], rows },
    };
  },
});

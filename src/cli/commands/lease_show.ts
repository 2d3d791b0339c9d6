import { integer, settings } from "../../config.ts";
import { formatDuration } from "../../config/units.ts";
import type { KvItem, KvLease } from "../../wire/kv_messages.ts";
import { keyFields, printable } from "../bytes_text.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import { explainLease } from "../lease_failure.ts";
import { readOptions } from "../request_options.ts";

/** Reads a lease and its keys, up to `limit` of them; a node answers a page at a time. */
async function read(
  context: CommandContext,
  { id, limit }: { readonly id: number; readonly limit: number },
): Promise<{ lease: KvLease; items: readonly KvItem[]; more: boolean }> {
  const { keyValue } = await context.cluster();
  const items: KvItem[] = [];
  for (;;) {
    const after = items.at(-1)?.key ?? "";
    const page = await keyValue.lease(id, {
      ...readOptions(context),
      after,
      limit: limit - items.length,
    });
    items.push(...page.items);
    const isDone = !page.more || items.length >= limit || page.items.length === 0;
    if (isDone) return { lease: page.lease, items, more: page.more };
  }
}

/** `raft lease show ID` */
export const leaseShow = declareCommand({
  name: "lease show",
  group: "COORDINATION",
  summary: "Show a lease and its keys",
  description: "Says how long the lease still lives, and which keys go away with it. No such " +
    "lease: exit code 3.",
  examples: [
    { command: "raft lease show 42", note: "what remains of it, and its keys" },
    { command: "raft lease show 42 --field remainingMs", note: "milliseconds" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The lease", min: 1 }) }),
  options: settings({
    limit: integer({
      placeholder: "N",
      summary: "At most so many keys",
      min: 1,
      defaultText: "1000",
    }),
  }),
  async run(context, { arguments: { id }, options: { limit } }) {
    const { lease, items, more } = await read(context, { id, limit }).catch((error) => {
      throw explainLease(error);
    });
    const { ttlMs, remainingMs, keyCount } = lease;
    const head = `lease ${id}: ${formatDuration(remainingMs)} of ${formatDuration(ttlMs)} left, ` +
      `${keyCount} ${keyCount === 1 ? "key" : "keys"}`;
    const lines = [head, ...items.map(({ key }) => `  ${printable(key)}`)];
    return {
      document: {
        id,
        ttlMs,
        remainingMs,
        keyCount,
        keys: items.map(({ key, revision }) => ({ ...keyFields(key), revision })),
        more,
      },
      text: `${lines.join("\n")}\n`,
      notes: more ? [`more: raft lease show ${id} --limit ${keyCount}`] : [],
    };
  },
});

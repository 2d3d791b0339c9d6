import { integer, optional, settings, text, toggle } from "../../config.ts";
import type { KvItem } from "../../wire/kv_messages.ts";
import { keyFields, printable, toBytes, valueFields } from "../bytes_text.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import type { JsonObject } from "../json.ts";
import { readOptions } from "../request_options.ts";

interface ListFlags {
  readonly prefix: string;
  readonly after: string | undefined;
  readonly limit: number;
  readonly values: boolean;
}

interface Listing {
  readonly items: readonly KvItem[];
  readonly more: boolean;
  readonly revision: number;
}

/** Reads until there are `limit` items or no more; a node answers a page at a time. */
async function listAll(context: CommandContext, flags: ListFlags): Promise<Listing> {
  const { keyValue } = await context.cluster();
  const prefix = toBytes(flags.prefix);
  const items: KvItem[] = [];
  let after = toBytes(flags.after ?? "");
  for (;;) {
    const result = await keyValue.list(prefix, {
      ...readOptions(context),
      after,
      limit: flags.limit - items.length,
      withValues: flags.values,
    });
    items.push(...result.items);
    const last = items.at(-1);
    const isDone = !result.more || items.length >= flags.limit || result.items.length === 0;
    if (isDone || last === undefined) {
      return { items, more: result.more, revision: result.revision };
    }
    after = last.key;
  }
}

function itemOf(item: KvItem, values: boolean): JsonObject {
  return {
    ...keyFields(item.key),
    ...(values ? valueFields(item.value) : {}),
    revision: item.revision,
  };
}

/** `raft ls [PREFIX]` */
export const ls = declareCommand({
  name: "ls",
  group: "DATA",
  summary: "List keys",
  description: "Keys come in ascending order, byte by byte. If there are more than --limit, a " +
    "line on stderr says how to go on.",
  examples: [
    { command: "raft ls", note: "every key" },
    { command: "raft ls users/ --values", note: "keys with a prefix, and what they hold" },
    { command: "raft ls --limit 100 --after users/7", note: "the next page" },
  ],
  arguments: settings({
    prefix: optional(text({ placeholder: "PREFIX", summary: "Only keys that begin with this" })),
  }),
  options: settings({
    values: toggle({ summary: "Show the values too" }),
    limit: integer({ placeholder: "N", summary: "At most so many", min: 1, defaultText: "1000" }),
    after: optional(text({ placeholder: "KEY", summary: "Only keys behind this one" })),
  }),
  async run(context, { arguments: { prefix }, options }) {
    const flags = { ...options, prefix: prefix ?? "" };
    const { items, more, revision } = await listAll(context, flags);
    const { values } = options;
    const width = values ? Math.max(0, ...items.map(({ key }) => printable(key).length)) : 0;
    const lines = items.map(({ key, value }) => {
      const name = printable(key);
      return values ? `${name.padEnd(width)}  ${printable(value)}` : name;
    });
    const last = items.at(-1);
    const notes = more && last !== undefined
      ? [`more: raft ls ${flags.prefix} --after '${printable(last.key)}'`]
      : [];
    return {
      document: { items: items.map((item) => itemOf(item, values)), more, revision },
      text: lines.length === 0 ? "" : `${lines.join("\n")}\n`,
      table: {
        columns: values ? ["key", "value", "revision"] : ["key", "revision"],
        rows: items.map(({ key, value, revision: keyRevision }) => [
          printable(key),
          ...(values ? [printable(value)] : []),
          String(keyRevision),
        ]),
      },
      notes,
    };
  },
});

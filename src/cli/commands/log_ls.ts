import { integer, optional, settings, toggle } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { declareCommand } from "../command.ts";
import { directoryArgument, openLogOf } from "../offline/data_directory.ts";
import { entryItem } from "../offline/entry_item.ts";
import { listEntries } from "../offline/list_entries.ts";

/** `raft log ls DIR` */
export const logLs = declareCommand({
  name: "log ls",
  group: "BACKUP AND REPAIR",
  summary: "List the entries of a log, offline",
  description: "One line an entry: index, term, kind, bytes of its payload, log time. With " +
    "-o json one document a line. The log may be of any size, and its node may be running.\n\n" +
    "Damage is said on stderr; what is good behind it is listed, and the exit code is 9. Entries " +
    "at the end of a log need not be committed.",
  examples: [
    { command: "raft log ls /var/lib/raft --from 100 --to 120", note: "a few entries" },
    { command: "raft log ls /var/lib/raft --decode", note: "with the commands in them" },
    { command: "raft log ls /var/lib/raft -o json --field index", note: "the indexes alone" },
  ],
  arguments: directoryArgument,
  options: settings({
    from: optional(integer({ placeholder: "I", summary: "The first index", min: 1 })),
    to: optional(integer({ placeholder: "I", summary: "The last index", min: 1 })),
    decode: toggle({
      summary: "Show key-value commands and configurations; long values are cut",
    }),
  }),
  async run(context, { arguments: { directory }, options }) {
    const { from = 1, to = Infinity, decode } = options;
    if (from > to) {
      throw new UsageError(`Cannot list from ${from} to ${to}`, { fix: ["give --from first"] });
    }
    const view = await openLogOf(await context.runtime(), directory);
    try {
      const items = context.items();
      return await listEntries(context, view, {
        from,
        to,
        items,
        directory,
        entry: (entry) => entryItem(entry, decode),
      });
    } finally {
      await view.close();
    }
  },
});

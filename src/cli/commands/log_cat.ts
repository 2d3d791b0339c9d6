import { integer, settings } from "../../config.ts";
import type { LogView } from "../../log/offline/log_view.ts";
import { readEntries, type StoredEntry } from "../../log/offline/read_entries.ts";
import { CommandFailure } from "../command_failure.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { directoryText, openLogOf } from "../offline/data_directory.ts";
import { wholeEntry } from "../offline/entry_item.ts";

/** The entry with `index`; null where the log does not hold it. */
async function findEntry(view: LogView, index: number): Promise<StoredEntry | null> {
  for await (const entries of readEntries(view, { from: index, to: index })) {
    for (const entry of entries) return { ...entry, payload: entry.payload.slice() };
  }
  return null;
}

/** `raft log cat INDEX DIR` */
export const logCat = declareCommand({
  name: "log cat",
  group: "BACKUP AND REPAIR",
  summary: "Print the payload of one entry, offline",
  description: "The bytes are printed as they are. The payload of a command is its id, 16 bytes, " +
    "and what the state machine gets. With -o json it is base64 in a document.",
  examples: [
    { command: "raft log cat 17 /var/lib/raft > payload", note: "byte for byte" },
    { command: "raft log cat 17 /var/lib/raft -o json", note: "with index, term and kind" },
  ],
  arguments: settings({
    index: integer({ placeholder: "INDEX", summary: "The index of the entry", min: 1 }),
    directory: directoryText,
  }),
  options: settings({}),
  async run(context, { arguments: { index, directory } }) {
    const view = await openLogOf(await context.runtime(), directory);
    try {
      const entry = await findEntry(view, index);
      if (entry !== null) return { document: wholeEntry(entry, false), text: entry.payload };
      const first = view.segments[0]?.firstIndex ?? 1;
      throw new CommandFailure(`Cannot find entry ${index} in the log of "${directory}"`, {
        exit: ExitCode.notFound,
        why: [
          index < first
            ? `the log starts at index ${first}: a snapshot covers what was before`
            : "the log ends before it",
        ],
        fix: [`see what there is: raft log info ${directory}`],
      });
    } finally {
      await view.close();
    }
  },
});

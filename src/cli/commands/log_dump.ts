import { settings, toggle } from "../../config.ts";
import { findSnapshots, readOwner } from "../../log/offline/directory_contents.ts";
import { readHardStateCopies } from "../../log/offline/directory_contents.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { type CommandContext, declareCommand, type Item, type ItemSink } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import { directoryArgument, openLogOf, problemFields } from "../offline/data_directory.ts";
import { configurationFields } from "../offline/decode_command.ts";
import { wholeEntry } from "../offline/entry_item.ts";
import { listEntries } from "../offline/list_entries.ts";
import { formatJson } from "../output.ts";

/** A line of the dump, whatever the output format. */
function item(document: () => JsonObject): Item {
  return { document, line: () => formatJson(document(), false).trimEnd() };
}

/** What there is besides the log; what cannot be read is said in its place, and makes it false. */
async function dumpContents(runtime: Runtime, path: string, items: ItemSink): Promise<boolean> {
  const parts: readonly (readonly [string, () => Promise<JsonObject[]>])[] = [
    ["identity", async () => [{ ...await readOwner(runtime, path) } as unknown as JsonObject]],
    ["hardState", async () => {
      const { copies } = await readHardStateCopies(runtime, path);
      return copies.map(({ name, found }) =>
        typeof found === "string"
          ? { copy: name, fault: found }
          : { copy: name, generation: found.generation, ...found.state }
      );
    }],
    ["snapshot", async () => {
      const found = await findSnapshots(runtime, path);
      return found.map(({ fileName, fileBytes, name, snapshot, error }) => ({
        file: fileName,
        bytes: fileBytes,
        state: name.state,
        ...(snapshot === null ? {} : {
          ...snapshot.meta,
          configuration: configurationFields(snapshot.meta.configuration),
        }),
        ...(error === null ? {} : { fault: error.message }),
      }));
    }],
  ];
  let isGood = true;
  for (const [type, read] of parts) {
    let documents: JsonObject[];
    try {
      documents = await read();
    } catch (error) {
      documents = [{ fault: error instanceof Error ? error.message : String(error) }];
    }
    for (const document of documents) {
      if ("fault" in document) isGood = false;
      items.add(item(() => ({ type, ...document })));
    }
  }
  return isGood;
}

async function run(context: CommandContext, directory: string, decode: boolean) {
  const runtime = await context.runtime();
  const view = await openLogOf(runtime, directory);
  try {
    const items = context.items();
    const isGood = await dumpContents(runtime, directory, items);
    for (const { name, firstIndex, fileBytes, header } of view.segments) {
      const { sequence, startsLog } = header;
      const fields = { name, firstIndex, bytes: fileBytes, sequence, startsLog };
      items.add(item(() => ({ type: "segment", ...fields })));
      if (items.isFull) await items.flush();
    }
    const listed = await listEntries(context, view, {
      from: 1,
      to: Infinity,
      items,
      directory,
      entry: (entry) => item(() => ({ type: "entry", ...wholeEntry(entry, decode) })),
      problem: (problem) => item(() => ({ type: "problem", ...problemFields(problem) })),
    });
    return isGood ? listed : { ...listed, exit: ExitCode.badData };
  } finally {
    await view.close();
  }
}

/** `raft log dump DIR` */
export const logDump = declareCommand({
  name: "log dump",
  group: "BACKUP AND REPAIR",
  summary: "Print everything in a data directory as JSON Lines, offline",
  description: "One document a line, of the type identity, hardState, snapshot (its header), " +
    "segment, entry or problem. The payload of an entry is base64, or with --decode the command " +
    "or configuration that it is. The log may be of any size, and its node may be running. Exit " +
    "code 9 if there is damage.",
  examples: [
    { command: "raft log dump /var/lib/raft > log.jsonl", note: "everything, byte for byte" },
    { command: "raft log dump /var/lib/raft --decode", note: "commands as fields" },
  ],
  arguments: directoryArgument,
  options: settings({
    decode: toggle({ summary: "Show key-value commands and configurations as fields" }),
  }),
  run: (context, { arguments: { directory }, options: { decode } }) =>
    run(context, directory, decode),
});

import { walkLog } from "../../log/offline/log_walk.ts";
import type { LogView } from "../../log/offline/log_view.ts";
import { entriesOf } from "../../log/offline/read_entries.ts";
import type { CommandContext, CommandResult, Item, ItemSink } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { startProgress } from "../progress_bar.ts";
import { problemText, problemWord } from "./data_directory.ts";
import type { Problem } from "../../log/offline/problem.ts";
import type { StoredEntry } from "../../log/offline/read_entries.ts";

/** What is printed of a log. */
export interface ListOptions {
  readonly from: number;
  readonly to: number;
  readonly entry: (entry: StoredEntry) => Item;
  /** How a problem is printed among the entries; said on stderr alone where this is missing. */
  readonly problem?: (problem: Problem) => Item;
  /** The data directory. */
  readonly directory: string;
  /** Where the items go. */
  readonly items: ItemSink;
}

/**
 * Prints the entries of a log one by one, in the memory of a few. Damage is said on stderr, and
 * what is good behind it is printed.
 *
 * @returns Exit code 9 if there was damage, and the problems in a document.
 */
export async function listEntries(
  context: CommandContext,
  view: LogView,
  options: ListOptions,
): Promise<CommandResult> {
  const { items, from, to } = options;
  // Lines that run through on the same terminal are progress enough.
  const isWatched = context.host.standardOutput.isTerminal;
  const progress = isWatched ? null : await startProgress(context, "reading the log");
  const totalBytes = view.segments.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
  let doneBytes = 0;
  let problems = 0;
  try {
    for await (const event of walkLog(view, from)) {
      if (event.type === "segment" && event.segment.firstIndex > to) break;
      if (event.type === "segmentEnd") doneBytes += event.segment.fileBytes;
      if (event.type === "problem" && (event.problem.index ?? 0) <= to) {
        problems += 1;
        context.talk(`${problemWord(event.problem)}: ${problemText(event.problem)}`);
        if (options.problem !== undefined) items.add(options.problem(event.problem));
      }
      if (event.type !== "unit") continue;
      const { header } = event.unit;
      if (header.firstIndex > to) break;
      if (header.firstIndex + header.recordCount <= from) continue;
      progress?.update(doneBytes + header.position, totalBytes);
      for (const entry of entriesOf(event.segment.name, event.unit)) {
        if (entry.index < from) continue;
        if (entry.index > to) break;
        items.add(options.entry(entry));
        if (items.isFull) await items.flush();
      }
      if (items.isAbandoned) break;
    }
    await items.flush();
  } finally {
    progress?.end();
  }
  if (problems > 0) {
    context.talk(`fix: see what to do about it: raft log verify ${options.directory}`);
  }
  const exit = problems === 0 ? ExitCode.ok : ExitCode.badData;
  return { document: { ok: problems === 0, problems }, exit, isPrinted: true };
}

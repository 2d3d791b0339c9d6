import { settings, toggle } from "../../config.ts";
import { declareCommand } from "../command.ts";
import type { ExitCode } from "../exit_codes.ts";
import { runBatch } from "../shell/run_batch.ts";
import { runInteractive } from "../shell/run_interactive.ts";
import { readLines } from "../terminal.ts";

/** `raft shell` */
export const shell = declareCommand({
  name: "shell",
  group: "GETTING STARTED",
  summary: "The same commands with history, TAB and one open connection",
  description: "On a terminal: history, TAB completion of commands, flags and keys.\n" +
    "With piped input: one command a line, # begins a comment. It stops at the first error, " +
    "unless --keep-going; with -o json every command prints exactly one line.",
  examples: [
    { command: "raft shell", note: "then: put greeting hello" },
    { command: "raft shell < commands.txt", note: "a batch on one connection" },
    { command: "raft shell -o json --keep-going < commands.txt", note: "a document a line" },
  ],
  isForShell: false,
  hasNoFields: true,
  arguments: settings({}),
  options: settings({ keepGoing: toggle({ summary: "Go on after an error (piped input)" }) }),
  async run(context, { options: { keepGoing } }) {
    const { standardInput } = context.host;
    if (standardInput.isTerminal) {
      await runInteractive(context);
      return { document: { exit: 0 }, isPrinted: true };
    }
    const isJson = context.globals.json || context.globals.output === "json";
    const exit = await runBatch({
      lines: readLines(standardInput.chunks()),
      keepsGoing: keepGoing,
      run: (words) => context.runLine(words, { print: !isJson }),
      emit: isJson ? context.emit : null,
      complain: context.talk,
    });
    return { document: { exit }, exit: exit as ExitCode, isPrinted: true };
  },
});

/**
 * A line editor by node:readline.
 *
 * @module
 */
import process from "node:process";
import * as readline from "node:readline";
import type { LineEditor, LineEditorOptions } from "../process.ts";

const HISTORY_LINES_MAX = 1000;

/** Opens a line editor on the terminal that standard input and output are. */
export function openSystemLineEditor(options: LineEditorOptions): LineEditor {
  let isClosed = false;
  const editor = readline.createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: options.prompt,
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: (text: string, done: (error: null, result: [string[], string]) => void): void => {
      options.complete(text).then(
        ({ candidates, replaces }) => done(null, [[...candidates], replaces]),
        () => done(null, [[], text]),
      );
    },
  });
  editor.on("line", options.onLine);
  editor.on("SIGINT", () => {
    if (editor.line === "") {
      editor.close();
      return;
    }
    process.stdout.write("^C\n");
    editor.write(null, { ctrl: true, name: "e" });
    editor.write(null, { ctrl: true, name: "u" });
    editor.prompt();
  });
  editor.on("close", () => {
    isClosed = true;
    options.onClose();
  });
  return {
    // Deno and Bun throw where a prompt follows the end of input.
    prompt: () => isClosed ? undefined : editor.prompt(),
    close: () => isClosed ? undefined : editor.close(),
  };
}

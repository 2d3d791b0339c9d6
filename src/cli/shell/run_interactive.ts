import type { CommandContext } from "../command.ts";
import { completeLine, type FindKeys } from "./complete_line.ts";
import { isExit, wordsOf } from "./run_batch.ts";

/** The keys that TAB offers at most. */
const KEYS_OFFERED_MAX = 50;

/** How long TAB may look for keys, in milliseconds. */
const KEYS_TIMEOUT_MS = 500;

/** Keys for TAB; a cluster that cannot answer has none. */
function keyFinder(context: CommandContext): FindKeys {
  return async (prefix) => {
    try {
      const { keyValue } = await context.cluster();
      const { items } = await keyValue.list(prefix, {
        limit: KEYS_OFFERED_MAX,
        withValues: false,
        consistency: "stale",
        timeoutMs: KEYS_TIMEOUT_MS,
      });
      const decoder = new TextDecoder();
      return items.map(({ key }) => decoder.decode(key));
    } catch {
      return [];
    }
  };
}

/**
 * Reads and runs lines from the terminal until Ctrl-D, `exit`, or Ctrl-C on an empty line.
 *
 * @param context The command `shell`.
 */
export async function runInteractive(context: CommandContext): Promise<void> {
  const { openCommandLoop } = await import("./cliffy_adapter.ts");
  const { host, catalogue, style } = context;
  const findKeys = keyFinder(context);
  const loop = openCommandLoop(host.openLinePipe(), async (words) => {
    await context.runLine(words, { print: true });
  });
  context.talk(`raft shell: TAB completes, help explains, Ctrl-D leaves`);
  await new Promise<void>((resolve) => {
    const lines: string[] = [];
    let isRunning = false;
    const runLines = async (): Promise<void> => {
      if (isRunning) return;
      isRunning = true;
      for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
        if (await runLine(line)) editor.close();
      }
      isRunning = false;
      editor.prompt();
    };
    /** Returns true where the line ends the shell. */
    const runLine = async (line: string): Promise<boolean> => {
      try {
        const words = wordsOf(line);
        if (isExit(words)) return true;
        if (words.length > 0) await loop.run(words);
      } catch (error) {
        context.talk(`error: ${error instanceof Error ? error.message : String(error)}`);
      }
      return false;
    };
    const editor = host.openLineEditor({
      prompt: style.cyan("raft> "),
      complete: (text) => completeLine(text, { catalogue, findKeys }),
      onLine: (line) => {
        lines.push(line);
        void runLines();
      },
      onClose: resolve,
    });
    editor.prompt();
  });
  loop.close();
}

/**
 * The command loop of the interactive shell by `cliffy`. Its own tokenizer knows neither `/` nor
 * quotes, so a line reaches it as one hexadecimal word that stands for the words of ours; its
 * streams are pipes, for the terminal belongs to the line editor.
 *
 * @module
 */
import { CLI } from "cliffy";
import type { LinePipe } from "../../runtime/process.ts";

/** The one command that cliffy knows. */
const COMMAND = "run";

/** Runs command lines one after the other. */
export interface CommandLoop {
  /** Resolves when the words have been run. */
  run(words: readonly string[]): Promise<void>;
  /** Ends the loop. */
  close(): void;
}

function encode(words: readonly string[]): string {
  const bytes = new TextEncoder().encode(JSON.stringify(words));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function decode(word: string): string[] {
  const bytes = (word.match(/../g) ?? []).map((digits) => Number.parseInt(digits, 16));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes)));
}

type CliOptions = NonNullable<ConstructorParameters<typeof CLI>[0]>;

/**
 * Opens the loop.
 *
 * @param pipe What cliffy reads from and writes to.
 * @param execute Runs the words of a line; never rejects.
 */
export function openCommandLoop(
  pipe: LinePipe,
  execute: (words: readonly string[]) => Promise<void>,
): CommandLoop {
  let done: () => void = () => {};
  const streams = { input: pipe.readable, output: pipe.sink, quietBlank: true } as CliOptions;
  const loop = new CLI(streams).setDelimiter("").addCommand(COMMAND, {
    description: "Runs the words of a line",
    parameters: [{ label: "line", rest: true }],
    action: async ({ line }) => {
      await execute(decode(String((line as readonly string[])[0] ?? "")));
      done();
    },
  });
  loop.show();
  return {
    run: (words) =>
      new Promise((resolve) => {
        done = resolve;
        pipe.write(`${COMMAND} ${encode(words)}`);
      }),
    close: () => {
      loop.hide();
      pipe.close();
    },
  };
}

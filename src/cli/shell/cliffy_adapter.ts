/**
 * The command loop of the interactive shell by `cliffy`. Its own tokenizer knows neither `/` nor
 * quotes, so a line reaches it as a number that stands for the words of ours; its streams are
 * pipes, for the terminal belongs to the line editor.
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

/** A line that waits for its turn. */
interface Ticket {
  readonly words: readonly string[];
  readonly done: () => void;
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
  const tickets = new Map<number, Ticket>();
  let lastTicket = 0;
  const streams = { input: pipe.readable, output: pipe.sink, quietBlank: true } as CliOptions;
  const loop = new CLI(streams).setDelimiter("").addCommand(COMMAND, {
    description: "Runs the words of a line",
    parameters: [{ label: "ticket", type: "number" }],
    action: async ({ ticket }) => {
      const line = tickets.get(ticket);
      if (line === undefined) return;
      tickets.delete(ticket);
      await execute(line.words);
      line.done();
    },
  });
  loop.show();
  return {
    run: (words) =>
      new Promise((resolve) => {
        lastTicket += 1;
        tickets.set(lastTicket, { words, done: resolve });
        pipe.write(`${COMMAND} ${lastTicket}`);
      }),
    close: () => {
      loop.hide();
      pipe.close();
    },
  };
}

import type { LineOutcome } from "../command.ts";
import { errorDocument, reportError } from "../error_report.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import { splitWords } from "../words.ts";

/** How a batch is run. */
export interface BatchOptions {
  readonly lines: AsyncIterable<string>;
  /** Whether an error ends the batch. */
  readonly keepsGoing: boolean;
  /** Runs the words of a line and prints what it prints. */
  readonly run: (words: readonly string[]) => Promise<LineOutcome>;
  /** Prints one document a line, or null where `run` prints by itself. */
  readonly emit: ((document: JsonObject) => Promise<void>) | null;
  /** Says on stderr what is wrong with a line that cannot be cut into words. */
  readonly complain: (message: string) => void;
}

/** The words that end a shell. */
export function isExit(words: readonly string[]): boolean {
  return words.length === 1 && (words[0] === "exit" || words[0] === "quit");
}

/** The words of a line; people paste lines with the name of the program in front. */
export function wordsOf(line: string): string[] {
  const words = splitWords(line);
  return words[0] === "raft" ? words.slice(1) : words;
}

async function runLine(line: string, options: BatchOptions): Promise<LineOutcome | "exit" | null> {
  let words: string[];
  try {
    words = wordsOf(line);
  } catch (error) {
    const report = reportError(error);
    if (options.emit === null) options.complain(`error: ${report.message}`);
    return { exit: report.exit, document: errorDocument(report) };
  }
  if (words.length === 0) return null;
  return isExit(words) ? "exit" : await options.run(words);
}

/**
 * Runs one command a line; an empty line and a comment are none.
 *
 * @returns The exit code of the last error, or 0.
 */
export async function runBatch(options: BatchOptions): Promise<number> {
  let exit: number = ExitCode.ok;
  for await (const line of options.lines) {
    const outcome = await runLine(line, options);
    if (outcome === "exit") break;
    if (outcome === null) continue;
    if (options.emit !== null) await options.emit({ ...outcome.document, exit: outcome.exit });
    if (outcome.exit === ExitCode.ok) continue;
    exit = outcome.exit;
    if (!options.keepsGoing) break;
  }
  return exit;
}

import { UsageError } from "../config/usage_error.ts";
import { VALUE_BYTES_MAX } from "../limits.ts";
import { checkValue, concatenate, toBytes } from "./bytes_text.ts";
import type { CommandContext } from "./command.ts";

/** Standard input to its end; stops reading where it is too much anyway. */
async function readInput(context: CommandContext): Promise<Uint8Array> {
  const { standardInput } = context.host;
  if (context.isInShell) {
    throw new UsageError("Cannot read a value from standard input inside the shell", {
      fix: ["give the value as an argument, or as @FILE"],
    });
  }
  if (standardInput.isTerminal) context.talk("Type the value, then Ctrl-D:");
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of standardInput.chunks()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > VALUE_BYTES_MAX) break;
  }
  return concatenate(chunks);
}

/**
 * The bytes that a VALUE argument means: the text itself, `-` for standard input, `@FILE` for a
 * file. Nothing is added or taken away.
 *
 * @param context The command.
 * @param value What the user wrote.
 */
export async function readValue(context: CommandContext, value: string): Promise<Uint8Array> {
  if (value === "-") return checkValue(await readInput(context));
  if (!value.startsWith("@")) return checkValue(toBytes(value));
  const path = value.slice(1);
  if (path === "") {
    throw new UsageError('Cannot use "@" as a value: the name of the file is missing', {
      fix: ["write @FILE; for a value that begins with @ pipe it: printf @x | raft put KEY -"],
    });
  }
  return checkValue(await context.host.files.read(path));
}

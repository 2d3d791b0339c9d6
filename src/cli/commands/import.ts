import { optional, settings, text } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { type ImportedItem, parseKeyLine } from "../backup/key_line.ts";
import { type LinePut, PutWindow } from "../backup/put_window.ts";
import { type NumberedLine, readPieces, splitLines } from "../backup/read_lines.ts";
import type { KeyValueAccess } from "../cluster.ts";
import { CommandFailure } from "../command_failure.ts";
import { type CommandContext, declareCommand } from "../command.ts";
import { reportError } from "../error_report.ts";
import { ExitCode } from "../exit_codes.ts";
import { startProgress } from "../progress_bar.ts";

/** What was read of the file. */
interface Import {
  readonly window: PutWindow;
  /** Keys that belonged to a lease and have a time of their own now. */
  leases: number;
  /** What is wrong with a line; nothing was sent of it and of those behind it. */
  badLine: { readonly number: number; readonly fault: UsageError } | null;
}

/** Where the bytes come from, and how many there are; 0 where nobody knows. */
async function openInput(
  context: CommandContext,
  file: string,
): Promise<{ readonly pieces: AsyncIterable<Uint8Array>; readonly totalBytes: number }> {
  if (file === "-") return { pieces: context.host.standardInput.chunks(), totalBytes: 0 };
  const runtime = await context.runtime();
  return { pieces: readPieces(runtime, file), totalBytes: await runtime.files.size(file) ?? 0 };
}

function putOf(
  { key, value, ttlMs }: ImportedItem,
  { keyValue, timeoutMs }: { readonly keyValue: KeyValueAccess; readonly timeoutMs: number },
): () => Promise<unknown> {
  const lifetime = ttlMs === null ? {} : { lifetime: { type: "ttl" as const, ttlMs } };
  return () => keyValue.put(key, value, { timeoutMs, ...lifetime });
}

/** Sends what the lines say, until one is bad or one is not applied. */
async function sendLines(context: CommandContext, file: string): Promise<Import> {
  const { keyValue } = await context.cluster();
  const { timeoutMs } = context.globals;
  const { pieces, totalBytes } = await openInput(context, file);
  const progress = await startProgress(context, "importing");
  const result: Import = { window: new PutWindow(), leases: 0, badLine: null };
  let number = 1;
  try {
    for await (const line of splitLines(pieces)) {
      number = line.number;
      if (line.fault !== null) throw new UsageError(line.fault);
      const item = parseKeyLine(line.text);
      if (item.hadLease) result.leases += 1;
      const isSent = await result.window.add(linePut(line, item, { keyValue, timeoutMs }));
      if (!isSent) break;
      if (totalBytes > 0) progress.update(line.endBytes, totalBytes);
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    result.badLine = { number, fault: error };
  } finally {
    await result.window.settled();
    progress.end();
  }
  return result;
}

function linePut(
  { number }: NumberedLine,
  item: ImportedItem,
  how: { readonly keyValue: KeyValueAccess; readonly timeoutMs: number },
): LinePut {
  const { key, value } = item;
  return { number, key, bytes: key.length + value.length, send: putOf(item, how) };
}

/** Ends the command where not every line was applied. */
function checkComplete({ window, badLine }: Import): void {
  const { applied, failure } = window;
  const count = `${applied} keys were imported`;
  const again = "the same import again does no harm: each put sets the same value";
  if (failure !== null) {
    const report = reportError(failure.error, { isWrite: true });
    throw new CommandFailure(`line ${failure.number} was not imported: ${report.message}`, {
      exit: report.exit,
      applied: applied > 0 ? "unknown" : report.applied,
      why: [...report.why, `${count}; of the lines behind line ${failure.number} perhaps some`],
      fix: [again],
      isRetryable: report.retryable,
      ...(failure.error instanceof Error ? { cause: failure.error } : {}),
    });
  }
  if (badLine === null) return;
  throw new CommandFailure(`line ${badLine.number} cannot be imported`, {
    exit: ExitCode.usage,
    applied: applied > 0 ? "unknown" : "no",
    why: [badLine.fault.message, `${count}, all from the lines before`],
    fix: [`mend that line, then import the whole file again: ${again}`],
    cause: badLine.fault,
  });
}

/** `raft import` */
export const importKeys = declareCommand({
  name: "import",
  group: "DATA",
  isWrite: true,
  summary: "Put the keys of an export",
  description: "Reads the lines of raft export from FILE, or from standard input where there is " +
    "none, and puts each key; many puts are under way at a time. Other keys stay as they are. " +
    "Revisions are those of this cluster. A key with ttlMs lives so long from now on; a lease " +
    "itself is not imported, its keys get the time that it had left.\n\nA line that cannot be " +
    "read ends the import with exit code 2: the lines before it are imported, nothing behind it " +
    "is sent. The same import may be repeated.\n\n--timeout is the time for each put.",
  examples: [
    { command: "raft import all.jsonl", note: "from a file" },
    {
      command: "raft -e old:7238 export | raft -e new:7238 import",
      note: "from cluster to cluster",
    },
  ],
  isForShell: false,
  arguments: settings({
    file: optional(text({ placeholder: "FILE", summary: "The lines; - is standard input" })),
  }),
  options: settings({}),
  async run(context, { arguments: { file = "-" } }) {
    const result = await sendLines(context, file);
    checkComplete(result);
    const { applied: keys } = result.window;
    const { leases } = result;
    const note = `${leases} of them belonged to leases, and now have the time that was left`;
    return {
      document: { keys, leases },
      text: `imported ${keys} keys`,
      notes: leases === 0 ? [] : [note],
    };
  },
});

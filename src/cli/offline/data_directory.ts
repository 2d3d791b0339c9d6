/**
 * What the offline commands have in common: the data directory that they are given.
 *
 * @module
 */
import { settings, text } from "../../config.ts";
import { LogView } from "../../log/offline/log_view.ts";
import { readOwner } from "../../log/offline/directory_contents.ts";
import type { Problem } from "../../log/offline/problem.ts";
import { FileError, type Runtime } from "../../runtime/runtime.ts";
import { CommandFailure } from "../command_failure.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";

/** The argument DIR. */
export const directoryText = text({
  placeholder: "DIR",
  summary: "The data directory of a node, which may be running",
});

/** The argument DIR, alone. */
export const directoryArgument = settings({ directory: directoryText });

/** Refuses a path at which there is no directory, or none of a node. */
export async function requireDirectory(runtime: Runtime, path: string): Promise<void> {
  let names: readonly string[];
  try {
    names = await runtime.files.readDirectory(path);
  } catch (error) {
    if (!(error instanceof FileError) || !["ENOENT", "ENOTDIR"].includes(error.code)) throw error;
    throw new CommandFailure(`Cannot find the data directory "${path}"`, {
      exit: ExitCode.notFound,
      why: [error.message],
      fix: ["name the directory that raft start was given with --data"],
      cause: error,
    });
  }
  // One that has lost its identity alone is damaged, and can still be looked at.
  if (!names.includes("log") && !names.includes("hard_state")) await readOwner(runtime, path);
}

/** Opens the log of a data directory for reading. */
export async function openLogOf(runtime: Runtime, path: string): Promise<LogView> {
  await requireDirectory(runtime, path);
  try {
    return await LogView.open(runtime, path);
  } catch (error) {
    if (!(error instanceof FileError) || !["ENOENT", "ENOTDIR"].includes(error.code)) throw error;
    throw new CommandFailure(`Cannot find the log: there is no directory "${path}/log"`, {
      exit: ExitCode.badData,
      fix: [`see what is there: raft log verify ${path}`],
      cause: error,
    });
  }
}

/** A problem in a document. */
export function problemFields(problem: Problem): JsonObject {
  const { segment, offset, index, lastIndex, kind, isHarmless, message } = problem;
  return { segment, offset, index, lastIndex, kind, isHarmless, message };
}

/** A problem in a line. */
export function problemText({ segment, offset, index, lastIndex, message }: Problem): string {
  const range = index === undefined
    ? ""
    : lastIndex === undefined || lastIndex === index
    ? `, index ${index}`
    : `, indexes ${index} to ${lastIndex}`;
  return `${segment}, offset ${offset}${range}: ${message}`;
}

/** What may be sound is not called damage. */
export function problemWord({ kind }: Problem): string {
  if (kind === "newer_format") return "newer";
  return kind === "unreadable" ? "unreadable" : "damage";
}

import { RaftError } from "../errors.ts";
import { DeniedError } from "../errors.ts";
import { formatDuration } from "../config/units.ts";
import { CommandFailure } from "./command_failure.ts";
import type { CommandContext, CommandResult } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";

/** The pause between two looks: short at first, then longer. */
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 500;

/** What one look found: the result, or what is missing still. */
export type Look = { readonly result: CommandResult } | { readonly missing: string };

/** What to wait for. */
export interface WaitOptions {
  /** In words, for the message: `a leader`. */
  readonly what: string;
  /** Looks once; a RaftError counts as "not yet". */
  readonly look: () => Promise<Look>;
}

/** Looks once; an error that may pass is what is missing. */
async function lookOnce(look: () => Promise<Look>): Promise<Look> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof DeniedError) throw error;
    const mayPass = error instanceof RaftError ||
      (error instanceof CommandFailure && error.isRetryable);
    if (!mayPass) throw error;
    return { missing: error.message };
  }
}

/**
 * Looks again and again until it is there; exit code 4 where the deadline passes first.
 *
 * @param context The command, whose deadline counts.
 * @param options What to wait for.
 */
export async function waitUntil(
  context: CommandContext,
  { what, look }: WaitOptions,
): Promise<CommandResult> {
  const { clock } = await context.runtime();
  let pauseMs = PAUSE_MS_MIN;
  for (;;) {
    const seen = await lookOnce(look);
    if ("result" in seen) return seen.result;
    context.detail(`not yet: ${seen.missing}`);
    if (context.remainingMs() <= pauseMs) {
      const waited = formatDuration(context.globals.timeoutMs);
      throw new CommandFailure(`waited ${waited} for ${what}: not in time`, {
        exit: ExitCode.condition,
        why: [seen.missing],
        fix: ["wait longer: --timeout 60s", "see what is wrong: raft health"],
        isRetryable: true,
      });
    }
    await new Promise<void>((resolve) => clock.setTimer(resolve, pauseMs));
    pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
  }
}

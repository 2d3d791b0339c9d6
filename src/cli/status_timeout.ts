import type { CommandContext } from "./command.ts";

/** How long a member may be silent before it counts as not reachable, in milliseconds. */
const MEMBER_TIMEOUT_MS = 1_500;

/** The time for one question to every member: a node that hangs must not use up the deadline. */
export function statusTimeoutMs(context: CommandContext): number {
  return Math.min(context.remainingMs(), MEMBER_TIMEOUT_MS);
}

import type { ProposeOptions, QueryOptions } from "../client/raft_client.ts";
import { optional, type Setting, text } from "../config.ts";
import { requestIdFromText } from "../state_machine/request_id.ts";
import type { CommandContext } from "./command.ts";

/** `--request-id ID` of every command that writes. */
export function requestIdSetting(): Setting<string | undefined> {
  return optional(text({
    placeholder: "ID",
    summary: "Name the request: repeated with the same id it is applied once",
  }));
}

/** How a command that writes is sent. */
export async function writeOptions(
  context: CommandContext,
  requestId: string | undefined,
): Promise<ProposeOptions> {
  const timeoutMs = context.remainingMs();
  if (requestId === undefined) return { timeoutMs };
  return { timeoutMs, commandId: await requestIdFromText(requestId) };
}

/** How a command that reads is sent. */
export function readOptions(context: CommandContext): QueryOptions {
  const { level, maxAgeMs } = context.globals.consistency;
  return { timeoutMs: context.remainingMs(), consistency: level, maxAgeMs };
}

import { ConditionFailedError } from "../client/key_value_client.ts";
import type { KvCondition } from "../wire/kv_messages.ts";
import { printable } from "./bytes_text.ts";
import { CommandFailure } from "./command_failure.ts";
import { ExitCode } from "./exit_codes.ts";

/** What was asked of the key. */
function wanted(condition: KvCondition): string {
  switch (condition.type) {
    case "none":
      return "anything";
    case "revision":
      return condition.revision === 0 ? "it not to exist" : `revision ${condition.revision}`;
    case "value":
      return "another value";
    case "absent":
      return "it not to exist";
    case "present":
      return "it to exist";
  }
}

/** What was asked, and of which key. */
export interface ConditionRequest {
  readonly key: Uint8Array;
  readonly condition: KvCondition;
}

/**
 * The error to throw on for a failed conditional command: says what was wanted and what was found.
 *
 * @param error What the client threw; anything but a failed condition is given back.
 */
export function explainCondition(error: unknown, { key, condition }: ConditionRequest): unknown {
  if (!(error instanceof ConditionFailedError)) return error;
  const { revision } = error;
  const name = printable(key);
  const found = revision === 0 ? "it does not exist" : `it has revision ${revision}`;
  return new CommandFailure(`condition failed for key "${name}": nothing was changed`, {
    exit: ExitCode.condition,
    why: [`wanted ${wanted(condition)}, but ${found}`],
    fix: revision === 0
      ? [`create it: raft put '${name}' VALUE --if-absent`]
      : [`read it and decide: raft get '${name}', then use --if-revision ${revision}`],
    cause: error,
  });
}

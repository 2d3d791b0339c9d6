import { integer, optional, settings, text } from "../../config.ts";
import { InvalidRequestError } from "../../errors.ts";
import { INTEGER_MAX } from "../../types.ts";
import { keyBytes, keyFields, printable } from "../bytes_text.ts";
import { CommandFailure } from "../command_failure.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { requestIdSetting, writeOptions } from "../request_options.ts";

/** A key that holds no number, or a sum that is too large, is the caller's condition. */
function explain(error: unknown, key: string): unknown {
  if (!(error instanceof InvalidRequestError)) return error;
  return new CommandFailure(`Cannot increment "${key}": ${error.message}`, {
    exit: ExitCode.condition,
    fix: [`see what it holds: raft get '${key}'`],
    cause: error,
  });
}

/** `raft incr KEY [BY]` */
export const incr = declareCommand({
  name: "incr",
  group: "DATA",
  isWrite: true,
  summary: "Add to a key that holds a number",
  description: "A key that does not exist counts as 0. A retry with the same --request-id counts " +
    "once.",
  examples: [
    { command: "raft incr visits", note: "one more" },
    { command: "raft incr stock -5", note: "five less" },
    { command: "raft incr visits --request-id r1", note: "once, however often it is repeated" },
  ],
  arguments: settings({
    key: text({ placeholder: "KEY", summary: "The key" }),
    by: optional(integer({
      placeholder: "BY",
      summary: "How much; 1 unless told, may be negative",
      min: -INTEGER_MAX,
    })),
  }),
  options: settings({ requestId: requestIdSetting() }),
  async run(context, { arguments: { key, by }, options }) {
    const bytes = keyBytes(key);
    const { keyValue } = await context.cluster();
    const send = { ...await writeOptions(context, options.requestId), amount: by ?? 1 };
    const result = await keyValue.increment(bytes, send).catch((error) => {
      throw explain(error, printable(bytes));
    });
    const document = { ...keyFields(bytes), value: result.value, revision: result.revision };
    return { document, text: String(result.value) };
  },
});

import { settings, text } from "../../config.ts";
import { keyBytes, keyFields, printable } from "../bytes_text.ts";
import { declareCommand } from "../command.ts";
import { readOptions } from "../request_options.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { waitUntil } from "../wait_until.ts";

/** `raft wait absent K` */
export const waitAbsent = declareCommand({
  name: "wait absent",
  group: "COORDINATION",
  summary: "Wait until a key does not exist",
  description: "At the deadline: exit code 4.",
  examples: [{ command: "raft wait absent maintenance", note: "until somebody deletes it" }],
  arguments: settings({ key: text({ placeholder: "K", summary: "The key" }) }),
  options: settings({}),
  async run(context, { arguments: { key: asked } }) {
    const key = keyBytes(asked);
    const { keyValue } = await context.cluster();
    return waitUntil(context, {
      what: `key "${printable(key)}" to go`,
      look: async () => {
        const timeoutMs = statusTimeoutMs(context);
        const read = await keyValue.get(key, { ...readOptions(context), timeoutMs });
        if (read.found) return { missing: `it exists, revision ${read.revision}` };
        const document = { ...keyFields(key), absent: true, servedBy: read.servedBy };
        return { result: { document, text: `${printable(key)} does not exist` } };
      },
    });
  },
});

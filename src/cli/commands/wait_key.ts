import { settings, text } from "../../config.ts";
import { keyBytes, keyFields, printable, toBytes, valueFields } from "../bytes_text.ts";
import { declareCommand } from "../command.ts";
import { readOptions } from "../request_options.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { waitUntil } from "../wait_until.ts";

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, position) => byte === b[position]);
}

/** `raft wait key K[=V]` */
export const waitKey = declareCommand({
  name: "wait key",
  group: "COORDINATION",
  summary: "Wait until a key exists, or holds a value",
  description: "K waits until the key exists; K=V until it holds V (the first = separates). At " +
    "the deadline: exit code 4.",
  examples: [
    { command: "raft wait key ready --timeout 1m", note: "until somebody wrote it" },
    { command: "raft wait key state=done", note: "until it says done" },
  ],
  arguments: settings({
    key: text({ placeholder: "K[=V]", summary: "The key, and what it has to hold" }),
  }),
  options: settings({}),
  async run(context, { arguments: { key: asked } }) {
    const at = asked.indexOf("=");
    const key = keyBytes(at < 0 ? asked : asked.slice(0, at));
    const value = at < 0 ? null : toBytes(asked.slice(at + 1));
    const { keyValue } = await context.cluster();
    return waitUntil(context, {
      what: value === null ? `key "${printable(key)}"` : `${printable(key)}=${printable(value)}`,
      look: async () => {
        const timeoutMs = statusTimeoutMs(context);
        const read = await keyValue.get(key, { ...readOptions(context), timeoutMs });
        if (!read.found) return { missing: "the key does not exist" };
        if (value !== null && !isSame(value, read.value)) {
          return { missing: `it holds ${printable(read.value).slice(0, 80)}` };
        }
        const { revision, servedBy } = read;
        const document = { ...keyFields(key), ...valueFields(read.value), revision, servedBy };
        return { result: { document, text: read.value } };
      },
    });
  },
});

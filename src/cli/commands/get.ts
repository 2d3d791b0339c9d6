import { optional, settings, text, toggle } from "../../config.ts";
import { keyBytes, keyFields, toBytes, valueFields } from "../bytes_text.ts";
import { CommandFailure } from "../command_failure.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { readOptions } from "../request_options.ts";

/** `raft get KEY` */
export const get = declareCommand({
  name: "get",
  group: "DATA",
  summary: "Read a key",
  description: "Prints the value. Piped, the bytes come out exactly as they were written; on a " +
    "terminal a line end follows. A key that does not exist is exit code 3.\n\n" +
    "Reads are linearizable unless --consistency says otherwise: they see every write that was " +
    "answered before.",
  examples: [
    { command: "raft get greeting", note: "the value" },
    { command: "raft get photo > photo.jpg", note: "byte for byte" },
    { command: "raft get limit --default 10", note: "something else if there is no such key" },
    { command: "raft get greeting --consistency stale:1s", note: "any node, at most 1s behind" },
  ],
  arguments: settings({ key: text({ placeholder: "KEY", summary: "The key" }) }),
  options: settings({
    revisionInfo: toggle({ summary: "Say revisions and the node that answered, on stderr" }),
    default: optional(text({
      placeholder: "V",
      summary: "Print this, exit 0, if the key does not exist",
    })),
  }),
  async run(context, { arguments: { key }, options }) {
    const bytes = keyBytes(key);
    const { keyValue } = await context.cluster();
    const read = await keyValue.get(bytes, readOptions(context));
    const { found, value, revision, createRevision, version } = read;
    if (!found && options.default === undefined) {
      throw new CommandFailure(`key "${key}" does not exist`, {
        exit: ExitCode.notFound,
        fix: [`create it: raft put '${key}' VALUE`, "or print something else: --default V"],
      });
    }
    const bytesShown = found ? value : toBytes(options.default ?? "");
    const isStale = context.globals.consistency.level === "stale";
    const document = {
      ...keyFields(bytes),
      ...valueFields(bytesShown),
      revision,
      createRevision,
      version,
      servedBy: read.servedBy,
      ...(isStale ? { ageMs: read.ageMs } : {}),
      ...(found ? {} : { isDefault: true }),
    };
    const info = `revision ${revision}, created at ${createRevision}, version ${version}, ` +
      `served by node ${read.servedBy}`;
    return { document, text: bytesShown, notes: options.revisionInfo ? [info] : [] };
  },
});

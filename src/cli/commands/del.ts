import { integer, optional, settings, text, toggle } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { type KvCondition, NO_CONDITION } from "../../wire/kv_messages.ts";
import { keyBytes, toBytes } from "../bytes_text.ts";
import { type CommandContext, type CommandResult, declareCommand } from "../command.ts";
import { explainCondition } from "../condition_failure.ts";
import { readOptions, requestIdSetting, writeOptions } from "../request_options.ts";

interface DeleteFlags {
  readonly prefix: string | undefined;
  readonly ifRevision: number | undefined;
  readonly dryRun: boolean;
  readonly requestId: string | undefined;
}

function resultOf(
  { count: deleted, revision }: { readonly count: number; readonly revision: number },
  dryRun: boolean,
): CommandResult {
  const count = `${deleted} ${deleted === 1 ? "key" : "keys"}`;
  return {
    document: { deleted, revision, ...(dryRun ? { dryRun } : {}) },
    text: dryRun ? `would delete ${count}` : `deleted ${count}, revision ${revision}`,
  };
}

async function deletePrefix(
  context: CommandContext,
  { prefix, dryRun, requestId }: DeleteFlags & { readonly prefix: string },
): Promise<CommandResult> {
  const { keyValue } = await context.cluster();
  const options = { ...await writeOptions(context, requestId), dryRun };
  return resultOf(await keyValue.deletePrefix(toBytes(prefix), options), dryRun);
}

async function deleteKey(
  context: CommandContext,
  { key, ifRevision, dryRun, requestId }: DeleteFlags & { readonly key: string },
): Promise<CommandResult> {
  const bytes = keyBytes(key);
  const { keyValue } = await context.cluster();
  if (dryRun) {
    const { found, revision } = await keyValue.get(bytes, readOptions(context));
    return resultOf({ count: found ? 1 : 0, revision }, dryRun);
  }
  const condition: KvCondition = ifRevision === undefined
    ? NO_CONDITION
    : { type: "revision", revision: ifRevision };
  const options = { ...await writeOptions(context, requestId), condition };
  const result = await keyValue.delete(bytes, options).catch((error) => {
    throw explainCondition(error, { key: bytes, condition });
  });
  return resultOf(result, dryRun);
}

/** `raft del KEY` */
export const del = declareCommand({
  name: "del",
  group: "DATA",
  isWrite: true,
  summary: "Delete a key, or every key with a prefix",
  description: "Deleting what does not exist is no error: deleted 0 keys, exit code 0. So a " +
    "delete can be repeated safely.",
  examples: [
    { command: "raft del greeting", note: "one key" },
    { command: "raft del --prefix tmp/ --dry-run", note: "how many would go" },
    { command: "raft del --prefix tmp/", note: "all of them, in one step" },
    { command: "raft del greeting --if-revision 17", note: "only if nobody wrote since" },
  ],
  arguments: settings({ key: optional(text({ placeholder: "KEY", summary: "The key" })) }),
  options: settings({
    prefix: optional(text({ placeholder: "P", summary: "Every key that begins with this" })),
    ifRevision: optional(integer({
      placeholder: "N",
      summary: "Only if the key has this revision",
    })),
    dryRun: toggle({ summary: "Only say how many keys would be deleted" }),
    requestId: requestIdSetting(),
  }),
  run(context, { arguments: { key }, options }) {
    const { prefix } = options;
    if (key !== undefined && prefix === undefined) return deleteKey(context, { ...options, key });
    if (key !== undefined || prefix === undefined) {
      throw new UsageError("raft del takes either a KEY or --prefix P", {
        fix: ["raft del KEY", "raft del --prefix P", "every key there is: --prefix ''"],
      });
    }
    if (options.ifRevision !== undefined) {
      throw new UsageError("Cannot use --if-revision with --prefix: it is for one key");
    }
    return deletePrefix(context, { ...options, prefix });
  },
});

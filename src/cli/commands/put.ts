import { duration, integer, optional, settings, text, toggle } from "../../config.ts";
import { UsageError } from "../../config/usage_error.ts";
import { type KvCondition, type KvLifetime, NO_CONDITION } from "../../wire/kv_messages.ts";
import { keyBytes, keyFields, printable, toBytes, valueFields } from "../bytes_text.ts";
import { declareCommand } from "../command.ts";
import { explainCondition } from "../condition_failure.ts";
import { explainLease } from "../lease_failure.ts";
import { requestIdSetting, writeOptions } from "../request_options.ts";
import { readValue } from "../value_argument.ts";

interface ConditionFlags {
  readonly ifRevision: number | undefined;
  readonly ifValue: string | undefined;
  readonly ifAbsent: boolean;
  readonly ifPresent: boolean;
}

/** The one condition that the flags ask for. */
function conditionOf(flags: ConditionFlags): KvCondition {
  const conditions: KvCondition[] = [];
  if (flags.ifRevision !== undefined) {
    conditions.push({ type: "revision", revision: flags.ifRevision });
  }
  if (flags.ifValue !== undefined) {
    conditions.push({ type: "value", value: toBytes(flags.ifValue) });
  }
  if (flags.ifAbsent) conditions.push({ type: "absent" });
  if (flags.ifPresent) conditions.push({ type: "present" });
  if (conditions.length > 1) {
    throw new UsageError("Cannot use more than one condition", {
      fix: ["want one of --if-revision, --if-value, --if-absent, --if-present"],
    });
  }
  return conditions[0] ?? NO_CONDITION;
}

interface LifetimeFlags {
  readonly ttl: number | undefined;
  readonly lease: number | undefined;
}

/** Until when the flags let the key live; forever unless one is given. */
function lifetimeOf({ ttl, lease }: LifetimeFlags): { readonly lifetime?: KvLifetime } {
  if (ttl !== undefined && lease !== undefined) {
    throw new UsageError("Cannot use --ttl and --lease together", {
      fix: ["a key lives for a time of its own, or as long as a lease"],
    });
  }
  if (ttl !== undefined) return { lifetime: { type: "ttl", ttlMs: ttl } };
  return lease === undefined ? {} : { lifetime: { type: "lease", leaseId: lease } };
}

/** `raft put KEY VALUE` */
export const put = declareCommand({
  name: "put",
  group: "DATA",
  isWrite: true,
  summary: "Write a key",
  description: "The answer comes when the write is durable on a majority. With a condition the " +
    "write happens only if it holds, all in one step; if not, exit code 4 and nothing is " +
    "changed.\n\nA key with --ttl or --lease goes away by itself, by the time that the cluster " +
    "counts while it has a leader. A put without them takes that from the key.\n\n" +
    "If the answer is lost (exit code 7), repeat the command with the --request-id that the " +
    "message prints: it is never applied twice.",
  examples: [
    { command: "raft put greeting hello", note: "write" },
    { command: "raft put photo @photo.jpg", note: "from a file" },
    { command: "date | raft put now -", note: "from standard input" },
    { command: "raft put leader me --if-absent", note: "only if nobody was faster" },
    { command: "raft put n 2 --if-revision 17", note: "only if nobody wrote since" },
    { command: "raft put here yes --ttl 30s", note: "gone after 30 seconds" },
  ],
  arguments: settings({
    key: text({ placeholder: "KEY", summary: "The key" }),
    value: text({ placeholder: "VALUE", summary: "The value; - is standard input, @FILE a file" }),
  }),
  options: settings({
    ifRevision: optional(integer({
      placeholder: "N",
      summary: "Only if the key has this revision; 0: only if it does not exist",
    })),
    ifValue: optional(text({ placeholder: "V", summary: "Only if the key holds this value" })),
    ifAbsent: toggle({ summary: "Only if the key does not exist" }),
    ifPresent: toggle({ summary: "Only if the key exists" }),
    ttl: optional(duration({ summary: "Let the key go away after this time" })),
    lease: optional(integer({
      placeholder: "ID",
      summary: "Let the key go away with this lease",
      min: 1,
    })),
    previous: toggle({ summary: "Show what the key held before" }),
    requestId: requestIdSetting(),
  }),
  async run(context, { arguments: { key, value }, options }) {
    const bytes = keyBytes(key);
    const condition = conditionOf(options);
    const lifetime = lifetimeOf(options);
    const valueBytes = await readValue(context, value);
    const { keyValue } = await context.cluster();
    const send = {
      ...await writeOptions(context, options.requestId),
      condition,
      returnPrevious: options.previous,
      ...lifetime,
    };
    const { revision, created, previous, term, index } = await keyValue
      .put(bytes, valueBytes, send)
      .catch((error) => {
        throw explainLease(explainCondition(error, { key: bytes, condition }));
      });
    const before = previous === null
      ? null
      : { ...valueFields(previous.value), revision: previous.revision };
    const document = {
      ...keyFields(bytes),
      revision,
      created,
      term,
      index,
      ...(options.previous ? { previous: before } : {}),
    };
    const was = before === null ? "" : `, was ${before.value} (revision ${before.revision})`;
    const what = created ? "created" : "updated";
    return { document, text: `${what} ${printable(bytes)}, revision ${revision}${was}` };
  },
});

/**
 * What the queries of the key-value store answer. They change nothing, and nothing here throws.
 *
 * @module
 */
import { unreachable } from "../assert.ts";
import { LIST_BYTES_MAX, LIST_ITEMS_MAX } from "../limits.ts";
import type { Index, LogTimeMs } from "../types.ts";
import type { KvGet, KvItem, KvList, KvQuery, KvResult } from "../wire/kv_messages.ts";
import { comesBefore } from "./byte_string.ts";
import { keyFault, prefixFault } from "./key_value_commands.ts";
import { answerLeaseQuery, invalidResult, type KeyValueData } from "./key_value_lease_commands.ts";
import { type KeyValueTable, NO_ENTRY } from "./key_value_table.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * Answers a query. The values in the answer are views of the table: encode it before the table
 * changes.
 *
 * @param data What is read.
 * @param options The query, the last index that was applied, and the log time as the node that
 * answers knows it.
 */
export function answerKeyValueQuery(
  data: KeyValueData,
  options: { readonly query: KvQuery; readonly revision: Index; readonly nowMs: LogTimeMs },
): KvResult {
  const { query, revision, nowMs } = options;
  const { table } = data;
  switch (query.type) {
    case "get":
      return answerGet(table, query);
    case "list":
      return answerList(table, query, revision);
    case "lease":
    case "leases":
      return answerLeaseQuery(data, { query, revision, nowMs });
    default:
      return unreachable(query);
  }
}

function answerGet(table: KeyValueTable, query: KvGet): KvResult {
  const fault = keyFault(query.key);
  if (fault !== null) return invalidResult(fault);
  const found = table.find(query.key);
  if (found === NO_ENTRY) {
    const nothing = { revision: 0, createRevision: 0, version: 0, value: NO_BYTES };
    return { type: "get", found: false, ...nothing };
  }
  const { revision, createRevision, version, value } = table.entryOf(found);
  return { type: "get", found: true, revision, createRevision, version, value };
}

function answerList(table: KeyValueTable, query: KvList, revision: Index): KvResult {
  const fault = prefixFault(query.prefix);
  if (fault !== null) return invalidResult(fault);
  const { prefix, after } = query;
  const itemsMax = query.limit === 0 ? LIST_ITEMS_MAX : Math.min(query.limit, LIST_ITEMS_MAX);
  const items: KvItem[] = [];
  let bytes = 0;
  let more = false;
  table.visitPrefix(prefix, {
    from: after,
    visit: (entry) => {
      if (!comesBefore(after, entry.key)) return true;
      const value = query.withValues ? entry.value : NO_BYTES;
      bytes += entry.key.length + value.length;
      more = items.length >= itemsMax || (bytes > LIST_BYTES_MAX && items.length > 0);
      if (more) return false;
      const { revision, createRevision, version } = entry;
      items.push({ key: entry.key, value, revision, createRevision, version });
      return true;
    },
  });
  return { type: "list", revision, items, more };
}

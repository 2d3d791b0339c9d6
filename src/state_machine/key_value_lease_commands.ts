/**
 * What the commands and queries about leases do. Nothing here throws: see key_value_commands.ts.
 *
 * @module
 */
import { LEASES_MAX, LIST_BYTES_MAX, LIST_ITEMS_MAX, TTL_MS_MAX } from "../limits.ts";
import type { Index, LogTimeMs } from "../types.ts";
import type {
  KvInvalid,
  KvItem,
  KvLease,
  KvLeaseChange,
  KvLeaseGrant,
  KvLeaseQuery,
  KvLeasesQuery,
  KvResult,
} from "../wire/kv_messages.ts";
import { fromByteString, toByteString } from "./byte_string.ts";
import type { KeyLease, KeyValueLeases } from "./key_value_leases.ts";
import type { KeyValueTable } from "./key_value_table.ts";

const NO_BYTES = new Uint8Array(0);

/** The answer to a command or query that cannot be carried out. */
export function invalidResult(message: string): KvInvalid {
  return { type: "invalid", message };
}

/** What commands change and queries read. */
export interface KeyValueData {
  readonly table: KeyValueTable;
  readonly leases: KeyValueLeases;
}

/** Says what is wrong with a time to live, or null where nothing is. */
export function ttlFault(ttlMs: number): string | null {
  if (ttlMs >= 1 && ttlMs <= TTL_MS_MAX) return null;
  return `The time to live is ${ttlMs} ms: want 1 to ${TTL_MS_MAX}`;
}

/** Applies a command about leases and returns its answer. */
export function applyLeaseCommand(
  { table, leases }: KeyValueData,
  options: { readonly command: KvLeaseGrant | KvLeaseChange; readonly revision: Index },
): KvResult {
  const { command, revision } = options;
  if (command.type === "leaseGrant") return grantLease(leases, command.ttlMs, revision);
  const { leaseId } = command;
  const lease = leases.get(leaseId);
  if (lease === undefined) return { type: "leaseNotFound", revision, leaseId };
  if (command.type === "leaseKeepAlive") {
    leases.keepAlive(leaseId);
    return leaseResult(describeLease(lease, leases.nowMs), revision);
  }
  const count = leases.revoke(leaseId, (key) => table.delete(table.find(fromByteString(key))));
  return { type: "delete", revision, count };
}

function grantLease(leases: KeyValueLeases, ttlMs: number, revision: Index): KvResult {
  const fault = ttlFault(ttlMs);
  if (fault !== null) return invalidResult(fault);
  if (leases.count >= LEASES_MAX) {
    return invalidResult(`There are ${leases.count} leases already: want at most ${LEASES_MAX}`);
  }
  return leaseResult(describeLease(leases.grant(revision, ttlMs), leases.nowMs), revision);
}

/** Answers a query about leases; `nowMs` is the log time as the node that answers knows it. */
export function answerLeaseQuery(
  data: KeyValueData,
  options: {
    readonly query: KvLeaseQuery | KvLeasesQuery;
    readonly revision: Index;
    readonly nowMs: LogTimeMs;
  },
): KvResult {
  const { query, revision, nowMs } = options;
  if (query.type === "leases") return answerLeases(data, { query, revision, nowMs });
  const { leaseId } = query;
  const lease = data.leases.get(leaseId);
  if (lease === undefined) return { type: "leaseNotFound", revision, leaseId };
  const items: KvItem[] = [];
  let bytes = 0;
  let more = false;
  data.leases.visitKeys(leaseId, {
    after: toByteString(query.after),
    visit: (key) => {
      bytes += key.length;
      more = items.length >= countMaxOf(query) || (bytes > LIST_BYTES_MAX && items.length > 0);
      if (more) return false;
      const { table } = data;
      const name = fromByteString(key);
      const { revision, createRevision, version } = table.entryOf(table.find(name));
      items.push({ key: name, value: NO_BYTES, revision, createRevision, version });
      return true;
    },
  });
  return { type: "lease", revision, lease: describeLease(lease, nowMs), items, more };
}

function answerLeases(
  { leases }: KeyValueData,
  options: {
    readonly query: KvLeasesQuery;
    readonly revision: Index;
    readonly nowMs: LogTimeMs;
  },
): KvResult {
  const { query, revision, nowMs } = options;
  const found: KvLease[] = [];
  let more = false;
  for (const lease of leases.values()) {
    if (lease.id <= query.afterId) continue;
    more = found.length >= countMaxOf(query);
    if (more) break;
    found.push(describeLease(lease, nowMs));
  }
  return { type: "leases", revision, leases: found, more };
}

function countMaxOf({ limit }: { readonly limit: number }): number {
  return limit === 0 ? LIST_ITEMS_MAX : Math.min(limit, LIST_ITEMS_MAX);
}

function describeLease(lease: KeyLease, nowMs: LogTimeMs): KvLease {
  const { id, ttlMs, deadlineMs, keyCount } = lease;
  return { id, ttlMs, remainingMs: Math.max(0, deadlineMs - nowMs), keyCount };
}

function leaseResult(lease: KvLease, revision: Index): KvResult {
  return { type: "lease", revision, lease, items: [], more: false };
}

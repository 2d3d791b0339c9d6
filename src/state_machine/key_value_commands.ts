/**
 * What the commands of the key-value store do. Whatever a command says, its effect or its refusal
 * is an answer, the same on every replica; nothing here throws.
 *
 * @module
 */
import { unreachable } from "../assert.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { type Index, INTEGER_MAX } from "../types.ts";
import { encodePutResult, type PlainPut } from "../wire/kv_hot_codec.ts";
import type {
  KvCommand,
  KvCondition,
  KvConditionFailed,
  KvDelete,
  KvDeletePrefix,
  KvIncrement,
  KvItem,
  KvLifetime,
  KvPut,
  KvResult,
} from "../wire/kv_messages.ts";
import { fromByteString, toByteString } from "./byte_string.ts";
import {
  applyLeaseCommand,
  invalidResult,
  type KeyValueData,
  ttlFault,
} from "./key_value_lease_commands.ts";
import { createAttachment, type KeyAttachment, type KeyValueLeases } from "./key_value_leases.ts";
import {
  type EntryId,
  type KeyValueEntry,
  type KeyValueTable,
  NO_ENTRY,
} from "./key_value_table.ts";

const NO_KEY = new Uint8Array(0);
/** An integer as increment writes it: no sign but a minus, no leading zeros. */
const DECIMAL_INTEGER = /^(?:0|-?[1-9][0-9]{0,15})$/;
const DECIMAL_INTEGER_BYTES_MAX = 17;

/** Says what is wrong with a key, or null where nothing is. */
export function keyFault(key: Uint8Array): string | null {
  if (key.length >= 1 && key.length <= KEY_BYTES_MAX) return null;
  return `The key has ${key.length} bytes: want 1 to ${KEY_BYTES_MAX}`;
}

/** Says what is wrong with the first bytes of keys, or null where nothing is. */
export function prefixFault(prefix: Uint8Array): string | null {
  if (prefix.length <= KEY_BYTES_MAX) return null;
  return `The prefix has ${prefix.length} bytes: want at most ${KEY_BYTES_MAX}`;
}

/**
 * Applies a command and returns its answer.
 *
 * @param data What the command changes.
 * @param options The command and the index where it stands, which is the revision that it writes.
 */
export function applyKeyValueCommand(
  data: KeyValueData,
  options: { readonly command: KvCommand; readonly revision: Index },
): KvResult {
  const { command, revision } = options;
  switch (command.type) {
    case "put":
      return applyPut(data, command, revision);
    case "delete":
      return applyDelete(data, command, revision);
    case "deletePrefix":
      return applyDeletePrefix(data, command, revision);
    case "increment":
      return applyIncrement(data, command, revision);
    case "leaseGrant":
    case "leaseKeepAlive":
    case "leaseRevoke":
      return applyLeaseCommand(data, { command, revision });
    default:
      return unreachable(command);
  }
}

/**
 * Applies a put as readPlainPut finds it, the command of which there are most, and returns its
 * answer as bytes; null where it is not that simple, and nothing was done.
 */
export function applyPlainPut(
  { table }: KeyValueData,
  options: {
    readonly command: Uint8Array;
    readonly place: PlainPut;
    readonly revision: Index;
  },
): Uint8Array | null {
  const { command, place, revision } = options;
  const keyBytes = place.keyEnd - place.keyStart;
  if (keyBytes < 1 || keyBytes > KEY_BYTES_MAX) return null;
  if (place.valueEnd - place.valueStart > VALUE_BYTES_MAX) return null;
  const created = table.putPlain(command, place, revision);
  return created === null ? null : encodePutResult(revision, created);
}

function applyPut(data: KeyValueData, command: KvPut, revision: Index): KvResult {
  const { table, leases } = data;
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  const { value, condition } = command;
  if (value.length > VALUE_BYTES_MAX) {
    return invalidResult(`The value has ${value.length} bytes: want at most ${VALUE_BYTES_MAX}`);
  }
  const { lifetime } = command;
  if (lifetime !== undefined) {
    const refusal = lifetimeRefusal(leases, lifetime, revision);
    if (refusal !== null) return refusal;
  }
  const { key } = command;
  const found = table.find(key);
  if (!conditionHolds(table, condition, found)) return conditionFailed(table, found);
  const created = found === NO_ENTRY;
  const previous = command.returnPrevious && !created ? itemOf(table.entryOf(found)) : null;
  const before = created ? null : table.attachmentOf(found);
  const attachment = lifetime === undefined ? null : attachmentOf(leases, key, lifetime);
  table.put(key, { found, value, revision, attachment });
  if (before !== attachment) leases.replace(before, attachment);
  return { type: "put", revision, created, previous };
}

/** Why a key cannot have this lifetime, or null where it can. */
function lifetimeRefusal(
  leases: KeyValueLeases,
  lifetime: KvLifetime,
  revision: Index,
): KvResult | null {
  if (lifetime.type === "ttl") {
    const fault = ttlFault(lifetime.ttlMs);
    return fault === null ? null : invalidResult(fault);
  }
  const { leaseId } = lifetime;
  return leases.get(leaseId) === undefined ? { type: "leaseNotFound", revision, leaseId } : null;
}

function attachmentOf(
  leases: KeyValueLeases,
  key: Uint8Array,
  lifetime: KvLifetime,
): KeyAttachment {
  const name = toByteString(key);
  if (lifetime.type === "lease") return createAttachment(name, { leaseId: lifetime.leaseId });
  return createAttachment(name, { deadlineMs: leases.nowMs + lifetime.ttlMs });
}

function applyDelete(data: KeyValueData, command: KvDelete, revision: Index): KvResult {
  const { table, leases } = data;
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  const found = table.find(command.key);
  if (!conditionHolds(table, command.condition, found)) return conditionFailed(table, found);
  if (found === NO_ENTRY) return { type: "delete", revision, count: 0 };
  const attachment = table.attachmentOf(found);
  table.delete(found);
  if (attachment !== null) leases.replace(attachment, null);
  return { type: "delete", revision, count: 1 };
}

function applyDeletePrefix(
  data: KeyValueData,
  command: KvDeletePrefix,
  revision: Index,
): KvResult {
  const { table, leases } = data;
  const fault = prefixFault(command.prefix);
  if (fault !== null) return invalidResult(fault);
  const { prefix } = command;
  if (command.dryRun) return { type: "delete", revision, count: table.countPrefix(prefix) };
  const count = table.deletePrefix(prefix, (attachment) => leases.replace(attachment, null));
  if (prefix.length === 0) leases.detachAll();
  return { type: "delete", revision, count };
}

function applyIncrement(data: KeyValueData, command: KvIncrement, revision: Index): KvResult {
  const { table } = data;
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  if (!Number.isSafeInteger(command.amount)) {
    return invalidResult(`The amount is not an integer within ±${INTEGER_MAX}`);
  }
  const found = table.find(command.key);
  const current = found === NO_ENTRY ? 0 : readInteger(table.entryOf(found).value);
  if (current === null) {
    return invalidResult(`The value is not a decimal integer within ±${INTEGER_MAX}`);
  }
  const value = current + command.amount;
  if (!Number.isSafeInteger(value)) {
    return invalidResult(
      `Cannot add as the sum must be within ±${INTEGER_MAX}: the value is ${current}, ` +
        `the amount ${command.amount}`,
    );
  }
  // What expires the key goes on doing so: it is counted, not written anew.
  const attachment = found === NO_ENTRY ? null : table.attachmentOf(found);
  table.put(command.key, { found, value: fromByteString(String(value)), revision, attachment });
  return { type: "increment", revision, value };
}

/** The integer that a value spells, or null where it spells none. */
function readInteger(value: Uint8Array): number | null {
  if (value.length > DECIMAL_INTEGER_BYTES_MAX) return null;
  const text = toByteString(value);
  if (!DECIMAL_INTEGER.test(text)) return null;
  const integer = Number(text);
  return Number.isSafeInteger(integer) ? integer : null;
}

function conditionHolds(table: KeyValueTable, condition: KvCondition, found: EntryId): boolean {
  switch (condition.type) {
    case "none":
      return true;
    case "revision":
      return (found === NO_ENTRY ? 0 : table.entryOf(found).revision) === condition.revision;
    case "value":
      return found !== NO_ENTRY && areEqual(table.entryOf(found).value, condition.value);
    case "absent":
      return found === NO_ENTRY;
    case "present":
      return found !== NO_ENTRY;
    default:
      return unreachable(condition);
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) {
    if (a[i] !== b[i]) return false;
  }
  return true;
}

function conditionFailed(table: KeyValueTable, found: EntryId): KvConditionFailed {
  if (found === NO_ENTRY) return { type: "conditionFailed", revision: 0, current: null };
  const entry = table.entryOf(found);
  return { type: "conditionFailed", revision: entry.revision, current: itemOf(entry) };
}

/** What an answer says of an entry whose key the command named; the value is a copy. */
function itemOf(entry: KeyValueEntry): KvItem {
  const { revision, createRevision, version } = entry;
  return { key: NO_KEY, value: entry.value.slice(), revision, createRevision, version };
}

/**
 * What the commands of the key-value store do. Whatever a command says, its effect or its refusal
 * is an answer, the same on every replica; nothing here throws.
 *
 * @module
 */
import { unreachable } from "../assert.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../limits.ts";
import { type Index, INTEGER_MAX } from "../types.ts";
import type {
  KvCommand,
  KvCondition,
  KvConditionFailed,
  KvDelete,
  KvDeletePrefix,
  KvIncrement,
  KvInvalid,
  KvItem,
  KvPut,
  KvResult,
} from "../wire/kv_messages.ts";
import { fromByteString, toByteString } from "./byte_string.ts";
import type { KeyValueEntry, KeyValueTable } from "./key_value_table.ts";

const NO_KEY = new Uint8Array(0);
/** An integer as increment writes it: no sign but a minus, no leading zeros. */
const DECIMAL_INTEGER = /^(?:0|-?[1-9][0-9]{0,15})$/;
const DECIMAL_INTEGER_BYTES_MAX = 17;

/** The answer to a command or query that cannot be carried out. */
export function invalidResult(message: string): KvInvalid {
  return { type: "invalid", message };
}

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
 * @param table What the command changes.
 * @param options The command and the index where it stands, which is the revision that it writes.
 */
export function applyKeyValueCommand(
  table: KeyValueTable,
  options: { readonly command: KvCommand; readonly revision: Index },
): KvResult {
  const { command, revision } = options;
  switch (command.type) {
    case "put":
      return applyPut(table, command, revision);
    case "delete":
      return applyDelete(table, command, revision);
    case "deletePrefix":
      return applyDeletePrefix(table, command, revision);
    case "increment":
      return applyIncrement(table, command, revision);
    default:
      return unreachable(command);
  }
}

function applyPut(table: KeyValueTable, command: KvPut, revision: Index): KvResult {
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  const { value, condition } = command;
  if (value.length > VALUE_BYTES_MAX) {
    return invalidResult(`The value has ${value.length} bytes: want at most ${VALUE_BYTES_MAX}`);
  }
  const key = toByteString(command.key);
  const entry = table.get(key);
  if (!conditionHolds(condition, entry)) return conditionFailed(entry);
  const created = entry === undefined;
  const previous = command.returnPrevious && !created ? itemOf(entry) : null;
  table.put(key, { value, revision });
  return { type: "put", revision, created, previous };
}

function applyDelete(table: KeyValueTable, command: KvDelete, revision: Index): KvResult {
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  const key = toByteString(command.key);
  const entry = table.get(key);
  if (!conditionHolds(command.condition, entry)) return conditionFailed(entry);
  return { type: "delete", revision, count: table.delete(key) ? 1 : 0 };
}

function applyDeletePrefix(
  table: KeyValueTable,
  command: KvDeletePrefix,
  revision: Index,
): KvResult {
  const fault = prefixFault(command.prefix);
  if (fault !== null) return invalidResult(fault);
  const prefix = toByteString(command.prefix);
  const count = command.dryRun ? table.countPrefix(prefix) : table.deletePrefix(prefix);
  return { type: "delete", revision, count };
}

function applyIncrement(table: KeyValueTable, command: KvIncrement, revision: Index): KvResult {
  const fault = keyFault(command.key);
  if (fault !== null) return invalidResult(fault);
  if (!Number.isSafeInteger(command.amount)) {
    return invalidResult(`The amount is not an integer within ±${INTEGER_MAX}`);
  }
  const key = toByteString(command.key);
  const entry = table.get(key);
  const current = entry === undefined ? 0 : readInteger(entry.value);
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
  table.put(key, { value: fromByteString(String(value)), revision });
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

function conditionHolds(condition: KvCondition, entry: KeyValueEntry | undefined): boolean {
  switch (condition.type) {
    case "none":
      return true;
    case "revision":
      return (entry === undefined ? 0 : entry.revision) === condition.revision;
    case "value":
      return entry !== undefined && areEqual(entry.value, condition.value);
    case "absent":
      return entry === undefined;
    case "present":
      return entry !== undefined;
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

function conditionFailed(entry: KeyValueEntry | undefined): KvConditionFailed {
  if (entry === undefined) return { type: "conditionFailed", revision: 0, current: null };
  return { type: "conditionFailed", revision: entry.revision, current: itemOf(entry) };
}

/** What an answer says of an entry whose key the command named; the value is a copy. */
function itemOf(entry: KeyValueEntry): KvItem {
  const { revision, createRevision, version } = entry;
  return { key: NO_KEY, value: entry.value.slice(), revision, createRevision, version };
}

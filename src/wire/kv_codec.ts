/**
 * The commands, queries and results of the key-value state machine as bytes and back. They are
 * flat: one segment without a segment table, as their length is known wherever they travel. The hot
 * ones are placed by hand (kv_hot_codec.ts, kv_change_codec.ts).
 *
 * What is decoded may hold views of the bytes that it was decoded from: copy what you keep.
 *
 * @module
 */
import { unreachable } from "../assert.ts";
import { ProtocolError } from "../errors.ts";
import {
  Command,
  Command_Which,
  type Condition,
  Condition_Which,
  Query,
  Query_Which,
  Result,
  Result_Which,
} from "./generated/kv.ts";
import { kvCommandLayout, kvQueryLayout, kvResultLayout } from "./generated/layouts.ts";
import {
  encodeGet,
  encodeGetResult,
  encodePlainPut,
  encodePutResult,
  type PlainGet,
  type PlainPut,
  readGetResult,
  readPlainGet,
  readPlainPut,
  readPutResult,
} from "./kv_hot_codec.ts";
import {
  encodeChange,
  encodeChangeResult,
  readChange,
  readChangeResult,
} from "./kv_change_codec.ts";
import { fillItem, fillItems, readItem, readItems } from "./kv_item_codec.ts";
import {
  fillLeaseCommand,
  fillLeaseQuery,
  fillLeaseResult,
  readLeaseCommand,
  readLeaseQuery,
  readLeaseResult,
} from "./kv_lease_codec.ts";
import { type KvCommand, type KvCondition, NO_CONDITION } from "./kv_messages.ts";
import type { KvLifetime, KvPut, KvQuery, KvResult } from "./kv_messages.ts";
import { buildFlat, readFlat, setData, toInt64, toNumber, toUint64 } from "./library_message.ts";
import { checkMessage, UnknownMemberError } from "./message_check.ts";

const COMMAND = { structClass: Command, layout: kvCommandLayout };
const QUERY = { structClass: Query, layout: kvQueryLayout };
const RESULT = { structClass: Result, layout: kvResultLayout };

const plainPut: PlainPut = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
const plainGet: PlainGet = { keyStart: 0, keyEnd: 0 };

/** Encodes a command. */
export function encodeKvCommand(command: KvCommand): Uint8Array {
  if (
    command.type === "put" && command.condition.type === "none" && !command.returnPrevious &&
    command.lifetime === undefined
  ) {
    return encodePlainPut(command.key, command.value);
  }
  return encodeChange(command) ?? buildFlat(Command, (root) => fillCommand(root, command));
}

/** Sets the fields that the two kinds of puts have in common. */
function fillPut(
  put: ReturnType<Command["initPut"]> | ReturnType<Command["initPutExpiring"]>,
  command: KvPut,
): void {
  setData((length) => put.initKey(length), command.key);
  setData((length) => put.initValue(length), command.value);
  fillCondition(() => put.initCondition(), command.condition);
  put.setReturnPrevious(command.returnPrevious);
}

function fillPutExpiring(root: Command, command: KvPut, lifetime: KvLifetime): void {
  const put = root.initPutExpiring();
  fillPut(put, command);
  if (lifetime.type === "ttl") put.setTtlMs(toUint64(lifetime.ttlMs));
  else put.setLeaseId(toUint64(lifetime.leaseId));
}

function fillCommand(root: Command, command: KvCommand): void {
  switch (command.type) {
    case "put": {
      const { lifetime } = command;
      if (lifetime === undefined) fillPut(root.initPut(), command);
      else fillPutExpiring(root, command, lifetime);
      return;
    }
    case "delete": {
      const remove = root.initDelete();
      setData((length) => remove.initKey(length), command.key);
      fillCondition(() => remove.initCondition(), command.condition);
      return;
    }
    case "deletePrefix": {
      const remove = root.initDeletePrefix();
      setData((length) => remove.initPrefix(length), command.prefix);
      remove.setDryRun(command.dryRun);
      return;
    }
    case "increment": {
      const increment = root.initIncrement();
      setData((length) => increment.initKey(length), command.key);
      increment.setAmount(toInt64(command.amount));
      return;
    }
    case "leaseGrant":
    case "leaseKeepAlive":
    case "leaseRevoke":
      fillLeaseCommand(root, command);
      return;
    default:
      unreachable(command);
  }
}

function fillCondition(init: () => Condition, condition: KvCondition): void {
  if (condition.type === "none") return;
  const struct = init();
  if (condition.type === "absent") struct.setAbsent();
  else if (condition.type === "present") struct.setPresent();
  else if (condition.type === "revision") struct.setRevision(toUint64(condition.revision));
  else setData((length) => struct.initValue(length), condition.value);
}

/**
 * Whether the bytes may be a command of a newer build: one with a union member or an enum value
 * that this one does not know. Bytes that are nothing at all are not.
 */
export function isNewerKvCommand(bytes: Uint8Array): boolean {
  if (readPlainPut(bytes, plainPut) || readChange(bytes) !== null) return false;
  try {
    checkMessage(bytes, { segmentStart: 0, layout: kvCommandLayout });
    return false;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error instanceof UnknownMemberError;
  }
}

/**
 * Decodes a command.
 *
 * @throws {UnknownMemberError} If a newer build may know it; see {@linkcode isNewerKvCommand}.
 * @throws {ProtocolError} If the bytes are none: the state machine answers that it is invalid.
 */
export function decodeKvCommand(bytes: Uint8Array): KvCommand {
  if (readPlainPut(bytes, plainPut)) {
    const key = bytes.subarray(plainPut.keyStart, plainPut.keyEnd);
    const value = bytes.subarray(plainPut.valueStart, plainPut.valueEnd);
    return { type: "put", key, value, condition: NO_CONDITION, returnPrevious: false };
  }
  return readChange(bytes) ?? readFlat(bytes, COMMAND, readCommand);
}

function readCommand(root: Command): KvCommand {
  const which = root.which();
  switch (which) {
    case Command_Which.PUT:
      return readPut(root.getPut());
    case Command_Which.PUT_EXPIRING: {
      const put = root.getPutExpiring();
      const ttlMs = toNumber(put.getTtlMs());
      const leaseId = toNumber(put.getLeaseId());
      if (ttlMs !== 0 && leaseId !== 0) {
        throw new ProtocolError(`Cannot read a put with the time ${ttlMs} and lease ${leaseId}`);
      }
      const lifetime: KvLifetime = leaseId === 0
        ? { type: "ttl", ttlMs }
        : { type: "lease", leaseId };
      return { ...readPut(put), lifetime };
    }
    case Command_Which.DELETE: {
      const remove = root.getDelete();
      const condition = remove.hasCondition() ? readCondition(remove.getCondition()) : NO_CONDITION;
      return { type: "delete", key: remove.getKey().toUint8Array(), condition };
    }
    case Command_Which.DELETE_PREFIX: {
      const remove = root.getDeletePrefix();
      const prefix = remove.getPrefix().toUint8Array();
      return { type: "deletePrefix", prefix, dryRun: remove.getDryRun() };
    }
    case Command_Which.INCREMENT: {
      const increment = root.getIncrement();
      const key = increment.getKey().toUint8Array();
      return { type: "increment", key, amount: toNumber(increment.getAmount()) };
    }
    default:
      return readLeaseCommand(root);
  }
}

function readPut(
  put: ReturnType<Command["getPut"]> | ReturnType<Command["getPutExpiring"]>,
): KvPut {
  return {
    type: "put",
    key: put.getKey().toUint8Array(),
    value: put.getValue().toUint8Array(),
    condition: put.hasCondition() ? readCondition(put.getCondition()) : NO_CONDITION,
    returnPrevious: put.getReturnPrevious(),
  };
}

function readCondition(struct: Condition): KvCondition {
  const which = struct.which();
  switch (which) {
    case Condition_Which.NONE:
      return NO_CONDITION;
    case Condition_Which.REVISION:
      return { type: "revision", revision: toNumber(struct.getRevision()) };
    case Condition_Which.VALUE:
      return { type: "value", value: struct.getValue().toUint8Array() };
    case Condition_Which.ABSENT:
      return { type: "absent" };
    case Condition_Which.PRESENT:
      return { type: "present" };
    default:
      throw new ProtocolError(`Cannot read condition ${which}: want one that this build knows`);
  }
}

/** Encodes a query. */
export function encodeKvQuery(query: KvQuery): Uint8Array {
  if (query.type === "get") return encodeGet(query.key);
  if (query.type !== "list") return buildFlat(Query, (root) => fillLeaseQuery(root, query));
  return buildFlat(Query, (root) => {
    const list = root.initList();
    setData((length) => list.initPrefix(length), query.prefix);
    setData((length) => list.initAfter(length), query.after);
    list.setLimit(query.limit);
    list.setWithValues(query.withValues);
  });
}

/**
 * Decodes a query.
 *
 * @throws {ProtocolError} If the bytes are none: the state machine answers that it is invalid.
 */
export function decodeKvQuery(bytes: Uint8Array): KvQuery {
  if (readPlainGet(bytes, plainGet)) {
    return { type: "get", key: bytes.subarray(plainGet.keyStart, plainGet.keyEnd) };
  }
  return readFlat(bytes, QUERY, (root): KvQuery => {
    const which = root.which();
    if (which === Query_Which.GET) {
      return { type: "get", key: root.getGet().getKey().toUint8Array() };
    }
    if (which !== Query_Which.LIST) return readLeaseQuery(root);
    const list = root.getList();
    return {
      type: "list",
      prefix: list.getPrefix().toUint8Array(),
      after: list.getAfter().toUint8Array(),
      limit: list.getLimit(),
      withValues: list.getWithValues(),
    };
  });
}

/** Encodes a result. */
export function encodeKvResult(result: KvResult): Uint8Array {
  if (result.type === "put" && result.previous === null) {
    return encodePutResult(result.revision, result.created);
  }
  if (result.type === "get") return encodeGetResult(result);
  return encodeChangeResult(result) ?? buildFlat(Result, (root) => fillResult(root, result));
}

function fillResult(root: Result, result: KvResult): void {
  if (result.type === "invalid") {
    root.setInvalid(result.message);
    return;
  }
  root.setRevision(toUint64(result.revision));
  switch (result.type) {
    case "put": {
      const put = root.initPut();
      put.setCreated(result.created);
      if (result.previous !== null) fillItem(put.initPrevious(), result.previous);
      return;
    }
    case "delete":
      root.initDelete().setCount(toUint64(result.count));
      return;
    case "increment":
      root.initIncrement().setValue(toInt64(result.value));
      return;
    case "conditionFailed": {
      const failed = root.initConditionFailed();
      if (result.current !== null) fillItem(failed.initCurrent(), result.current);
      return;
    }
    case "get": {
      const get = root.initGet();
      get.setFound(result.found);
      get.setCreateRevision(toUint64(result.createRevision));
      get.setVersion(toUint64(result.version));
      setData((length) => get.initValue(length), result.value);
      return;
    }
    case "list": {
      const list = root.initList();
      list.setMore(result.more);
      fillItems(list.initItems(result.items.length), result.items);
      return;
    }
    case "lease":
    case "leases":
    case "leaseNotFound":
      fillLeaseResult(root, result);
      return;
    default:
      unreachable(result);
  }
}

/**
 * Decodes a result.
 *
 * @throws {ProtocolError} If the bytes are none.
 */
export function decodeKvResult(bytes: Uint8Array): KvResult {
  return readPutResult(bytes) ?? readGetResult(bytes) ?? readChangeResult(bytes) ??
    readFlat(bytes, RESULT, readResult);
}

function readResult(root: Result): KvResult {
  const revision = toNumber(root.getRevision());
  const which = root.which();
  switch (which) {
    case Result_Which.PUT: {
      const put = root.getPut();
      const previous = put.hasPrevious() ? readItem(put.getPrevious()) : null;
      return { type: "put", revision, created: put.getCreated(), previous };
    }
    case Result_Which.DELETE:
      return { type: "delete", revision, count: toNumber(root.getDelete().getCount()) };
    case Result_Which.INCREMENT:
      return { type: "increment", revision, value: toNumber(root.getIncrement().getValue()) };
    case Result_Which.CONDITION_FAILED: {
      const failed = root.getConditionFailed();
      const current = failed.hasCurrent() ? readItem(failed.getCurrent()) : null;
      return { type: "conditionFailed", revision, current };
    }
    case Result_Which.INVALID:
      return { type: "invalid", message: root.getInvalid() };
    case Result_Which.GET: {
      const get = root.getGet();
      return {
        type: "get",
        found: get.getFound(),
        revision,
        createRevision: toNumber(get.getCreateRevision()),
        version: toNumber(get.getVersion()),
        value: get.getValue().toUint8Array(),
      };
    }
    case Result_Which.LIST: {
      const list = root.getList();
      return { type: "list", revision, items: readItems(list.getItems()), more: list.getMore() };
    }
    default:
      return readLeaseResult(root);
  }
}

/**
 * What an entry of the log says, for people and for scripts: the command of the key-value state
 * machine, its id, a configuration. Values may be any bytes; long ones are cut.
 *
 * @module
 */
import { ProtocolError } from "../../errors.ts";
import type { StoredEntry } from "../../log/offline/read_entries.ts";
import {
  COMMAND_ID_BYTES,
  decodeOpenSession,
  decodeSessionControl,
  isSessionCommand,
  readSessionCommandId,
  SessionControl,
} from "../../state_machine/command_id.ts";
import { formatRequestId } from "../../state_machine/request_id.ts";
import { type Configuration, EntryKind, type Member } from "../../types.ts";
import { decodeKvCommand } from "../../wire/kv_codec.ts";
import type { KvCommand, KvCondition, KvPut } from "../../wire/kv_messages.ts";
import { decodeConfiguration } from "../../wire/storage_codec.ts";
import { formatDuration, formatSize } from "../../config/units.ts";
import { keyFields, printable, toText, valueFields } from "../bytes_text.ts";
import type { JsonObject } from "../json.ts";

/** The most bytes of a value, or of a key, that are shown of an entry. */
const SHOWN_BYTES = 60;

/** What an entry says, twice. */
export interface Decoded {
  readonly document: JsonObject;
  readonly text: string;
}

/** How much of values is shown. */
export interface DecodeOptions {
  /** Whether values are shown as a whole in documents. */
  readonly isWhole: boolean;
}

/** What an entry says; null for one that says nothing, or that is no command known here. */
export function decodeEntry(entry: StoredEntry, options: DecodeOptions): Decoded | null {
  const { kind, payload } = entry;
  try {
    if (kind === EntryKind.configuration) {
      const configuration = decodeConfiguration(payload.slice());
      return {
        document: { configuration: configurationFields(configuration) },
        text: configurationText(configuration),
      };
    }
    if (kind !== EntryKind.command || payload.length < COMMAND_ID_BYTES) return null;
    const bytes = payload.subarray(COMMAND_ID_BYTES);
    return isSessionCommand(payload)
      ? sessionCommand(payload, bytes, options)
      : requestCommand(payload, bytes, options);
  } catch (error) {
    // Of another state machine, or of a newer program.
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** A configuration in a document. */
export function configurationFields(configuration: Configuration): JsonObject {
  const { voters, votersOld, learners, promotions } = configuration;
  const list = (members: readonly Member[]): JsonObject[] =>
    members.map(({ id, address, instanceId }) => ({ id, address, instanceId }));
  return {
    voters: list(voters),
    ...(votersOld.length === 0 ? {} : { votersOld: list(votersOld) }),
    ...(learners.length === 0 ? {} : { learners: list(learners) }),
    ...(promotions.length === 0 ? {} : { promotions }),
  };
}

/** A configuration in a line. */
export function configurationText(configuration: Configuration): string {
  const { voters, votersOld, learners } = configuration;
  const list = (members: readonly Member[]): string =>
    members.map(({ id, address }) => `${id} ${address || "?"}`).join(", ") || "none";
  return [
    `voters ${list(voters)}`,
    ...(votersOld.length === 0 ? [] : [`before: voters ${list(votersOld)}`]),
    ...(learners.length === 0 ? [] : [`learners ${list(learners)}`]),
  ].join("; ");
}

function requestCommand(payload: Uint8Array, bytes: Uint8Array, options: DecodeOptions): Decoded {
  const requestId = formatRequestId(payload.slice(0, COMMAND_ID_BYTES));
  const { document, text } = keyValueCommand(bytes, options);
  return { document: { requestId, command: document }, text };
}

function sessionCommand(
  payload: Uint8Array,
  bytes: Uint8Array,
  options: DecodeOptions,
): Decoded | null {
  const id = readSessionCommandId(payload);
  if (id === null) return null;
  const { session, sequence } = id;
  if (session === 0) {
    const timeoutMs = decodeOpenSession(bytes);
    if (timeoutMs === null) return null;
    const text = `open a session, time-out ${formatDuration(timeoutMs)}`;
    return { document: { command: { type: "openSession", timeoutMs } }, text };
  }
  if (sequence === 0) {
    const control = decodeSessionControl(bytes);
    if (control === null) return null;
    const isClose = control === SessionControl.close;
    const type = isClose ? "closeSession" : "keepSessionAlive";
    const text = `${isClose ? "close" : "keep alive"} session ${session}`;
    return { document: { session, command: { type } }, text };
  }
  const { document, text } = keyValueCommand(bytes, options);
  return { document: { session, sequence, command: document }, text };
}

function keyValueCommand(bytes: Uint8Array, { isWhole }: DecodeOptions): Decoded {
  const command = decodeKvCommand(bytes);
  const { type } = command;
  const text = commandText(command);
  switch (command.type) {
    case "put":
      return { document: putFields(command, isWhole), text };
    case "delete": {
      const condition = conditionFields(command.condition, isWhole);
      return { document: { type, ...keyFields(command.key), ...condition }, text };
    }
    case "deletePrefix": {
      const { key: prefix, keyEncoding } = keyFields(command.prefix);
      const encoding = keyEncoding === undefined ? {} : { keyEncoding };
      return { document: { type, prefix, ...encoding, dryRun: command.dryRun }, text };
    }
    case "increment":
      return { document: { type, ...keyFields(command.key), amount: command.amount }, text };
    default:
      return { document: { ...command }, text };
  }
}

function putFields(command: KvPut, isWhole: boolean): JsonObject {
  const { type, key, value, condition, lifetime } = command;
  return {
    type,
    ...keyFields(key),
    ...cutValue(value, isWhole),
    ...conditionFields(condition, isWhole),
    ...(lifetime === undefined
      ? {}
      : lifetime.type === "ttl"
      ? { ttlMs: lifetime.ttlMs }
      : { leaseId: lifetime.leaseId }),
  };
}

/** A value in a document; a long one is cut, and says how long it is. */
function cutValue(value: Uint8Array, isWhole: boolean): JsonObject {
  if (isWhole || value.length <= SHOWN_BYTES) return valueFields(value);
  return { ...valueFields(startOf(value)), valueBytes: value.length, valueIsCut: true };
}

function conditionFields(condition: KvCondition, isWhole: boolean): JsonObject {
  if (condition.type === "none") return {};
  if (condition.type === "value") {
    return { condition: { type: "value", ...cutValue(condition.value, isWhole) } };
  }
  return { condition: { ...condition } };
}

function commandText(command: KvCommand): string {
  switch (command.type) {
    case "put": {
      const { key, value, condition, lifetime } = command;
      const life = lifetime === undefined
        ? ""
        : lifetime.type === "ttl"
        ? ` for ${formatDuration(lifetime.ttlMs)}`
        : ` with lease ${lifetime.leaseId}`;
      return `put ${shown(key)} = ${shown(value)}${life}${conditionText(condition)}`;
    }
    case "delete":
      return `del ${shown(command.key)}${conditionText(command.condition)}`;
    case "deletePrefix":
      return `del --prefix ${shown(command.prefix)}${command.dryRun ? " (dry run)" : ""}`;
    case "increment":
      return `incr ${shown(command.key)} by ${command.amount}`;
    case "leaseGrant":
      return `grant a lease for ${formatDuration(command.ttlMs)}`;
    case "leaseKeepAlive":
      return `keep lease ${command.leaseId} alive`;
    case "leaseRevoke":
      return `revoke lease ${command.leaseId}`;
  }
}

function conditionText(condition: KvCondition): string {
  if (condition.type === "none") return "";
  if (condition.type === "revision") return ` if revision ${condition.revision}`;
  if (condition.type === "value") return ` if ${shown(condition.value)}`;
  return ` if ${condition.type}`;
}

/** Bytes in a line: control characters are spelt out, and long ones are cut. */
function shown(bytes: Uint8Array): string {
  if (bytes.length === 0) return '""';
  if (bytes.length <= SHOWN_BYTES) return printable(bytes);
  return `${printable(startOf(bytes))}… (${formatSize(bytes.length)})`;
}

/** The first bytes, cut between two characters where they are text. */
function startOf(bytes: Uint8Array): Uint8Array {
  for (let end = SHOWN_BYTES; end > SHOWN_BYTES - 4; end -= 1) {
    const start = bytes.subarray(0, end);
    if (toText(start) !== null) return start;
  }
  return bytes.subarray(0, SHOWN_BYTES);
}

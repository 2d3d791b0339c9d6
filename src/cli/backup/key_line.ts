/**
 * A key in a line of JSON, as `raft export` prints it and `raft import` reads it.
 *
 * @module
 */
import { UsageError } from "../../config/usage_error.ts";
import { KEY_BYTES_MAX, TTL_MS_MAX, VALUE_BYTES_MAX } from "../../limits.ts";
import type { ExportedItem } from "../../state_machine/export_key_values.ts";
import { keyFields, toBytes, valueFields } from "../bytes_text.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";

/** What is imported of a line. */
export interface ImportedItem {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** How long the key lives, or null for ever. */
  readonly ttlMs: number | null;
  /** Whether the key belonged to a lease, which is not imported. */
  readonly hadLease: boolean;
}

/** Fields that a line may have. The last three say how things were, and are not imported. */
const FIELDS: ReadonlySet<string> = new Set([
  ...["key", "keyEncoding", "value", "encoding", "lease", "ttlMs"],
  ...["revision", "createRevision", "version"],
]);

/** A key as the document that its line is. */
export function keyDocument(item: ExportedItem): JsonObject {
  const { key, value, revision, createRevision, version, leaseId, remainingMs } = item;
  return {
    ...keyFields(key),
    ...valueFields(value),
    revision,
    createRevision,
    version,
    ...(leaseId === null ? {} : { lease: leaseId }),
    ...(remainingMs === null ? {} : { ttlMs: remainingMs }),
  };
}

/**
 * Reads a line.
 *
 * @throws {UsageError} That says what is wrong with it.
 */
export function parseKeyLine(line: string): ImportedItem {
  const document = parseObject(line);
  for (const field of Object.keys(document)) {
    if (!FIELDS.has(field)) throw new UsageError(`there is no field "${field}"`);
  }
  const key = bytesOf(document, { field: "key", encoding: "keyEncoding" });
  const value = bytesOf(document, { field: "value", encoding: "encoding" });
  if (key.length < 1 || key.length > KEY_BYTES_MAX) {
    throw new UsageError(`its key has ${key.length} bytes, want 1 to ${KEY_BYTES_MAX}`);
  }
  if (value.length > VALUE_BYTES_MAX) {
    throw new UsageError(`its value has ${value.length} bytes, want at most ${VALUE_BYTES_MAX}`);
  }
  const ttlMs = document["ttlMs"] ?? null;
  const hadLease = (document["lease"] ?? null) !== null;
  if (ttlMs === null) {
    if (hadLease) throw new UsageError('it has a "lease" and no "ttlMs"');
    return { key, value, ttlMs: null, hadLease };
  }
  if (typeof ttlMs !== "number" || !Number.isSafeInteger(ttlMs) || ttlMs < 1) {
    throw new UsageError(`its ttlMs is ${JSON.stringify(ttlMs)}, want an integer from 1`);
  }
  if (ttlMs > TTL_MS_MAX) throw new UsageError(`its ttlMs is ${ttlMs}, want at most ${TTL_MS_MAX}`);
  return { key, value, ttlMs, hadLease };
}

function parseObject(line: string): JsonObject {
  let document: Json;
  try {
    document = JSON.parse(line) as Json;
  } catch (error) {
    throw new UsageError(`it is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (isJsonObject(document)) return document;
  throw new UsageError("it is no JSON object");
}

function bytesOf(
  document: JsonObject,
  { field, encoding }: { readonly field: string; readonly encoding: string },
): Uint8Array {
  const text = document[field];
  if (typeof text !== "string") throw new UsageError(`its "${field}" is missing, want a text`);
  const how = document[encoding] ?? "utf-8";
  // A lone surrogate would become another character.
  if (how === "utf-8" && text.isWellFormed()) return toBytes(text);
  if (how === "utf-8") throw new UsageError(`its "${field}" is no valid text: want base64`);
  if (how !== "base64") throw new UsageError(`its "${encoding}" is no encoding: want "base64"`);
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new UsageError(`its "${field}" is no base64`);
  }
}

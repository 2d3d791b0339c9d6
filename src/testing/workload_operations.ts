/**
 * The operations of simulated clients: how they are drawn, and how they look as bytes and in a
 * history.
 *
 * A large value is written in a history as its name, `B7:40000`; its bytes follow from the name,
 * and are checked when they come back.
 *
 * @module
 */
import { crc32 } from "../runtime/checksum.ts";
import {
  type KvCommand,
  type KvCondition,
  type KvResult,
  NO_CONDITION,
} from "../wire/kv_messages.ts";
import type {
  KeyValueCondition,
  KeyValueInput,
  KeyValueOutput,
} from "./checkers/key_value_model.ts";
import type { Prng } from "./prng.ts";
import type { WorkloadFeature } from "./simulation_plan.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const LARGE_NAME = /^B\d+:(\d+)$/;
const LARGE_BYTES_MIN = 8_000;
const LARGE_BYTES_MAX = 60_000;
const LARGE_CHANCE = 0.02;

/** What a client knows of a key from its last answer. */
export interface LastSeen {
  readonly revision: number;
  readonly value: string | null;
}

/** Draws an operation, among those that are enabled. */
export function drawInput(
  prng: Prng,
  features: ReadonlySet<WorkloadFeature>,
  lastSeen: LastSeen | undefined,
): KeyValueInput {
  const roll = prng.range(1, 100);
  const value = drawValue(prng, features);
  const condition = drawCondition(prng, lastSeen);
  if (roll <= 35) return { kind: "get" };
  if (roll <= 55 && features.has("increments")) {
    return { kind: "increment", by: prng.range(1, 9) };
  }
  if (roll <= 70 && features.has("conditional_puts")) return { kind: "put", value, condition };
  if (roll <= 80 && features.has("deletes")) {
    return prng.chance(0.3) ? { kind: "delete", condition } : { kind: "delete" };
  }
  return { kind: "put", value };
}

function drawValue(prng: Prng, features: ReadonlySet<WorkloadFeature>): string {
  const number = prng.range(1, 999_999);
  const isLarge = prng.chance(LARGE_CHANCE);
  const bytes = prng.range(LARGE_BYTES_MIN, LARGE_BYTES_MAX);
  return isLarge && features.has("big_values") ? `B${number}:${bytes}` : String(number);
}

function drawCondition(prng: Prng, lastSeen: LastSeen | undefined): KeyValueCondition {
  const kind = prng.pick(["absent", "present", "revision", "value"] as const);
  if (kind === "absent" || kind === "present") return { kind };
  if (kind === "value") return { kind, value: lastSeen?.value ?? "1" };
  return { kind, revision: lastSeen?.revision ?? 0 };
}

/** The command of a write. */
export function commandOf(key: string, input: KeyValueInput): KvCommand {
  const bytes = encoder.encode(key);
  switch (input.kind) {
    case "increment":
      return { type: "increment", key: bytes, amount: input.by };
    case "delete":
      return { type: "delete", key: bytes, condition: conditionOf(input.condition) };
    case "put":
      return {
        type: "put",
        key: bytes,
        value: valueBytes(input.value),
        condition: conditionOf(input.condition),
        returnPrevious: false,
      };
    case "get":
      throw new TypeError("A get is no command");
  }
}

function conditionOf(condition: KeyValueCondition | undefined): KvCondition {
  switch (condition?.kind) {
    case undefined:
      return NO_CONDITION;
    case "value":
      return { type: "value", value: valueBytes(condition.value) };
    case "revision":
      return { type: "revision", revision: condition.revision };
    default:
      return { type: condition!.kind as "absent" | "present" };
  }
}

/** An answer as a history has it. */
export function outputOf(result: KvResult): KeyValueOutput {
  switch (result.type) {
    case "put":
      return { kind: "written", revision: result.revision, created: result.created };
    case "delete":
      if (result.count === 0) return { kind: "absent" };
      return { kind: "deleted", revision: result.revision };
    case "increment":
      return { kind: "incremented", value: result.value, revision: result.revision };
    case "get":
      if (!result.found) return { kind: "absent" };
      return { kind: "found", value: valueText(result.value), revision: result.revision };
    case "conditionFailed":
    case "invalid":
      return { kind: "refused" };
    default:
      throw new TypeError(`No client asked for a ${result.type}`);
  }
}

/** What an answer says of the key: its value and revision after the operation. */
export function seenIn(input: KeyValueInput, output: KeyValueOutput): LastSeen | undefined {
  if (output.kind === "absent") return { revision: 0, value: null };
  if (output.kind === "refused" || output.revision === undefined) return undefined;
  const { revision } = output;
  switch (output.kind) {
    case "found":
      return { revision, value: output.value };
    case "incremented":
      return { revision, value: String(output.value) };
    case "written":
      return { revision, value: input.kind === "put" ? input.value : null };
    default:
      return undefined;
  }
}

function valueBytes(name: string): Uint8Array {
  const text = encoder.encode(name);
  const size = LARGE_NAME.exec(name)?.[1];
  if (size === undefined) return text;
  const bytes = new Uint8Array(Number(size));
  bytes.set(text);
  for (let at = text.length + 1; at < bytes.length; at += 1) {
    bytes[at] = (at * 31 + text[1]!) & 0xff;
  }
  return bytes;
}

function valueText(bytes: Uint8Array): string {
  if (bytes.length < LARGE_BYTES_MIN) return decoder.decode(bytes);
  const name = decoder.decode(bytes.subarray(0, bytes.indexOf(0)));
  const isWhole = LARGE_NAME.test(name) && crc32(valueBytes(name)) === crc32(bytes);
  return isWhole ? name : `${bytes.length} bytes that nobody wrote`;
}

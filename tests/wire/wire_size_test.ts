/** What a replicated put costs on the wire between peers, against the same as JSON. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeKvCommand } from "../../src/wire/kv_codec.ts";
import { NO_CONDITION } from "../../src/wire/kv_messages.ts";
import { encodePeerMessage } from "../../src/wire/peer_codec.ts";
import { appendEntries, countingBytes, records } from "./wire_samples.ts";

const key = countingBytes(16);
const value = countingBytes(128);
const commandId = countingBytes(16);
const command = encodeKvCommand({
  type: "put",
  key,
  value,
  condition: NO_CONDITION,
  returnPrevious: false,
});

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The bytes of one AppendEntries with `count` entries: ours, and as JSON. */
function sizes(count: number): { readonly ours: number; readonly json: number } {
  const payload = new Uint8Array([...commandId, ...command]);
  const batch = records(42, Array.from({ length: count }, () => payload));
  const message = appendEntries(count);
  const { entries: _, ...fields } = message;
  const entries = Array.from({ length: count }, (_, i) => ({
    index: 42 + i,
    term: 7,
    timestampMs: 1_700_000_000_000 + i,
    kind: "command",
    commandId: base64(commandId),
    command: { type: "put", key: base64(key), value: base64(value) },
  }));
  const json = new TextEncoder().encode(JSON.stringify({ ...fields, entries }) + "\n");
  return { ours: encodePeerMessage(message, [batch]).length, json: json.length };
}

test("a replicated put of 16 + 128 bytes costs fewer bytes than as JSON", () => {
  for (const count of [1, 256]) {
    const { ours, json } = sizes(count);
    const each = (bytes: number) => (bytes / count).toFixed(1);
    console.log(
      `${count} entries a message: ${each(ours)} bytes an entry, as JSON ${each(json)} ` +
        `(${(100 * ours / json).toFixed(0)} %)`,
    );
    assert(ours < 0.8 * json, `${ours} bytes are less than 80 % of ${json}`);
  }
  assert.equal(command.length, 24 + key.length + value.length);
  assert.equal(sizes(1).ours, 96 + 40 + 16 + command.length);
});

/** The key-value store: the contract of machines, a naive model, and the faults of old. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BadDataError } from "../../src/errors.ts";
import {
  KEY_BYTES_MAX,
  LIST_BYTES_MAX,
  LIST_ITEMS_MAX,
  VALUE_BYTES_MAX,
} from "../../src/limits.ts";
import { CommandGate, encodeCommandPayload } from "../../src/state_machine/command_gate.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import { makeRequestId } from "../../src/state_machine/request_id.ts";
import { stateMachineContract } from "../../src/testing/state_machine_contract.ts";
import type { Prng } from "../../src/testing/prng.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import {
  type KvCommand,
  type KvCondition,
  type KvLifetime,
  type KvQuery,
  type KvResult,
  NO_CONDITION,
} from "../../src/wire/kv_messages.ts";
import { INVALID, NaiveKeyValueStore } from "./naive_key_value_store.ts";
import { propertyRuns } from "../sampling.ts";

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function put(key: string, value: string, condition = NO_CONDITION): KvCommand {
  return { type: "put", key: bytes(key), value: bytes(value), condition, returnPrevious: false };
}

function increment(key: string, amount: number): KvCommand {
  return { type: "increment", key: bytes(key), amount };
}

const LIST_ALL: KvQuery = {
  type: "list",
  prefix: new Uint8Array(0),
  after: new Uint8Array(0),
  limit: 0,
  withValues: true,
};

/** A store and its index, spoken to in messages. */
class Replica {
  readonly store = new KeyValueStore();
  index = 0;

  apply(command: KvCommand): KvResult {
    return this.applyBytes(encodeKvCommand(command));
  }

  applyBytes(command: Uint8Array): KvResult {
    this.index += 1;
    return decodeKvResult(this.store.apply(command, { index: this.index, term: 1, logTimeMs: 0 }));
  }

  query(query: KvQuery): KvResult {
    return decodeKvResult(this.store.query(encodeKvQuery(query)));
  }

  get(key: string): string | undefined {
    const result = this.query({ type: "get", key: bytes(key) });
    assert.ok(result.type === "get");
    return result.found ? new TextDecoder().decode(result.value) : undefined;
  }

  snapshot(): Uint8Array[] {
    return [...{ [Symbol.iterator]: () => this.store.takeSnapshot() }];
  }
}

async function* asyncChunks(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

function randomBytes(prng: Prng, lengthMax: number): Uint8Array {
  return prng.fill(new Uint8Array(prng.range(0, lengthMax)));
}

function randomLifetime(prng: Prng): KvLifetime {
  if (prng.chance(0.5)) return { type: "ttl", ttlMs: prng.range(1, 200) };
  return { type: "lease", leaseId: prng.range(1, 300) };
}

function randomCommand(prng: Prng): Uint8Array {
  const key = Uint8Array.from([prng.pick([0, 97, 255]), ...bytes(`key-${prng.range(0, 9)}`)]);
  const condition = prng.pick<KvCondition>([
    NO_CONDITION,
    { type: "absent" },
    { type: "present" },
    { type: "revision", revision: prng.range(0, 20) },
    { type: "value", value: bytes("7") },
  ]);
  const value = prng.chance(0.1) ? randomBytes(prng, 3000) : bytes(String(prng.range(0, 9)));
  const returnPrevious = prng.chance(0.3);
  // Seldom a whole range of keys, or there would hardly be any.
  const prefix = key.subarray(0, prng.chance(0.1) ? 1 : key.length);
  return encodeKvCommand(prng.pick<KvCommand>([
    { type: "put", key, value, condition, returnPrevious },
    { type: "put", key, value, condition: NO_CONDITION, returnPrevious: false },
    { type: "delete", key, condition },
    { type: "increment", key, amount: prng.range(0, 10) - 5 },
    { type: "deletePrefix", prefix, dryRun: prng.chance(0.5) },
    { type: "put", key, value, condition, returnPrevious, lifetime: randomLifetime(prng) },
    { type: "leaseGrant", ttlMs: prng.range(1, 500) },
    { type: "leaseKeepAlive", leaseId: prng.range(1, 300) },
    { type: "leaseRevoke", leaseId: prng.range(1, 300) },
  ]));
}

stateMachineContract({
  name: "key-value store",
  createMachine: () => new KeyValueStore(),
  createCommand: randomCommand,
  queries: [
    LIST_ALL,
    { ...LIST_ALL, withValues: false, limit: 3 },
    { type: "leases", afterId: 0, limit: 0 } as const,
  ].map(encodeKvQuery),
});

/** Few keys that share beginnings, with the bytes at both ends of the range. */
const keyArbitrary = fc.uint8Array({ minLength: 0, maxLength: 2 }).map((key) =>
  key.map((byte) => [0, 97, 128, 255][byte % 4]!)
);
const integerArbitrary = fc.constantFrom(
  ...[0, 1, -1, 5, -9, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
);
const valueArbitrary = fc.oneof(
  fc.uint8Array({ maxLength: 5 }),
  integerArbitrary.map((integer) => bytes(String(integer))),
  fc.constantFrom("", "-", "-0", "007", "+1", "1e3", " 1", "9007199254740992").map(bytes),
);
const conditionArbitrary: fc.Arbitrary<KvCondition> = fc.oneof(
  fc.constant(NO_CONDITION),
  fc.constantFrom<KvCondition>({ type: "absent" }, { type: "present" }),
  fc.nat(60).map((revision): KvCondition => ({ type: "revision", revision })),
  valueArbitrary.map((value): KvCondition => ({ type: "value", value })),
);
const commandArbitrary: fc.Arbitrary<KvCommand> = fc.oneof(
  fc.record({
    type: fc.constant("put" as const),
    key: keyArbitrary,
    value: valueArbitrary,
    condition: conditionArbitrary,
    returnPrevious: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("delete" as const),
    key: keyArbitrary,
    condition: conditionArbitrary,
  }),
  fc.record({
    type: fc.constant("deletePrefix" as const),
    prefix: keyArbitrary,
    dryRun: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("increment" as const),
    key: keyArbitrary,
    amount: integerArbitrary,
  }),
);
const queryArbitrary: fc.Arbitrary<KvQuery> = fc.oneof(
  fc.record({ type: fc.constant("get" as const), key: keyArbitrary }),
  fc.record({
    type: fc.constant("list" as const),
    prefix: keyArbitrary,
    after: keyArbitrary,
    limit: fc.nat(4),
    withValues: fc.boolean(),
  }),
);

/** The result with its text for people taken out. */
function withoutMessage(result: KvResult): KvResult {
  return result.type === "invalid" ? INVALID : result;
}

/** Results hold views of other classes and offsets: makes them plain. */
function plain(result: KvResult): unknown {
  return JSON.parse(JSON.stringify(
    withoutMessage(result),
    (_name, value) => value instanceof Uint8Array ? [...value] : value,
  ));
}

describe("key_value_store", () => {
  it("answers like a naive map, snapshots under way or not", () => {
    const step = fc.record({
      command: commandArbitrary,
      query: queryArbitrary,
      snapshot: fc.constantFrom("none", "none", "none", "start"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const replica = new Replica();
        const naive = new NaiveKeyValueStore();
        const views: { view: Iterator<Uint8Array, void>; want: Uint8Array[] }[] = [];
        for (const [number, { command, query, snapshot }] of steps.entries()) {
          assert.deepEqual(plain(replica.apply(command)), plain(naive.apply(command, number + 1)));
          assert.deepEqual(plain(replica.query(query)), plain(naive.query(query)));
          if (snapshot === "none") continue;
          views.push({ want: replica.snapshot(), view: replica.store.takeSnapshot() });
        }
        assert.deepEqual(plain(replica.query(LIST_ALL)), plain(naive.query(LIST_ALL)));
        for (const { view, want } of views) {
          assert.deepEqual([...{ [Symbol.iterator]: () => view }], want);
        }
      }),
      propertyRuns(300),
    );
  });

  it("ancestor A8: an empty command is answered", () => {
    assert.equal(new Replica().applyBytes(new Uint8Array(0)).type, "invalid");
  });

  it("ancestor A14: compare-and-set on a missing key is an answer on every replica", () => {
    const conditions: KvCondition[] = [
      { type: "value", value: bytes("old") },
      { type: "revision", revision: 3 },
      { type: "present" },
    ];
    const replicas = [new Replica(), new Replica(), new Replica()];
    for (const condition of conditions) {
      for (const replica of replicas) {
        const failed = { type: "conditionFailed", revision: 0, current: null };
        assert.deepEqual(replica.apply(put("missing", "new", condition)), failed);
        const remove: KvCommand = { type: "delete", key: bytes("missing"), condition };
        assert.deepEqual(replica.apply(remove), failed);
        assert.equal(replica.get("missing"), undefined);
      }
    }
    for (const replica of replicas) assert.equal(replica.apply(put("next", "1")).type, "put");
  });

  it("trap 51: whatever a command holds, the answer is the same and the store goes on", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (commands) => {
      const [one, other] = [new Replica(), new Replica()];
      for (const command of commands) {
        assert.deepEqual(one.applyBytes(command), other.applyBytes(command));
      }
      assert.equal(one.apply(put("k", "v")).type, "put");
    }));
  });

  it("trap 56: an increment never leaves the integers that a number holds exactly", () => {
    const replica = new Replica();
    const max = Number.MAX_SAFE_INTEGER;
    assert.equal(replica.apply(increment("up", max)).type, "increment");
    assert.equal(replica.apply(increment("up", 1)).type, "invalid");
    assert.equal(replica.get("up"), String(max));
    assert.equal(replica.apply(increment("down", -max)).type, "increment");
    assert.equal(replica.apply(increment("down", -1)).type, "invalid");
    replica.apply(put("text", "9007199254740992"));
    assert.equal(replica.apply(increment("text", -1)).type, "invalid");
    assert.equal(replica.get("text"), "9007199254740992");
  });

  it("increment counts a missing key as 0 and writes decimal text", () => {
    const replica = new Replica();
    assert.deepEqual(replica.apply(increment("n", 5)), {
      type: "increment",
      revision: 1,
      value: 5,
    });
    replica.apply(increment("n", -12));
    assert.equal(replica.get("n"), "-7");
    replica.apply(increment("n", 7));
    assert.equal(replica.get("n"), "0");
    replica.apply(put("word", "x"));
    assert.equal(replica.apply(increment("word", 1)).type, "invalid");
    assert.equal(replica.get("word"), "x");
  });

  it("put keeps the limits of keys and values", () => {
    const replica = new Replica();
    const attempt = (keyBytes: number, valueBytes: number): string =>
      replica.apply({
        type: "put",
        key: new Uint8Array(keyBytes),
        value: new Uint8Array(valueBytes),
        condition: NO_CONDITION,
        returnPrevious: false,
      }).type;
    assert.equal(attempt(0, 1), "invalid");
    assert.equal(attempt(KEY_BYTES_MAX + 1, 1), "invalid");
    assert.equal(attempt(1, VALUE_BYTES_MAX + 1), "invalid");
    assert.equal(attempt(KEY_BYTES_MAX, 0), "put");
    assert.equal(attempt(1, VALUE_BYTES_MAX), "put");
    assert.equal(replica.store.keyCount, 2);
  });

  it("list answers within its limits and says that there is more", () => {
    const replica = new Replica();
    for (let i = 0; i <= LIST_ITEMS_MAX; i += 1) replica.apply(put(`a${i}`, ""));
    const many = replica.query({ ...LIST_ALL, limit: 4_000_000_000 });
    assert.ok(many.type === "list" && many.more && many.items.length === LIST_ITEMS_MAX);
    const half = "x".repeat(LIST_BYTES_MAX / 2);
    for (const key of ["b1", "b2", "b3"]) replica.apply(put(key, half));
    replica.apply(put("b4", half + half + half));
    const pages: string[][] = [];
    for (let after = "b"; after !== "b4";) {
      const page = replica.query({ ...LIST_ALL, prefix: bytes("b"), after: bytes(after) });
      assert.ok(page.type === "list");
      pages.push(page.items.map(({ key }) => new TextDecoder().decode(key)));
      after = pages.at(-1)!.at(-1)!;
      assert.equal(page.more, after !== "b4");
    }
    assert.deepEqual(pages, [["b1"], ["b2"], ["b3"], ["b4"]]);
  });

  it("orders keys by their bytes", () => {
    const replica = new Replica();
    const keys = [[0], [0, 0], [0, 255], [1], [127], [128], [128, 1], [0xc3, 0xa4], [255], [
      255,
      0,
    ]];
    for (const key of [...keys].reverse()) {
      replica.apply({
        type: "put",
        key: Uint8Array.from(key),
        value: new Uint8Array(0),
        condition: NO_CONDITION,
        returnPrevious: false,
      });
    }
    const result = replica.query(LIST_ALL);
    assert.ok(result.type === "list");
    assert.deepEqual(result.items.map(({ key }) => [...key]), keys);
  });

  it("trap 52: what was applied and what was answered survive a snapshot together", async () => {
    const gate = new CommandGate(new KeyValueStore());
    const payload = encodeCommandPayload(
      makeRequestId(5, new Uint8Array(10)),
      encodeKvCommand(increment("n", 1)),
    );
    const first = gate.applyEntry(payload, { index: 1, term: 1, logTimeMs: 5 });
    const restored = new CommandGate(new KeyValueStore());
    const chunks = [...{ [Symbol.iterator]: () => gate.takeSnapshot() }];
    await restored.restoreSnapshot(asyncChunks(chunks));
    const again = restored.applyEntry(payload, { index: 2, term: 1, logTimeMs: 6 });
    assert.ok(first.type === "applied" && again.type === "duplicate");
    assert.deepEqual(again.result, first.result);
    const get = encodeKvQuery({ type: "get", key: bytes("n") });
    const result = decodeKvResult(restored.query(get));
    assert.ok(result.type === "get" && new TextDecoder().decode(result.value) === "1");
  });

  it("restoreSnapshot takes values that are longer than a chunk", async () => {
    const replica = new Replica();
    const value = new Uint8Array(3_000_000).map((_, i) => i * 7);
    for (const key of ["a", "b"]) {
      const command = { type: "put", condition: NO_CONDITION, returnPrevious: false } as const;
      replica.apply({ ...command, key: bytes(key), value });
    }
    const restored = new KeyValueStore();
    await restored.restoreSnapshot(asyncChunks(replica.snapshot()));
    const answer = restored.query(encodeKvQuery({ type: "get", key: bytes("b") }));
    const result = decodeKvResult(answer);
    assert.ok(result.type === "get" && result.value.length === value.length);
    assert.ok(result.value.every((byte, i) => byte === value[i]));
  });

  it("restoreSnapshot rejects a flipped bit anywhere and keeps the state", async () => {
    const replica = new Replica();
    for (let i = 0; i < 10; i += 1) replica.apply(put(`key-${i}`, `value-${i}`));
    const [frame, ...rest] = replica.snapshot();
    assert.equal(rest.length, 0);
    for (let at = 0; at < frame!.length; at += 1) {
      const wrong = frame!.slice();
      wrong[at]! ^= 1 << (at % 8);
      await assert.rejects(
        replica.store.restoreSnapshot(asyncChunks([wrong])),
        BadDataError,
        `Byte ${at}`,
      );
    }
    assert.equal(replica.get("key-3"), "value-3");
  });
});

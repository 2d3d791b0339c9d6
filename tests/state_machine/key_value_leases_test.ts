/** Leases and times to live: a naive model, jumps of log time, snapshots and bounds. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BadDataError } from "../../src/errors.ts";
import { EXPIRIES_PER_ENTRY_MAX, LIST_ITEMS_MAX, TTL_MS_MAX } from "../../src/limits.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import {
  type KvCommand,
  type KvLifetime,
  type KvQuery,
  type KvResult,
  NO_CONDITION,
} from "../../src/wire/kv_messages.ts";
import { INVALID, NaiveKeyValueStore } from "./naive_key_value_store.ts";
import { propertyRuns } from "../sampling.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NO_BYTES = new Uint8Array(0);
const ALL_KEYS: KvQuery = {
  type: "list",
  prefix: NO_BYTES,
  after: NO_BYTES,
  limit: 0,
  withValues: true,
};

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function put(key: string, lifetime?: KvLifetime): KvCommand {
  const command = { key: bytes(key), value: bytes("v"), condition: NO_CONDITION };
  const plain = { type: "put" as const, ...command, returnPrevious: false };
  return lifetime === undefined ? plain : { ...plain, lifetime };
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

/** A store, its index and its log time. */
class Replica {
  store = new KeyValueStore();
  index = 0;
  nowMs = 0;

  get context(): { index: number; term: number; logTimeMs: number } {
    return { index: this.index, term: 1, logTimeMs: this.nowMs };
  }

  apply(command: KvCommand): KvResult {
    this.index += 1;
    return decodeKvResult(this.store.apply(encodeKvCommand(command), this.context));
  }

  tick(): void {
    this.index += 1;
    this.store.tick(this.context);
  }

  query(query: KvQuery, logTimeMs = 0): KvResult {
    return decodeKvResult(this.store.query(encodeKvQuery(query), { logTimeMs }));
  }

  grant(ttlMs: number): number {
    const granted = this.apply({ type: "leaseGrant", ttlMs });
    assert.ok(granted.type === "lease");
    return granted.lease.id;
  }

  get keys(): string[] {
    const all = this.query(ALL_KEYS);
    assert.ok(all.type === "list");
    return all.items.map(({ key }) => new TextDecoder().decode(key));
  }

  get snapshot(): Uint8Array[] {
    return [...{ [Symbol.iterator]: () => this.store.takeSnapshot() }];
  }

  async restart(): Promise<void> {
    const { snapshot } = this;
    this.store = new KeyValueStore();
    await this.store.restoreSnapshot(once(snapshot));
  }
}

/** Makes results of both stores plain, without the texts for people. */
function plain(result: KvResult): unknown {
  return JSON.parse(JSON.stringify(
    result.type === "invalid" ? INVALID : result,
    (_name, value) => value instanceof Uint8Array ? [...value] : value,
  ));
}

const keyArbitrary = fc.constantFrom("a", "ab", "b", "c", "ca").map(bytes);
const ttlArbitrary = fc.constantFrom(0, 1, 5, 20, 100, DAY_MS, TTL_MS_MAX + 1);
const leaseIdArbitrary = fc.integer({ min: 1, max: 25 });
const lifetimeArbitrary: fc.Arbitrary<KvLifetime> = fc.oneof(
  fc.record({ type: fc.constant("ttl" as const), ttlMs: ttlArbitrary }),
  fc.record({ type: fc.constant("lease" as const), leaseId: leaseIdArbitrary }),
);
const putArbitrary = fc.record({
  type: fc.constant("put" as const),
  key: keyArbitrary,
  value: fc.constantFrom("1", "22").map(bytes),
  condition: fc.constantFrom({ type: "none" as const }, { type: "absent" as const }),
  returnPrevious: fc.boolean(),
});
const commandArbitrary: fc.Arbitrary<KvCommand> = fc.oneof(
  putArbitrary,
  fc.tuple(putArbitrary, lifetimeArbitrary).map(([one, lifetime]) => ({ ...one, lifetime })),
  fc.tuple(putArbitrary, lifetimeArbitrary).map(([one, lifetime]) => ({ ...one, lifetime })),
  fc.record({ type: fc.constant("leaseGrant" as const), ttlMs: ttlArbitrary }),
  fc.record({ type: fc.constant("leaseGrant" as const), ttlMs: ttlArbitrary }),
  fc.record({
    type: fc.constantFrom("leaseKeepAlive" as const, "leaseRevoke" as const),
    leaseId: leaseIdArbitrary,
  }),
  fc.record({
    type: fc.constant("delete" as const),
    key: keyArbitrary,
    condition: fc.constant(NO_CONDITION),
  }),
  fc.record({
    type: fc.constant("deletePrefix" as const),
    prefix: fc.constantFrom("", "a", "c").map(bytes),
    dryRun: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("increment" as const),
    key: keyArbitrary,
    amount: fc.constant(1),
  }),
);
const stepArbitrary = fc.record({
  passMs: fc.constantFrom(0, 0, 0, 1, 1, 5, 19, 20, 100, DAY_MS),
  command: fc.option(commandArbitrary, { freq: 8 }),
  leaseId: leaseIdArbitrary,
});

describe("key_value_leases", () => {
  it("answers like a naive map, restored from snapshots or not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(stepArbitrary, { maxLength: 50, size: "max" }),
        fc.nat(49),
        async (steps, cut) => {
          const replica = new Replica();
          const restored = new Replica();
          const naive = new NaiveKeyValueStore();
          for (const [number, { passMs, command, leaseId }] of steps.entries()) {
            replica.nowMs = restored.nowMs = replica.nowMs + passMs;
            if (command === null) {
              replica.tick();
              restored.tick();
              naive.tick(replica.index, replica.nowMs);
            } else {
              const result = plain(replica.apply(command));
              assert.deepEqual(result, plain(restored.apply(command)));
              assert.deepEqual(result, plain(naive.apply(command, replica.index, replica.nowMs)));
            }
            const queries: KvQuery[] = [
              ALL_KEYS,
              { type: "leases", afterId: leaseId % 3, limit: 2 },
              { type: "lease", leaseId, after: bytes("a"), limit: 2 },
            ];
            for (const query of queries) {
              assert.deepEqual(plain(replica.query(query)), plain(naive.query(query)));
            }
            assert.equal(replica.store.nextDeadlineMs(), naive.nextDeadlineMs);
            if (number === cut) await restored.restart();
          }
          assert.deepEqual(restored.snapshot, replica.snapshot);
          assert.deepEqual(restored.store.stateHash(), replica.store.stateHash());
        },
      ),
      propertyRuns(300),
    );
  });

  it("a put without a lifetime detaches the key, an increment does not", () => {
    const replica = new Replica();
    replica.apply({ ...put("n", { type: "ttl", ttlMs: 10 }), value: bytes("1") } as KvCommand);
    replica.apply({ type: "increment", key: bytes("n"), amount: 1 });
    const lease = replica.grant(10);
    replica.apply(put("kept", { type: "lease", leaseId: lease }));
    replica.apply(put("gone", { type: "lease", leaseId: lease }));
    replica.apply(put("kept"));
    replica.nowMs = 10;
    replica.tick();
    assert.deepEqual(replica.keys, ["kept"]);
    assert.equal(replica.store.nextDeadlineMs(), null);
  });

  it("trap 54: who holds a key has a revision that is larger than every holder's before", () => {
    const replica = new Replica();
    const revisions: number[] = [];
    for (let holder = 0; holder < 4; holder += 1) {
      const leaseId = replica.grant(10);
      const take = { ...put("lock", { type: "lease", leaseId }), condition: { type: "absent" } };
      const taken = replica.apply(take as KvCommand);
      assert.ok(taken.type === "put");
      revisions.push(taken.revision);
      assert.equal(replica.apply(take as KvCommand).type, "conditionFailed");
      // Every other holder goes away without a word, and its lease ends.
      if (holder % 2 === 0) replica.apply({ type: "leaseRevoke", leaseId });
      else replica.nowMs += 10;
      replica.tick();
      assert.deepEqual(replica.keys, []);
    }
    assert.deepEqual(revisions, revisions.toSorted((a, b) => a - b));
    assert.equal(new Set(revisions).size, 4);
  });

  it("expires by log time that jumps by a day in one entry, before its command", () => {
    const replica = new Replica();
    const lease = replica.grant(1000);
    replica.apply(put("leased", { type: "lease", leaseId: lease }));
    replica.apply(put("timed", { type: "ttl", ttlMs: DAY_MS }));
    replica.nowMs = DAY_MS;
    const answer = replica.apply({ type: "leaseKeepAlive", leaseId: lease });
    assert.deepEqual(plain(answer), { type: "leaseNotFound", revision: 4, leaseId: lease });
    const created = replica.apply(put("timed"));
    assert.ok(created.type === "put" && created.created, "it had expired");
    assert.deepEqual(replica.keys, ["timed"]);
  });

  it("tells what remains by the log time of the node that answers", () => {
    const replica = new Replica();
    const lease = replica.grant(1000);
    const remaining = (logTimeMs: number): number => {
      const shown = replica.query(
        { type: "lease", leaseId: lease, after: NO_BYTES, limit: 0 },
        logTimeMs,
      );
      assert.ok(shown.type === "lease");
      return shown.lease.remainingMs;
    };
    assert.deepEqual([0, 400, 1000, 5000].map(remaining), [1000, 600, 0, 0]);
  });

  it("removes so many keys an entry, in the same order on a restored replica", async () => {
    const replica = new Replica();
    const lease = replica.grant(100);
    const count = EXPIRIES_PER_ENTRY_MAX + 500;
    for (let i = count; i > 0; i -= 1) {
      const lifetime: KvLifetime = i % 2 === 0
        ? { type: "lease", leaseId: lease }
        : { type: "ttl", ttlMs: 50 + (i % 7) };
      replica.apply(put(`key-${i}`, lifetime));
    }
    const restored = new Replica();
    Object.assign(restored, { store: replica.store, index: replica.index });
    await restored.restart();
    for (const one of [replica, restored]) {
      one.nowMs = 100;
      one.tick();
      assert.equal(one.store.keyCount, count + 1 - EXPIRIES_PER_ENTRY_MAX);
      assert.equal(one.store.leaseCount, 0);
      assert.ok(one.store.nextDeadlineMs()! <= 100, "another tick is due at once");
    }
    assert.deepEqual(restored.snapshot, replica.snapshot);
    replica.tick();
    restored.tick();
    assert.deepEqual(restored.snapshot, replica.snapshot);
    assert.deepEqual(restored.store.stateHash(), replica.store.stateHash());
    assert.equal(replica.store.keyCount, 0);
    assert.equal(replica.store.nextDeadlineMs(), null);
  });

  it("goes on ending a lease with many keys on a restored replica", async () => {
    const replica = new Replica();
    const lease = replica.grant(100);
    for (let i = 0; i < EXPIRIES_PER_ENTRY_MAX + 10; i += 1) {
      replica.apply(put(`key-${i}`, { type: "lease", leaseId: lease }));
    }
    replica.nowMs = 100;
    replica.tick();
    assert.equal(replica.store.keyCount, 11);
    assert.deepEqual(replica.query({ type: "leases", afterId: 0, limit: 0 }), {
      type: "leases",
      revision: replica.index,
      leases: [],
      more: false,
    });
    await replica.restart();
    assert.equal(replica.store.nextDeadlineMs(), 0);
    assert.equal(
      replica.apply(put("new", { type: "lease", leaseId: lease })).type,
      "leaseNotFound",
    );
    assert.equal(replica.store.keyCount, 0);
  });

  it("shows the keys of a lease page by page", () => {
    const replica = new Replica();
    const lease = replica.grant(100);
    const count = LIST_ITEMS_MAX + 3;
    for (let i = 0; i < count; i += 1) {
      replica.apply(put(String(i).padStart(5, "0"), { type: "lease", leaseId: lease }));
    }
    const query = { type: "lease", leaseId: lease, after: NO_BYTES, limit: 0 } as const;
    const first = replica.query(query);
    assert.ok(first.type === "lease" && first.more && first.items.length === LIST_ITEMS_MAX);
    assert.equal(first.lease.keyCount, count);
    const rest = replica.query({ ...query, after: first.items.at(-1)!.key });
    assert.ok(rest.type === "lease" && !rest.more && rest.items.length === 3);
  });

  it("trap 51: stops at a command that only a newer program knows, and refuses it before", () => {
    const replica = new Replica();
    const newer = encodeKvCommand({ type: "leaseGrant", ttlMs: 5 });
    const tag = newer.findIndex((byte, at) => at >= 8 && byte === 5);
    newer[tag] = 200;
    assert.match(replica.store.refusal(newer) ?? "", /does not know/);
    assert.throws(
      () => replica.store.apply(newer, { index: 1, term: 1, logTimeMs: 0 }),
      (error) => error instanceof BadDataError && /entry 1/.test(error.message),
    );
    // Bytes that are nothing at all are a mistake of a user, and an answer.
    const garbage = Uint8Array.of(1, 2, 3);
    assert.equal(replica.store.refusal(garbage), null);
    const answer = decodeKvResult(replica.store.apply(garbage, replica.context));
    assert.equal(answer.type, "invalid");
    assert.equal(replica.store.refusal(encodeKvCommand(put("a"))), null);
  });
});

/** The generator: the same numbers on every runtime, evenly spread. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drawLatencyMs } from "../../src/testing/latency.ts";
import { Prng } from "../../src/testing/prng.ts";
import { TraceHash } from "../../src/testing/trace_hash.ts";

test("prng gives the same numbers for a seed on every runtime", () => {
  const prng = new Prng(42);
  const drawn = Array.from({ length: 4 }, () => prng.uint32());
  assert.deepEqual(drawn, [4140760339, 2276429017, 561875936, 2428866979]);
});

test("prng fork depends on seed and label, not on what was drawn", () => {
  const early = new Prng("a").fork("disk");
  const parent = new Prng("a");
  for (let draw = 0; draw < 100; draw++) parent.uint32();
  const late = parent.fork("disk");
  const other = parent.fork("network");
  const first = early.uint32();
  assert.equal(late.uint32(), first);
  assert.notEqual(other.uint32(), first);
});

test("prng range reaches both ends evenly", () => {
  const prng = new Prng(1);
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 100_000; draw++) {
    const value = prng.range(-3, 6);
    counts[value + 3] = (counts[value + 3] as number) + 1;
  }
  for (const count of counts) assert.ok(count > 9_500 && count < 10_500, `count ${count}`);
});

test("prng chance of 0 never and of 1 always happens", () => {
  const prng = new Prng(2);
  let hits = 0;
  for (let draw = 0; draw < 10_000; draw++) {
    assert.equal(prng.chance(0), false);
    assert.equal(prng.chance(1), true);
    if (prng.chance(0.25)) hits++;
  }
  assert.ok(hits > 2_300 && hits < 2_700, `hits ${hits}`);
});

test("prng shuffle keeps the items and pick finds each", () => {
  const prng = new Prng(3);
  const items = prng.shuffle([1, 2, 3, 4, 5]);
  assert.deepEqual(items.toSorted((one, other) => one - other), [1, 2, 3, 4, 5]);
  const picked = new Set(Array.from({ length: 100 }, () => prng.pick(items)));
  assert.equal(picked.size, 5);
});

test("drawLatencyMs stays within its bounds on whole steps", () => {
  const prng = new Prng(4);
  const latency = { minMs: 1, typicalMs: 2, tailChance: 0.1, tailMs: 10 };
  let tails = 0;
  for (let draw = 0; draw < 10_000; draw++) {
    const waitMs = drawLatencyMs(prng, latency);
    assert.ok(waitMs >= 1 && waitMs <= 10);
    assert.equal(waitMs * 1024 % 1, 0);
    if (waitMs > 2.001) tails++;
  }
  assert.ok(tails > 800 && tails < 1_200, `tails ${tails}`);
});

test("trace hash depends on order and tells 0 from nothing", () => {
  const digestOf = (add: (hash: TraceHash) => void) => {
    const hash = new TraceHash();
    add(hash);
    return hash.digest();
  };
  const one = digestOf((hash) => {
    hash.addNumber(1.5);
    hash.addText("a");
  });
  const other = digestOf((hash) => {
    hash.addText("a");
    hash.addNumber(1.5);
  });
  assert.notEqual(one, other);
  assert.notEqual(digestOf((hash) => hash.addWord(0)), digestOf(() => {}));
  assert.equal(digestOf((hash) => hash.addBytes(new Uint8Array([1, 2, 3, 4, 5]))).length, 16);
  const digests = new Set(
    Array.from({ length: 20_000 }, (_, word) => digestOf((hash) => hash.addWord(word))),
  );
  assert.equal(digests.size, 20_000);
});

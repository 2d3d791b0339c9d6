import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Durability } from "../../src/consensus/durability.ts";

describe("durability", () => {
  it("starts with everything durable", () => {
    assert.equal(new Durability(7).durableIndex, 7);
  });

  it("completed covers the appends of all records up to the sequence", () => {
    const durability = new Durability(0);
    durability.appended(1, 2);
    durability.appended(2, 5);
    durability.appended(4, 6);
    durability.completed(3);
    assert.equal(durability.durableIndex, 5);
    durability.completed(4);
    assert.equal(durability.durableIndex, 6);
  });

  it("completed changes nothing when it is late or repeated", () => {
    const durability = new Durability(3);
    durability.appended(5, 4);
    durability.completed(5);
    durability.completed(5);
    durability.completed(2);
    assert.equal(durability.durableIndex, 4);
  });

  it("appended joins the appends of one record", () => {
    const durability = new Durability(0);
    durability.appended(1, 2);
    durability.appended(1, 4);
    durability.completed(1);
    assert.equal(durability.durableIndex, 4);
  });

  it("trap 25: a completion does not cover entries that overwrote its own", () => {
    const durability = new Durability(1);
    durability.appended(1, 5);
    durability.truncated(2);
    durability.appended(2, 6);
    durability.completed(1);
    assert.equal(durability.durableIndex, 2, "only what both logs share");
    durability.completed(2);
    assert.equal(durability.durableIndex, 6);
  });

  it("trap 25: a truncation takes back what was durable", () => {
    const durability = new Durability(9);
    durability.truncated(4);
    assert.equal(durability.durableIndex, 4);
    durability.appended(1, 9);
    assert.equal(durability.durableIndex, 4);
  });

  it("equals a log that knows who wrote each entry", () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("append" as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ type: fc.constant("truncate" as const), part: fc.nat(100) }),
      fc.record({ type: fc.constant("complete" as const), part: fc.nat(100) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const durability = new Durability(0);
      /** The record that wrote each entry. */
      let writers: number[] = [];
      let sequence = 0;
      let completed = 0;
      for (const one of steps) {
        if (one.type === "append") {
          sequence += 1;
          for (let entry = 0; entry < one.count; entry += 1) writers.push(sequence);
          durability.appended(sequence, writers.length);
        } else if (one.type === "truncate") {
          if (writers.length === 0) continue;
          writers = writers.slice(0, Math.floor(one.part * writers.length / 101));
          durability.truncated(writers.length);
        } else {
          completed = Math.max(completed, Math.floor(one.part * (sequence + 1) / 101));
          durability.completed(completed);
        }
        const firstUnsynced = writers.findIndex((writer) => writer > completed);
        const expected = firstUnsynced < 0 ? writers.length : firstUnsynced;
        assert.equal(durability.durableIndex, expected);
      }
    }));
  });
});

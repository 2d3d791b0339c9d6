/** The hash table of the ids against a plain map. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { hashRequestId, RequestIdIndex } from "../../src/state_machine/request_id_index.ts";

describe("request_id_index", () => {
  it("finds what was added and not removed, whatever collides", () => {
    const step = fc.record({
      // Few hashes, and some that share their low bits: collisions, runs, and wrapping around.
      hash: fc.constantFrom(1, 2, 3, 15, 16, 17, 31, 32, 33, 63, -1, -17),
      isAdd: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      // Two places: it grows on the way.
      const index = new RequestIdIndex(16, 2);
      const held = new Map<number, number>();
      for (const [position, { hash, isAdd }] of steps.entries()) {
        if (isAdd && held.size < 16) {
          index.add(hash, position);
          held.set(position, hash);
        } else {
          const victim = [...held].find((pair) => pair[1] === hash);
          if (victim === undefined) continue;
          index.remove(index.placeOf(hash, victim[0]));
          held.delete(victim[0]);
        }
        for (const [each, itsHash] of held) {
          assert.equal(index.positionAt(index.placeOf(itsHash, each)), each);
        }
        assert.equal(index.placeOf(hash, 1000), -1);
      }
    }));
  });

  it("holds as many ids as it was made for, and no more", () => {
    const index = new RequestIdIndex(10_000);
    for (let id = 1; id <= 10_000; id += 1) index.add(Math.imul(id, 0x9e3779b9), id);
    for (let id = 1; id <= 10_000; id += 1) {
      assert.ok(index.placeOf(Math.imul(id, 0x9e3779b9), id) >= 0);
    }
    assert.throws(() => index.add(7, 7), /holds 10000 of 10000 ids/);
  });

  it("hashRequestId is never 0 and spreads over ids that differ in one byte", () => {
    const hashes = new Set<number>();
    for (let at = 0; at < 16; at += 1) {
      for (let byte = 1; byte < 256; byte += 1) {
        const id = new Uint8Array(18);
        id[at + 2] = byte;
        const hash = hashRequestId(id, 2);
        assert.ok(hash !== 0 && hash === (hash | 0));
        hashes.add(hash & 0xffff);
      }
    }
    assert.ok(hashes.size > 3800, `Only ${hashes.size} of 4080 differ in 16 bits`);
  });
});

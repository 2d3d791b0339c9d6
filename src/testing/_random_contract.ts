/**
 * The part of the runtime contract about randomness.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ContractTest } from "./runtime_harness.ts";

/** The tests of randomness. */
export const randomContract: readonly ContractTest[] = [
  {
    name: "uint32 spreads over the whole range",
    body: async ({ runtime }) => {
      const drawn = Array.from({ length: 4000 }, () => runtime.random.uint32());
      for (const value of drawn) {
        assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32, `Drew ${value}`);
      }
      // Each of 32 slices gets 125 of 4000 in the mean, and never none.
      const slices = new Set(drawn.map((value) => Math.floor(value / 2 ** 27)));
      assert.equal(slices.size, 32);
    },
  },
  {
    name: "fill fills the given bytes and no others",
    body: async ({ runtime }) => {
      const memory = new Uint8Array(200_000);
      const target = memory.subarray(1000, 199_000);
      assert.equal(runtime.random.fill(target), target);
      assert.deepEqual(memory.subarray(0, 1000), new Uint8Array(1000));
      assert.deepEqual(memory.subarray(199_000), new Uint8Array(1000));
      // 64 zeros in a row do not happen by chance.
      for (let start = 1000; start < 199_000 - 64; start += 64) {
        assert.ok(memory.subarray(start, start + 64).some((byte) => byte !== 0), `At ${start}`);
      }
      assert.equal(runtime.random.fill(new Uint8Array(0)).length, 0);
    },
  },
];

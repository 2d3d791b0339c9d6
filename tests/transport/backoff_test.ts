import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import type { Random } from "../../src/runtime/runtime.ts";
import { Backoff } from "../../src/transport/backoff.ts";

/** Always draws the same number. */
function constantRandom(value: number): Random {
  return { uint32: () => value, fill: (target) => target };
}

/** The first `count` delays. */
function delays(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextMs());
}

const bounds = { firstMs: 50, maxMs: 1_000 };

describe("Backoff", () => {
  it("doubles up to the largest bound", () => {
    const backoff = new Backoff(constantRandom(0), bounds);
    assert.deepEqual(delays(backoff, 7), [25, 50, 100, 200, 400, 500, 500]);
  });

  it("draws between half and all of the bound", () => {
    const largest = delays(new Backoff(constantRandom(0xffffffff), bounds), 6);
    for (const [i, boundMs] of [50, 100, 200, 400, 800, 1_000].entries()) {
      assert.ok(largest[i]! < boundMs && largest[i]! > boundMs - 1, `${largest[i]} of ${boundMs}`);
    }
    const middle = new Backoff(constantRandom(0x80000000), bounds);
    assert.deepEqual(delays(middle, 2), [37.5, 75]);
  });

  it("starts anew after a success", () => {
    const backoff = new Backoff(constantRandom(0), bounds);
    delays(backoff, 5);
    backoff.reset();
    assert.deepEqual(delays(backoff, 2), [25, 50]);
  });

  it("refuses bounds that are none", () => {
    const random = constantRandom(0);
    assert.throws(() => new Backoff(random, { firstMs: 0, maxMs: 10 }), AssertionError);
    assert.throws(() => new Backoff(random, { firstMs: 20, maxMs: 10 }), AssertionError);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Inflights } from "../../src/consensus/inflights.ts";
import { INFLIGHT_BYTES_MAX, INFLIGHT_MESSAGES_MAX } from "../../src/limits.ts";

/** A window with messages of one entry and one byte. */
function windowOf(messages: number): Inflights {
  const inflights = new Inflights();
  for (let index = 1; index <= messages; index += 1) inflights.add(index, 1);
  return inflights;
}

describe("inflights", () => {
  it("trap 30: is full at the limit of messages", () => {
    assert.equal(windowOf(INFLIGHT_MESSAGES_MAX - 1).full, false);
    const inflights = windowOf(INFLIGHT_MESSAGES_MAX);
    assert.equal(inflights.full, true);
    assert.throws(() => inflights.add(INFLIGHT_MESSAGES_MAX + 1, 1), /full/);
  });

  it("trap 30: is full at the limit of bytes", () => {
    const inflights = new Inflights();
    inflights.add(1, INFLIGHT_BYTES_MAX - 1);
    assert.equal(inflights.full, false);
    inflights.add(2, 1);
    assert.equal(inflights.full, true);
  });

  it("freeTo frees whole messages only", () => {
    const inflights = new Inflights();
    inflights.add(10, INFLIGHT_BYTES_MAX / 2);
    inflights.add(20, INFLIGHT_BYTES_MAX / 2);
    inflights.freeTo(9);
    assert.equal(inflights.count, 2);
    inflights.freeTo(19);
    assert.equal(inflights.count, 1);
    assert.equal(inflights.full, false);
    inflights.freeTo(100);
    assert.equal(inflights.count, 0);
  });

  it("freeTo counts right over a long life", () => {
    const inflights = windowOf(INFLIGHT_MESSAGES_MAX);
    for (let index = INFLIGHT_MESSAGES_MAX + 1; index < 10 * INFLIGHT_MESSAGES_MAX; index += 1) {
      inflights.freeTo(index - INFLIGHT_MESSAGES_MAX);
      inflights.add(index, 1);
      assert.equal(inflights.count, INFLIGHT_MESSAGES_MAX);
    }
  });

  it("reset forgets messages and bytes", () => {
    const inflights = new Inflights();
    inflights.add(1, INFLIGHT_BYTES_MAX);
    inflights.reset();
    assert.equal(inflights.count, 0);
    assert.equal(inflights.full, false);
    inflights.add(1, 1);
  });

  it("add refuses an index that does not ascend", () => {
    assert.throws(() => windowOf(3).add(3, 1), /does not ascend/);
  });
});

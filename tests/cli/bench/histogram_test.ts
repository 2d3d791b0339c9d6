import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Histogram } from "../../../src/cli/bench/histogram.ts";

describe("Histogram", () => {
  it("is empty at first", () => {
    const histogram = new Histogram();
    assert.deepEqual([histogram.count, histogram.maxMicros, histogram.percentile(99)], [0, 0, 0]);
  });

  it("is exact below 256 microseconds", () => {
    const histogram = new Histogram();
    for (let micros = 1; micros <= 100; micros += 1) histogram.record(micros);
    assert.deepEqual([1, 50, 95, 99, 100].map((p) => histogram.percentile(p)), [
      1,
      50,
      95,
      99,
      100,
    ]);
  });

  it("is right to one in a hundred at every size, and never too low", () => {
    for (let micros = 1; micros < 2 ** 31; micros = Math.ceil(micros * 1.013)) {
      const histogram = new Histogram();
      histogram.record(micros);
      histogram.record(2 ** 31 - 1);
      const middle = histogram.percentile(50);
      assert.ok(middle >= micros && middle <= micros * 1.01, `${micros} became ${middle}`);
    }
  });

  it("agrees with sorting", () => {
    const histogram = new Histogram();
    const values: number[] = [];
    let state = 7;
    for (let i = 0; i < 20_000; i += 1) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const micros = Math.floor(50 * 2 ** ((state % 1000) / 60));
      values.push(micros);
      histogram.record(micros);
    }
    values.sort((a, b) => a - b);
    for (const percent of [50, 90, 95, 99, 99.9]) {
      const exact = values[Math.ceil((percent / 100) * values.length) - 1]!;
      const measured = histogram.percentile(percent);
      assert.ok(measured >= exact && measured <= exact * 1.01, `p${percent}`);
    }
    assert.equal(histogram.maxMicros, values.at(-1));
    assert.equal(histogram.percentile(100), values.at(-1));
  });

  it("counts a fraction as a whole, and what is off the scale as its end", () => {
    const histogram = new Histogram();
    histogram.record(0.2);
    assert.equal(histogram.maxMicros, 1);
    histogram.record(1e12);
    histogram.record(-1);
    assert.equal(histogram.maxMicros, 2 ** 31 - 1);
    assert.equal(histogram.count, 3);
  });
});

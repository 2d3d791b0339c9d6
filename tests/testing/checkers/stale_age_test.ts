/** Ages of stale reads are checked by when entries were committed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StaleAge } from "../../../src/testing/checkers/stale_age.ts";

test("stale age takes a state that holds what its age covers, and no other", () => {
  const checker = new StaleAge();
  checker.onCommitted(5, 1_000);
  checker.onCommitted(4, 1_100);
  checker.onCommitted(9, 1_200);
  const read = { askedAtMs: 1_300, rate: 1, servedBy: 2 };
  checker.onStaleRead({ ...read, ageMs: 50, index: 9 });
  checker.onStaleRead({ ...read, ageMs: 100, index: 5 });
  checker.onStaleRead({ ...read, ageMs: 300, index: 0 });
  // A slow clock counts less than has passed.
  checker.onStaleRead({ ...read, ageMs: 50, rate: 0.5, index: 5 });
  assert.throws(
    () => checker.onStaleRead({ ...read, ageMs: 99, index: 8 }),
    /node 2 showed its state of index 8 at 1300 ms or later, as 99 ms old: entry 9 was committed/,
  );
  assert.equal(checker.checkedCount, 5);
});

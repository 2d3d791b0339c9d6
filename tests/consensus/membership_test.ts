import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Membership } from "../../src/consensus/membership.ts";
import { configurationOf } from "../../src/testing/core_log.ts";

const first = { index: 0, configuration: configurationOf([1, 2, 3]) };
const second = { index: 5, configuration: configurationOf([1, 2, 3, 4]) };
const third = { index: 8, configuration: configurationOf([2, 3, 4]) };

describe("membership", () => {
  it("trap 34: a configuration is in effect from its append on", () => {
    const membership = new Membership([first]);
    membership.append(second);
    assert.equal(membership.latest, second);
    membership.append(third);
    assert.equal(membership.latest, third);
  });

  it("trap 33: a truncated configuration gives way to the one before", () => {
    const membership = new Membership([first]);
    membership.append(second);
    membership.append(third);
    membership.truncateSuffix(7);
    assert.equal(membership.latest, second);
    membership.truncateSuffix(4);
    assert.equal(membership.latest, first);
  });

  it("trap 33: the committed configuration stays to fall back to", () => {
    const membership = new Membership([first]);
    membership.append(second);
    membership.append(third);
    membership.committed(6);
    assert.equal(membership.latest, third);
    membership.truncateSuffix(6);
    assert.equal(membership.latest, second);
    membership.committed(4);
    assert.equal(membership.latest, second);
  });

  it("truncateSuffix keeps the configurations at or before the index", () => {
    const membership = new Membership([first, second]);
    membership.truncateSuffix(5);
    assert.equal(membership.latest, second);
  });

  it("refuses to be empty and to go backwards", () => {
    assert.throws(() => new Membership([]), /without a configuration/);
    assert.throws(() => new Membership([second]).append(first), /falls/);
    assert.throws(() => new Membership([second]).truncateSuffix(4), /no configuration is left/);
  });
});

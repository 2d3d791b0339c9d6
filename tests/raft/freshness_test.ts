/** The age of a state counts from when it is known to have been complete, and from nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Freshness, staleReadError } from "../../src/raft/freshness.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import { DriverClock } from "./driver_world.ts";

class Ages {
  readonly clock = new DriverClock();
  readonly freshness: Freshness;

  constructor() {
    this.freshness = new Freshness(this.clock);
  }

  get ageMs(): number {
    return this.freshness.ageMs;
  }
}

describe("Freshness", () => {
  it("is unknown at a start, also when a leader was heard, until its commit is applied", () => {
    const ages = new Ages();
    assert.equal(ages.ageMs, Infinity);
    ages.freshness.heard(2, 100);
    ages.freshness.applied(99, 2);
    assert.equal(ages.ageMs, Infinity, "the log is being applied again");
    ages.clock.atMs += 40;
    ages.freshness.applied(100, 2);
    assert.equal(ages.ageMs, 40, "as old as the contact, not as the applying");
  });

  it("counts nothing before an entry of the leader's own term is applied", () => {
    const ages = new Ages();
    // A new leader may not know yet that entry 100 is committed.
    ages.freshness.heard(3, 90);
    ages.freshness.applied(95, 2);
    assert.equal(ages.ageMs, Infinity);
    ages.freshness.applied(101, 3);
    assert.equal(ages.ageMs, 0);
  });

  it("follows the latest contact whose entries are applied", () => {
    const ages = new Ages();
    ages.freshness.heard(1, 10);
    ages.freshness.applied(10, 1);
    for (const commitIndex of [20, 30, 40]) {
      ages.clock.atMs += 100;
      ages.freshness.heard(1, commitIndex);
    }
    assert.equal(ages.ageMs, 300);
    ages.freshness.applied(25, 1);
    assert.equal(ages.ageMs, 200);
    ages.freshness.applied(40, 1);
    assert.equal(ages.ageMs, 0);
  });

  it("a leader's state is as old as the answers of a quorum", () => {
    const ages = new Ages();
    const leader = { term: 2, commitIndex: 5, configuration: configurationOf([1, 2, 3]) };
    ages.freshness.elected();
    ages.freshness.leads(1, leader);
    ages.freshness.applied(5, 2);
    assert.equal(ages.ageMs, Infinity, "nobody has answered");
    ages.freshness.answered(3);
    ages.clock.atMs += 70;
    ages.freshness.leads(1, leader);
    ages.freshness.applied(5, 2);
    assert.equal(ages.ageMs, 70);
    const alone = { ...leader, configuration: configurationOf([1]) };
    ages.freshness.leads(1, alone);
    ages.freshness.applied(5, 2);
    assert.equal(ages.ageMs, 0, "a single voter is its own quorum");
  });

  it("a new leadership does not count the answers of an old one", () => {
    const ages = new Ages();
    const configuration = configurationOf([1, 2, 3]);
    ages.freshness.answered(2);
    ages.freshness.elected();
    ages.freshness.leads(1, { term: 4, commitIndex: 0, configuration });
    ages.freshness.applied(9, 4);
    assert.equal(ages.ageMs, Infinity);
  });

  it("says why a state is too old", () => {
    assert.match(staleReadError(Infinity, 0).message, /since its start this node has not/);
    assert.match(staleReadError(70, 50).message, /is 70 ms old, want at most 50 ms/);
  });
});

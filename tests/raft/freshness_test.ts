/** The age of a state counts from when it is known to have been complete, and from nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AGE_TOKEN_MS, AGE_TOKENS_KEPT } from "../../src/limits.ts";
import { AgeTokens } from "../../src/raft/age_tokens.ts";
import { Freshness, staleReadError } from "../../src/raft/freshness.ts";
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

  /** What was committed `agoMs` ago is proven. */
  proven(term: number, commitIndex: number, agoMs = 0): void {
    const moment = { atMs: this.clock.nowMs() - agoMs, wallMs: this.clock.wallMs() - agoMs };
    this.freshness.proven(moment, term, commitIndex);
  }
}

describe("Freshness", () => {
  it("is unknown at a start, also where a commit index is proven, until that is applied", () => {
    const ages = new Ages();
    assert.equal(ages.ageMs, Infinity);
    ages.proven(2, 100);
    ages.freshness.applied(99, 2);
    assert.equal(ages.ageMs, Infinity, "the log is being applied again");
    ages.clock.atMs += 40;
    ages.freshness.applied(100, 2);
    assert.equal(ages.ageMs, 40, "as old as the proof, not as the applying");
  });

  it("counts from the moment that is proven, not from when the proof came", () => {
    const ages = new Ages();
    ages.proven(1, 7, 250);
    ages.freshness.applied(7, 1);
    assert.equal(ages.ageMs, 250);
    ages.proven(1, 7, 900);
    ages.freshness.applied(7, 1);
    assert.equal(ages.ageMs, 250, "an older moment proves nothing new");
  });

  it("counts nothing before an entry of the leader's own term is applied", () => {
    const ages = new Ages();
    // A new leader may not know yet that entry 100 is committed.
    ages.proven(3, 90);
    ages.freshness.applied(95, 2);
    assert.equal(ages.ageMs, Infinity);
    ages.freshness.applied(101, 3);
    assert.equal(ages.ageMs, 0);
  });

  it("follows the latest proof whose entries are applied", () => {
    const ages = new Ages();
    ages.proven(1, 10);
    ages.freshness.applied(10, 1);
    for (const commitIndex of [20, 30, 40]) {
      ages.clock.atMs += 100;
      ages.proven(1, commitIndex);
    }
    assert.equal(ages.ageMs, 300);
    ages.freshness.applied(25, 1);
    assert.equal(ages.ageMs, 200);
    ages.freshness.applied(40, 1);
    assert.equal(ages.ageMs, 0);
  });

  it("counts by the time of day where that says more", () => {
    const ages = new Ages();
    ages.proven(1, 7, 50);
    ages.freshness.applied(7, 1);
    const { clock } = ages;
    const wallMs = clock.wallMs();
    clock.wallMs = () => wallMs + 60_000;
    assert.equal(ages.ageMs, 60_050);
    clock.wallMs = () => wallMs - 60_000;
    assert.equal(ages.ageMs, 50);
  });

  it("says why a state is too old", () => {
    assert.match(staleReadError(Infinity, 0).message, /since its start this node has not/);
    assert.match(staleReadError(70, 50).message, /is 70 ms old, want at most 50 ms/);
  });
});

describe("AgeTokens", () => {
  it("are numbers for moments, a new one where some milliseconds have passed", () => {
    const clock = new DriverClock();
    const tokens = new AgeTokens(clock, 41);
    const startMs = clock.nowMs();
    assert.equal(tokens.momentOf(41), null, "the start itself is given to nobody");
    assert.equal(tokens.at(startMs), 42);
    assert.equal(tokens.at(startMs + AGE_TOKEN_MS - 1), 42);
    assert.equal(tokens.at(startMs + AGE_TOKEN_MS), 43);
    assert.equal(tokens.momentOf(42)?.atMs, startMs);
    assert.equal(tokens.momentOf(43)?.atMs, startMs + AGE_TOKEN_MS);
    for (const unknown of [0, 41, 44, 42 + 2 ** 31]) assert.equal(tokens.momentOf(unknown), null);
  });

  it("go on at 1 after the largest number, for 0 says that there is none", () => {
    const tokens = new AgeTokens(new DriverClock(), 0xfffffffe);
    const given = [0, 1, 2].map((count) => tokens.at(count * AGE_TOKEN_MS));
    assert.deepEqual(given, [0xffffffff, 1, 2]);
    assert.deepEqual(given.map((token) => tokens.momentOf(token)?.atMs), [0, 10, 20]);
    assert.equal(tokens.momentOf(0), null);
    assert.equal(tokens.momentOf(0xfffffffe), null);
  });

  it("forget the oldest moments", () => {
    const tokens = new AgeTokens(new DriverClock(), 0);
    for (let count = 0; count <= AGE_TOKENS_KEPT; count += 1) tokens.at(count * AGE_TOKEN_MS);
    assert.equal(tokens.momentOf(1), null, "its place is taken");
    assert.equal(tokens.momentOf(2)?.atMs, AGE_TOKEN_MS);
  });
});

/** Log time runs with its leader and stands still between leaders. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import { LogTime } from "../../src/raft/log_time.ts";
import type { Clock } from "../../src/runtime/runtime.ts";

/** A clock that a test sets. */
class HandClock implements Clock {
  atMs = 500_000;
  nowMs = () => this.atMs;
  wallMs = () => assert.fail("log time never looks at the time of the day");
  setTimer = () => null;
  clearTimer = () => {};
  defer = () => {};
}

describe("LogTime", () => {
  it("starts at 1 for an empty log, whatever the clocks of the machine show", () => {
    const logTime = new LogTime(new HandClock(), 0);
    assert.equal(logTime.now(), 1);
  });

  it("stands still at a follower, but for what the leader writes", () => {
    const clock = new HandClock();
    const logTime = new LogTime(clock, 1_000);
    clock.atMs += 60_000;
    assert.equal(logTime.now(), 1_000);
    logTime.appended(1_200);
    assert.equal(logTime.now(), 1_200);
  });

  it("runs at a leader from the last entry on, in whole milliseconds", () => {
    const clock = new HandClock();
    const logTime = new LogTime(clock, 1_000);
    clock.atMs += 60_000;
    logTime.elected();
    assert.equal(logTime.now(), 1_000);
    clock.atMs += 1.75;
    assert.equal(logTime.now(), 1_001);
    clock.atMs += 250;
    assert.equal(logTime.now(), 1_251);
  });

  it("never falls: not by an election, not by a leader whose clock is slower", () => {
    const clock = new HandClock();
    const logTime = new LogTime(clock, 1_000);
    logTime.elected();
    clock.atMs += 500;
    logTime.appended(logTime.now());
    logTime.steppedDown();
    assert.equal(logTime.now(), 1_500);
    clock.atMs += 10_000;
    logTime.elected();
    assert.equal(logTime.now(), 1_500, "the time without a leader does not count");
    clock.atMs += 3;
    assert.equal(logTime.now(), 1_503);
  });

  it("goes back to what is in the log when what was said of it is gone with the leadership", () => {
    const clock = new HandClock();
    const logTime = new LogTime(clock, 1_000);
    logTime.elected();
    clock.atMs += 700;
    assert.equal(logTime.now(), 1_700);
    logTime.steppedDown();
    assert.equal(logTime.now(), 1_000);
  });

  it("is elected once a leadership", () => {
    const logTime = new LogTime(new HandClock(), 0);
    logTime.elected();
    assert.throws(() => logTime.elected(), AssertionError);
  });
});

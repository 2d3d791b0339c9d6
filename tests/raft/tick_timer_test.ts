import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TICK_INTERVAL_MS_MIN } from "../../src/limits.ts";
import { LogTime } from "../../src/raft/log_time.ts";
import { TickTimer } from "../../src/raft/tick_timer.ts";
import { DriverClock } from "./driver_world.ts";

/** A timer, the deadline that it watches, and when it appended ticks. */
class TickWorld {
  readonly clock = new DriverClock();
  readonly logTime = new LogTime(this.clock, 5_000);
  deadlineMs: number | null = null;
  isLeader = true;
  /** The log times at which ticks were appended. */
  readonly ticks: number[] = [];
  readonly timer = new TickTimer({
    clock: this.clock,
    logTime: this.logTime,
    isLeader: () => this.isLeader,
    nextDeadlineMs: () => this.deadlineMs,
    propose: () => void this.ticks.push(this.logTime.now()),
  });

  constructor() {
    this.logTime.elected();
  }

  watch(deadlineMs: number | null): void {
    this.deadlineMs = deadlineMs;
    this.timer.update();
  }

  /** The tick was committed and applied, and left something due at `deadlineMs`. */
  applied(deadlineMs: number | null): void {
    this.deadlineMs = deadlineMs;
    this.timer.ticked(this.ticks.at(-1)!);
    this.timer.update();
  }
}

describe("tick_timer", () => {
  it("appends a tick when the deadline has passed, not earlier, and only at a leader", async () => {
    const world = new TickWorld();
    world.watch(6_000);
    await world.clock.pass(999);
    assert.deepEqual(world.ticks, []);
    await world.clock.pass(2);
    assert.deepEqual(world.ticks, [6_000]);
    world.applied(null);
    await world.clock.pass(10_000);
    assert.equal(world.ticks.length, 1);
    world.watch(world.logTime.now() + 100);
    world.isLeader = false;
    await world.clock.pass(10_000);
    assert.equal(world.ticks.length, 1);
  });

  it("waits again for a deadline that moved back, hurries for one that came forward", async () => {
    const world = new TickWorld();
    world.watch(6_000);
    world.watch(9_000);
    await world.clock.pass(2_000);
    assert.deepEqual(world.ticks, []);
    world.watch(7_500);
    await world.clock.pass(501);
    assert.deepEqual(world.ticks, [7_500]);
  });

  it("appends at most a few ticks a second, but what was left over is due at once", async () => {
    const world = new TickWorld();
    world.watch(5_001);
    await world.clock.pass(1);
    for (let i = 0; i < 5; i += 1) world.applied(5_001), await world.clock.pass(1);
    assert.equal(world.ticks.length, 6, "each tick left something over");
    world.applied(world.logTime.now() + 1);
    await world.clock.pass(TICK_INTERVAL_MS_MIN - 10);
    assert.equal(world.ticks.length, 6);
    await world.clock.pass(10);
    assert.equal(world.ticks.length, 7);
    // A tick that is neither committed nor refused is followed by few others.
    await world.clock.pass(2_000);
    assert.ok(world.ticks.length <= 7 + 2_000 / TICK_INTERVAL_MS_MIN, `${world.ticks.length}`);
  });

  it("never sets a timer that is longer than runtimes can wait", async () => {
    const world = new TickWorld();
    const yearMs = 365 * 24 * 60 * 60 * 1000;
    let longestMs = 0;
    const { setTimer } = world.clock;
    world.clock.setTimer = (callback, delayMs) => {
      longestMs = Math.max(longestMs, delayMs);
      return setTimer(callback, delayMs);
    };
    world.watch(5_000 + yearMs);
    await world.clock.pass(24 * 60 * 60 * 1000);
    assert.equal(world.ticks.length, 0);
    assert.ok(longestMs > 0 && longestMs < 2 ** 31, `${longestMs}`);
    world.timer.close();
    assert.equal(world.clock.waiting, 0);
  });
});

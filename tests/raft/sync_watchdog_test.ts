/** Storage that stands still is noticed, and nothing else is taken for it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SyncWatchdog } from "../../src/raft/sync_watchdog.ts";
import { DriverClock } from "./driver_world.ts";

const STALL_MS = 2_000;

class Watched {
  readonly clock = new DriverClock();
  stalls = 0;
  readonly watchdog = new SyncWatchdog({
    clock: this.clock,
    stallMs: STALL_MS,
    stalled: () => void (this.stalls += 1),
  });
}

describe("SyncWatchdog", () => {
  it("trap 50: tells of a sync that does not complete, again and again", async () => {
    const watched = new Watched();
    watched.watchdog.started();
    await watched.clock.pass(STALL_MS - 1);
    assert.equal(watched.stalls, 0);
    await watched.clock.pass(1);
    assert.equal(watched.stalls, 1);
    await watched.clock.pass(STALL_MS);
    assert.equal(watched.stalls, 2);
  });

  it("says that it is stalled while it is, and how long each sync took", async () => {
    const { clock, watchdog } = new Watched();
    watchdog.started();
    await clock.pass(STALL_MS - 1);
    assert.equal(watchdog.isStalled, false);
    await clock.pass(1);
    assert.equal(watchdog.isStalled, true);
    watchdog.started();
    watchdog.completed();
    assert.equal(watchdog.isStalled, false, "one is under way, and one completed just now");
    await clock.pass(3);
    watchdog.completed();
    await clock.pass(2 * STALL_MS);
    assert.equal(watchdog.isStalled, false, "none is under way");
    const { count, totalSeconds, buckets } = watchdog.durations.read();
    assert.deepEqual([count, totalSeconds], [2, (STALL_MS + 3) / 1000]);
    assert.deepEqual(buckets.filter((bucket) => bucket.count === 1).map(({ seconds }) => seconds), [
      ...[0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1],
    ]);
  });

  it("is calm while syncs complete, however many are under way", async () => {
    const watched = new Watched();
    watched.watchdog.started();
    for (let i = 0; i < 20; i += 1) {
      await watched.clock.pass(STALL_MS - 100);
      watched.watchdog.started();
      watched.watchdog.completed();
      assert.equal(watched.watchdog.isSyncing, true);
    }
    assert.equal(watched.stalls, 0);
    await watched.clock.pass(STALL_MS);
    assert.equal(watched.stalls, 1);
  });

  it("counts a sync from its own start, and idles without a timer", async () => {
    const watched = new Watched();
    watched.watchdog.started();
    watched.watchdog.completed();
    await watched.clock.pass(STALL_MS - 100);
    watched.watchdog.started();
    await watched.clock.pass(STALL_MS - 100);
    assert.equal(watched.stalls, 0);
    watched.watchdog.completed();
    await watched.clock.pass(2 * STALL_MS);
    assert.deepEqual([watched.stalls, watched.clock.waiting], [0, 0]);
  });

  it("trap 13: does not take its own pause for a stall", async () => {
    const watched = new Watched();
    watched.watchdog.started();
    watched.clock.atMs += 10 * STALL_MS;
    await watched.clock.pass(0);
    assert.equal(watched.stalls, 0, "the completion may wait to be read");
    await watched.clock.pass(STALL_MS);
    assert.equal(watched.stalls, 1);
  });

  it("does not fire for ever at a moment that no subtraction finds", async () => {
    const watched = new Watched();
    const startMs = 1_000 + 1 / 7;
    assert.ok(startMs + STALL_MS - startMs < STALL_MS, "the span is not rounded down");
    watched.clock.atMs = startMs;
    watched.watchdog.started();
    await watched.clock.pass(STALL_MS + 1);
    assert.equal(watched.stalls, 1);
  });

  it("leaves no timer behind", () => {
    const watched = new Watched();
    watched.watchdog.started();
    watched.watchdog.close();
    assert.equal(watched.clock.waiting, 0);
  });
});

/** A lease ends before the promises that it rests on, whatever the clocks do within the margin. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEASE_DRIFT_MS, LEASE_DRIFT_SHARE, LEASE_ROUNDS_MAX } from "../../src/limits.ts";
import { Lease, leaseDurationMs } from "../../src/raft/lease.ts";
import type { Clock } from "../../src/runtime/runtime.ts";

const PROMISE_MS = 1_000;

/** A clock with a rate of its own, whose methods need their object, as those of a runtime may. */
class TestClock implements Clock {
  trueMs = 0;
  wallOffsetMs = 0;
  readonly #rate: number;

  constructor(rate = 1) {
    this.#rate = rate;
  }

  nowMs(): number {
    return 5_000 + this.trueMs * this.#rate;
  }

  wallMs(): number {
    return this.trueMs + this.wallOffsetMs;
  }

  setTimer = () => null;
  clearTimer = () => {};
  defer = () => {};
}

/** A lease of term 3 whose first round was sent at time 0 and promised. */
function heldLease(clock: TestClock, promiseMs = PROMISE_MS): Lease {
  const lease = new Lease(clock);
  lease.roundStarted({ term: 3, readSequence: 1 });
  lease.roundPromised({ term: 3, readSequence: 1, promiseMs });
  return lease;
}

describe("Lease", () => {
  it("is held from the answers on, counted from when the round was sent", () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    lease.roundStarted({ term: 3, readSequence: 1 });
    clock.trueMs = 300;
    assert.equal(lease.isHeldIn(3), false);
    lease.roundPromised({ term: 3, readSequence: 1, promiseMs: PROMISE_MS });
    assert.equal(lease.isHeldIn(3), true);
    assert.equal(lease.isHeldIn(4), false);
    clock.trueMs = leaseDurationMs(PROMISE_MS) - 1;
    assert.equal(lease.isHeldIn(3), true);
    clock.trueMs += 1;
    assert.equal(lease.isHeldIn(3), false, "not a moment from when the answers came");
  });

  it("is renewed by later rounds, and by none that was not answered", () => {
    const clock = new TestClock();
    const lease = heldLease(clock);
    clock.trueMs = 500;
    lease.roundStarted({ term: 3, readSequence: 2 });
    clock.trueMs = 900;
    assert.equal(lease.isHeldIn(3), false);
    lease.roundPromised({ term: 3, readSequence: 2, promiseMs: PROMISE_MS });
    assert.equal(lease.isHeldIn(3), true);
  });

  it("knows nothing of rounds and promises of another term", () => {
    const clock = new TestClock();
    const lease = heldLease(clock);
    lease.roundStarted({ term: 4, readSequence: 1 });
    assert.equal(lease.isHeldIn(4), false);
    lease.roundPromised({ term: 3, readSequence: 1, promiseMs: PROMISE_MS });
    assert.deepEqual([lease.isHeldIn(3), lease.isHeldIn(4)], [false, false]);
  });

  it("trap 42: ends before a promise while no clock is faster by more than the margin", () => {
    for (const [leaderRate, followerRate] of [[1, 1], [0.95, 1.05], [1, 1.11], [0.9, 1]] as const) {
      assert.ok(followerRate / leaderRate <= 1 / (1 - LEASE_DRIFT_SHARE));
      const clock = new TestClock(leaderRate);
      // The day's clock is no help where it is wrong by as much.
      clock.wallOffsetMs = -10 * PROMISE_MS;
      const lease = heldLease(clock);
      clock.wallOffsetMs = -20 * PROMISE_MS;
      // The follower received the round at once, and its timer fires a little early.
      for (let trueMs = 0; trueMs < 2 * PROMISE_MS; trueMs += 1) {
        clock.trueMs = trueMs;
        const isPromised = trueMs * followerRate < PROMISE_MS - 1;
        const rates = `${leaderRate} and ${followerRate}`;
        assert.ok(isPromised || !lease.isHeldIn(3), `held after ${trueMs} ms with ${rates}`);
      }
    }
  });

  it("trap 42: beyond the margin it outlives the promise: that is what lease reads assume", () => {
    const clock = new TestClock(0.5);
    clock.wallOffsetMs = -10 * PROMISE_MS;
    const lease = heldLease(clock);
    clock.wallOffsetMs = -20 * PROMISE_MS;
    clock.trueMs = PROMISE_MS + 1;
    assert.equal(lease.isHeldIn(3), true);
  });

  it("trap 42: ends with a pause, also one in which only the clock of the day went on", () => {
    const stopped = new TestClock();
    const paused = heldLease(stopped);
    stopped.trueMs = 60_000;
    assert.equal(paused.isHeldIn(3), false);
    const suspended = new TestClock();
    const lease = heldLease(suspended);
    suspended.wallOffsetMs = 60_000;
    assert.equal(lease.isHeldIn(3), false);
  });

  it("a promise that is shorter than the margin gives no lease", () => {
    assert.equal(leaseDurationMs(LEASE_DRIFT_MS), 0);
    assert.equal(heldLease(new TestClock(), LEASE_DRIFT_MS).isHeldIn(3), false);
  });

  it("keeps the times of so many rounds: without the oldest it never counts from too late", () => {
    const clock = new TestClock();
    const lease = new Lease(clock);
    for (let readSequence = 1; readSequence <= LEASE_ROUNDS_MAX + 1; readSequence += 1) {
      clock.trueMs = readSequence;
      lease.roundStarted({ term: 3, readSequence });
    }
    lease.roundPromised({ term: 3, readSequence: 1, promiseMs: PROMISE_MS });
    assert.equal(lease.isHeldIn(3), false, "the time of round 1 was forgotten");
    lease.roundPromised({ term: 3, readSequence: 2, promiseMs: 9 * PROMISE_MS });
    assert.equal(lease.isHeldIn(3), true);
  });
});

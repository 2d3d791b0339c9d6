/** The timers of a node on clocks that are early, late and paused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Timer } from "../../src/consensus/input.ts";
import { Timers } from "../../src/raft/timers.ts";
import type { Clock, Random } from "../../src/runtime/runtime.ts";

const OPTIONS = { heartbeatMs: 100, electionTimeoutMs: 1_000 };

interface SetTimer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/** A clock whose timers fire when a test says so. */
class HandClock implements Clock {
  atMs = 0;
  setCount = 0;
  readonly #set = new Set<SetTimer>();
  nowMs = () => this.atMs;
  wallMs = () => 0;
  defer = () => assert.fail("timers defer nothing");

  /** Timers that were neither fired nor cancelled. */
  get waiting(): number {
    return this.#set.size;
  }

  setTimer = (callback: () => void, delayMs: number): SetTimer => {
    this.setCount += 1;
    const timer = { callback, dueMs: this.atMs + delayMs };
    this.#set.add(timer);
    return timer;
  };

  clearTimer = (timer: unknown): void => {
    this.#set.delete(timer as SetTimer);
  };

  /** Fires the timer that is due next, so much before it is due. */
  fireEarly(byMs: number): void {
    const [timer] = [...this.#set];
    assert.equal(this.#set.size, 1);
    this.atMs = timer!.dueMs - byMs;
    this.#set.delete(timer!);
    timer!.callback();
  }

  /** Moves time to `toMs`, firing each timer when it is due. */
  advance(toMs: number): void {
    for (;;) {
      const [next] = [...this.#set].sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > toMs) break;
      this.atMs = Math.max(this.atMs, next.dueMs);
      this.#set.delete(next);
      next.callback();
    }
    this.atMs = toMs;
  }

  /** Lets time pass without a turn of the loop, then fires what is due. */
  pause(durationMs: number): void {
    this.atMs += durationMs;
    this.advance(this.atMs);
  }
}

/** Timers, and what expired when. */
class TimersWorld {
  readonly clock = new HandClock();
  readonly expired: [Timer, number][] = [];
  readonly timers: Timers;
  /** What the next election timeout is drawn from, from 0 to 1. */
  fraction = 0.5;

  constructor(owedMs = 0) {
    const random: Random = {
      uint32: () => Math.floor(this.fraction * 0xffffffff),
      fill: (target) => target,
    };
    this.timers = new Timers(this.clock, random, {
      ...{ ...OPTIONS, owedMs },
      expired: (timer) => this.expired.push([timer, this.clock.atMs]),
      successionMs: () => 30,
    });
  }

  /** What expired, in order. */
  names(): Timer[] {
    return this.expired.map(([timer]) => timer);
  }

  arm(timer: Timer): void {
    this.timers.change({ timer, armed: true });
  }

  cancel(timer: Timer): void {
    this.timers.change({ timer, armed: false });
  }
}

describe("Timers", () => {
  it("no promise ends one of an earlier life that lasts longer", () => {
    for (const [owedMs, wanted] of [[0, [1_400, 7_000]], [5_000, [5_000, 7_000]]] as const) {
      const world = new TimersWorld(owedMs);
      world.arm("promise");
      world.clock.advance(400);
      world.arm("promise");
      world.clock.advance(6_000);
      world.arm("promise");
      world.clock.advance(9_000);
      assert.deepEqual(world.expired, wanted.map((atMs) => ["promise", atMs]));
    }
  });

  it("expire once each, after their delays", () => {
    const world = new TimersWorld();
    for (const timer of ["heartbeat", "commitNotice", "leaderContact", "quorum"] as const) {
      world.arm(timer);
    }
    world.clock.advance(5_000);
    assert.deepEqual(world.expired, [
      ["commitNotice", 10],
      ["heartbeat", 100],
      ["leaderContact", 1_000],
      ["quorum", 1_000],
    ]);
    assert.equal(world.clock.waiting, 0);
  });

  it("draw the election timeout between one and two of it", () => {
    for (
      const [fraction, fromMs, toMs] of [[0, 1_000, 1_000], [0.5, 1_499, 1_501], [
        1,
        1_999,
        2_000,
      ]] as const
    ) {
      const world = new TimersWorld();
      world.fraction = fraction;
      world.arm("election");
      world.clock.advance(5_000);
      const atMs = world.expired[0]![1];
      assert.ok(atMs >= fromMs && atMs <= toMs, `${atMs} of ${fraction}`);
    }
  });

  it("armed again, count from then on", () => {
    const world = new TimersWorld();
    world.arm("election");
    for (let atMs = 100; atMs <= 3_000; atMs += 100) {
      world.clock.advance(atMs);
      world.arm("election");
    }
    assert.deepEqual(world.expired, []);
    world.clock.advance(10_000);
    assert.deepEqual(world.names(), ["election"]);
    const atMs = world.expired[0]![1];
    assert.ok(atMs >= 4_499 && atMs <= 4_501, `expired at ${atMs}`);
  });

  it("trap 42: tell that an expiry was overtaken before it was passed on", () => {
    const world = new TimersWorld();
    world.arm("promise");
    world.clock.advance(1_000);
    world.arm("promise");
    assert.equal(world.timers.takeOvertaken("promise"), true);
    world.clock.advance(2_000);
    assert.equal(world.timers.takeOvertaken("promise"), false);
    world.arm("promise");
    world.clock.advance(3_000);
    world.cancel("promise");
    assert.equal(world.timers.takeOvertaken("promise"), true);
    assert.deepEqual(world.names(), ["promise", "promise", "promise"]);
  });

  it("armed often, set few timers of the runtime", () => {
    const world = new TimersWorld();
    for (let atMs = 1; atMs <= 3_000; atMs += 1) {
      world.clock.advance(atMs);
      world.arm("election");
      world.arm("leaderContact");
    }
    assert.ok(world.clock.setCount <= 12, `${world.clock.setCount} timers were set`);
    assert.deepEqual(world.expired, []);
  });

  it("armed for an earlier time than before, expire at that time", () => {
    const world = new TimersWorld();
    world.fraction = 1;
    world.arm("election");
    world.fraction = 0;
    world.arm("election");
    world.clock.advance(1_001);
    assert.deepEqual(world.expired, [["election", 1_000]]);
    world.clock.advance(10_000);
    assert.equal(world.expired.length, 1);
  });

  it("cancelled, do not expire; armed after that, they do", () => {
    const world = new TimersWorld();
    world.arm("heartbeat");
    world.cancel("heartbeat");
    world.clock.advance(50);
    world.arm("heartbeat");
    world.clock.advance(149);
    assert.deepEqual(world.expired, []);
    world.clock.advance(500);
    assert.deepEqual(world.expired, [["heartbeat", 150]]);
    world.arm("quorum");
    world.cancel("quorum");
    world.clock.advance(5_000);
    assert.equal(world.expired.length, 1);
    assert.equal(world.clock.waiting, 0);
  });

  it("that the runtime fires a little early expire, and do not spin", () => {
    const world = new TimersWorld();
    world.arm("heartbeat");
    world.clock.fireEarly(0.6);
    assert.equal(world.expired.length, 1);
    assert.equal(world.clock.setCount, 1);
  });

  it("that the runtime fires much too early are set again", () => {
    const world = new TimersWorld();
    world.arm("heartbeat");
    world.clock.fireEarly(40);
    assert.deepEqual(world.expired, []);
    world.clock.advance(1_000);
    assert.deepEqual(world.expired, [["heartbeat", 100]]);
    assert.equal(world.clock.setCount, 2);
  });

  it("trap 13: an election timer that is late by a timeout waits again", () => {
    const world = new TimersWorld();
    world.arm("election");
    world.clock.pause(10_000);
    assert.deepEqual(world.expired, []);
    world.clock.advance(11_498);
    assert.deepEqual(world.expired, []);
    world.clock.advance(11_502);
    assert.deepEqual(world.names(), ["election"]);
  });

  it("trap 13: an election timer that is a little late expires", () => {
    const world = new TimersWorld();
    world.fraction = 0;
    world.arm("election");
    world.clock.pause(2_000);
    assert.deepEqual(world.expired, [["election", 2_000]]);
  });

  it("trap 13: a leader that stood still hears its other timers at once", () => {
    const world = new TimersWorld();
    world.arm("heartbeat");
    world.arm("quorum");
    world.clock.pause(60_000);
    assert.deepEqual(world.expired, [["heartbeat", 60_000], ["quorum", 60_000]]);
  });

  it("closed, expire no more", () => {
    const world = new TimersWorld();
    world.arm("heartbeat");
    world.arm("election");
    world.timers.close();
    assert.equal(world.clock.waiting, 0);
    world.clock.advance(10_000);
    assert.deepEqual(world.expired, []);
  });
});

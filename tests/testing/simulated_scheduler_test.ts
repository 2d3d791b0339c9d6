/** Virtual time: order, microtasks, death and pause of processes, clocks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../src/testing/prng.ts";
import { ClockSettings, SimulatedClock } from "../../src/testing/simulated_clock.ts";
import { SimulatedScheduler } from "../../src/testing/simulated_scheduler.ts";

test("scheduler runs events by time, and in order within an instant", async () => {
  const scheduler = new SimulatedScheduler();
  const prng = new Prng(1);
  const ran: { timeMs: number; number: number }[] = [];
  for (let number = 0; number < 2_000; number++) {
    const timeMs = prng.range(0, 100);
    scheduler.schedule(() => ran.push({ timeMs, number }), timeMs);
  }
  assert.equal(await scheduler.run(), "idle");
  const sorted = ran.toSorted((one, other) =>
    one.timeMs - other.timeMs || one.number - other.number
  );
  assert.equal(ran.length, 2_000);
  assert.deepEqual(ran, sorted);
});

test("scheduler runs microtasks before the next event", async () => {
  const scheduler = new SimulatedScheduler();
  const order: string[] = [];
  const nested = async (depth: number): Promise<number> =>
    depth === 0 ? 0 : await nested(depth - 1) + 1;
  scheduler.schedule(async () => {
    order.push("event 1");
    order.push(`depth ${await nested(20)}`);
  }, 1);
  scheduler.schedule(() => order.push("event 2"), 1);
  await scheduler.run();
  assert.deepEqual(order, ["event 1", "depth 20", "event 2"]);
});

test("scheduler stops by time, count and wish", async () => {
  const scheduler = new SimulatedScheduler();
  let count = 0;
  const again = () => {
    count++;
    scheduler.schedule(again, 1);
  };
  again();
  assert.equal(await scheduler.run({ untilMs: 10.5 }), "time");
  assert.deepEqual([count, scheduler.nowMs], [11, 10.5]);
  assert.equal(await scheduler.run({ eventsMax: 5 }), "events");
  assert.equal(count, 16);
  assert.equal(await scheduler.run({ until: () => count === 20 }), "until");
  assert.equal(count, 20);
});

test("scheduler takes an instant that never ends for a defect", async () => {
  const scheduler = new SimulatedScheduler({ quietHops: 0 });
  const again = () => void scheduler.schedule(again, 0);
  again();
  await assert.rejects(scheduler.run(), /time stands still/);
});

test("scheduler hands errors to onError and goes on", async () => {
  const errors: unknown[] = [];
  const scheduler = new SimulatedScheduler({
    onError: (error, process) => errors.push([String(error), process?.name]),
  });
  const process = scheduler.createProcess("node 1");
  process.schedule(() => {
    throw new Error("Broken");
  }, 1);
  let later = false;
  process.schedule(() => later = true, 2);
  await scheduler.run();
  assert.deepEqual(errors, [["Error: Broken", "node 1"]]);
  assert.equal(later, true);
});

test("process that crashed runs nothing again", async () => {
  const scheduler = new SimulatedScheduler();
  const process = scheduler.createProcess("node 1");
  const ran: string[] = [];
  const kinds: string[] = [];
  process.onCrash((kind) => kinds.push(kind));
  process.schedule(() => ran.push("before"), 1);
  process.schedule(() => ran.push("after"), 3);
  scheduler.schedule(() => process.crash("power_loss"), 2);
  scheduler.schedule(() => process.deliver(() => ran.push("delivered")), 4);
  await scheduler.run();
  process.crash("kill");
  assert.deepEqual(ran, ["before"]);
  assert.deepEqual(kinds, ["power_loss"]);
});

test("process that is paused runs later, in order, completions behind", async () => {
  const scheduler = new SimulatedScheduler();
  const process = scheduler.createProcess("node 1");
  const ran: string[] = [];
  const note = (name: string) => () => ran.push(`${name} at ${scheduler.nowMs}`);
  process.schedule(note("one"), 2);
  process.schedule(note("two"), 3);
  scheduler.schedule(() => process.pause(), 1);
  scheduler.schedule(() => process.deliver(note("completion in the pause")), 4);
  scheduler.schedule(() => {
    process.resume();
    process.deliver(note("completion behind the pause"));
  }, 5);
  await scheduler.run();
  assert.deepEqual(ran, [
    "one at 5",
    "two at 5",
    "completion in the pause at 5",
    "completion behind the pause at 5",
  ]);
});

function createClock(scheduler: SimulatedScheduler) {
  const process = scheduler.createProcess("node 1");
  const settings = new ClockSettings(scheduler, 5_000);
  const clock = new SimulatedClock({ process, settings, prng: new Prng(1) });
  return { process, settings, clock };
}

test("clock of a fast machine fires timers early by virtual time, never by its own", async () => {
  const scheduler = new SimulatedScheduler();
  const { settings, clock } = createClock(scheduler);
  settings.setRate(1.25);
  let firedMs = 0;
  const startMs = clock.nowMs();
  clock.setTimer(() => firedMs = clock.nowMs(), 100);
  await scheduler.run();
  assert.equal(scheduler.nowMs, 80);
  assert.ok(firedMs - startMs >= 100);
});

test("clock that is slowed down keeps its timers from firing early", async () => {
  const scheduler = new SimulatedScheduler();
  const { settings, clock } = createClock(scheduler);
  let firedMs = 0;
  const startMs = clock.nowMs();
  clock.setTimer(() => firedMs = clock.nowMs(), 100);
  scheduler.schedule(() => settings.setRate(0.5), 50);
  await scheduler.run();
  assert.ok(firedMs - startMs >= 100, `fired after ${firedMs - startMs} ms`);
  assert.ok(scheduler.nowMs >= 150 && scheduler.nowMs < 151, `at ${scheduler.nowMs} ms`);
});

test("clock of the day steps back, the monotonic one does not", async () => {
  const scheduler = new SimulatedScheduler();
  const { settings, clock } = createClock(scheduler);
  const wallMs = clock.wallMs();
  const nowMs = clock.nowMs();
  settings.stepWall(-60_000);
  await scheduler.run({ untilMs: 1_000 });
  assert.equal(clock.wallMs(), wallMs - 59_000);
  assert.equal(clock.nowMs(), nowMs + 1_000);
});

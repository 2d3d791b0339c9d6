/**
 * The part of the runtime contract about time.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Clock } from "../runtime/runtime.ts";
import { beforeTicks } from "./_before_ticks.ts";
import { connectPair, withOnePair } from "./_stream_recorder.ts";
import type { ContractTest, RuntimeHarness } from "./runtime_harness.ts";

/** The tests of the clock. */
export const clockContract: readonly ContractTest[] = [
  { name: "nowMs never goes back", body: neverGoesBack },
  { name: "setTimer fires once and no earlier than asked", body: firesOnTime },
  { name: "setTimer fires in the order of the times", body: firesInOrder },
  { name: "setTimer keeps the order of equal times", body: keepsOrderOfEqualTimes },
  { name: "setTimer takes longer than 32 bits of milliseconds", body: takesLongDelays },
  { name: "clearTimer cancels, also from within a timer", body: cancels },
  { name: "clearTimer ignores a timer that has fired", body: ignoresFired },
  { name: "defer runs after this turn, in order", body: deferKeepsOrder },
  { name: "defer runs after the events that are ready", body: deferFollowsEvents },
  { name: "defer waits for no timer", body: deferIsFast },
  { name: "defer starves neither timers nor the network", body: deferStarvesNobody },
];

/** Resolves when a timer of `delayMs` fires, to the time then. */
function after(clock: Clock, delayMs: number): Promise<number> {
  return new Promise((resolve) => clock.setTimer(() => resolve(clock.nowMs()), delayMs));
}

async function neverGoesBack({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  let last = clock.nowMs();
  for (let reading = 0; reading < 10_000; reading += 1) {
    const now = clock.nowMs();
    assert.ok(now >= last, `Went from ${last} to ${now}`);
    last = now;
  }
  assert.ok(await after(clock, 3) >= last + 3);
  assert.ok(clock.wallMs() > Date.UTC(2015, 0), "The wall clock is not set");
}

async function firesOnTime({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  let calls = 0;
  for (const delayMs of [0, 0.3, 1, 1.7, 5, 10.01, 2.5, 7.9]) {
    const startMs = clock.nowMs();
    const firedMs = await new Promise<number>((resolve) => {
      clock.setTimer(() => {
        calls += 1;
        resolve(clock.nowMs());
      }, delayMs);
    });
    assert.ok(firedMs - startMs >= delayMs, `Fired after ${firedMs - startMs} of ${delayMs} ms`);
  }
  await after(clock, 20);
  assert.equal(calls, 8);
}

async function firesInOrder({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  const fired: number[] = [];
  const delays = [30, 10, 20, 1, 40];
  await Promise.all(delays.map((delayMs) => after(clock, delayMs).then(() => fired.push(delayMs))));
  assert.deepEqual(fired, [1, 10, 20, 30, 40]);
}

async function keepsOrderOfEqualTimes({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  const fired: number[] = [];
  const timers = Array.from({ length: 20 }, (_, index) => index);
  await Promise.all(timers.map((index) => after(clock, 5).then(() => fired.push(index))));
  assert.deepEqual(fired, timers);
}

async function takesLongDelays({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  let fired = false;
  const timer = clock.setTimer(() => fired = true, 2 ** 31 + 5);
  await after(clock, 10);
  assert.equal(fired, false, "A timer of 25 days fired at once");
  clock.clearTimer(timer);
}

async function cancels({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  const fired: string[] = [];
  const cancelled = clock.setTimer(() => fired.push("cancelled before"), 5);
  clock.clearTimer(cancelled);
  clock.clearTimer(cancelled);
  clock.setTimer(() => clock.clearTimer(later), 1);
  const later = clock.setTimer(() => fired.push("cancelled by a timer"), 15);
  await after(clock, 30);
  assert.deepEqual(fired, []);
}

async function ignoresFired({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  let calls = 0;
  const timer = clock.setTimer(() => {
    calls += 1;
    clock.clearTimer(timer);
  }, 1);
  await after(clock, 10);
  clock.clearTimer(timer);
  assert.equal(calls, 1);
}

async function deferKeepsOrder({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    clock.defer(() => order.push("first"));
    clock.defer(() => {
      order.push("second");
      clock.defer(() => {
        order.push("nested");
        resolve();
      });
    });
    Promise.resolve().then(() => order.push("promise"));
    order.push("caller");
  });
  assert.deepEqual(order, ["caller", "promise", "first", "second", "nested"]);
}

async function deferFollowsEvents(harness: RuntimeHarness): Promise<void> {
  const { clock } = harness.runtime;
  const pairs = await Promise.all(Array.from({ length: 8 }, () => connectPair(harness)));
  let events = 0;
  let deferred = 0;
  for (const { server } of pairs) {
    server.onData = () => {
      events += 1;
      // As a driver does: whatever arrives in one turn is worked off together at its end.
      if (events % pairs.length === 1) clock.defer(() => deferred = events);
    };
  }
  // All eight messages are in the kernel before the loop looks for the first.
  clock.defer(() => {
    for (const { client } of pairs) client.stream.write(new Uint8Array(10));
  });
  await Promise.all(pairs.map(({ server }) => server.received(10)));
  while (deferred === 0) await new Promise<void>((resolve) => clock.defer(resolve));
  assert.equal(deferred, pairs.length, "defer ran between events that were ready together");
  for (const { client, server, listener } of pairs) {
    client.stream.destroy();
    server.stream.destroy();
    await listener.close();
  }
}

async function deferIsFast({ runtime }: RuntimeHarness): Promise<void> {
  const { clock } = runtime;
  const chain = new Promise<void>((resolve) => {
    let left = 2000;
    const next = (): void => {
      left -= 1;
      if (left === 0) resolve();
      else clock.defer(next);
    };
    clock.defer(next);
  });
  await beforeTicks(clock, chain);
}

function deferStarvesNobody(harness: RuntimeHarness): Promise<void> {
  const { clock } = harness.runtime;
  return withOnePair(harness, async ({ client, server }) => {
    let running = true;
    const again = (): void => {
      if (running) clock.defer(again);
    };
    again();
    client.stream.write(new Uint8Array(10));
    try {
      await Promise.all([server.received(10), after(clock, 5)]);
    } finally {
      running = false;
    }
  });
}

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { benchKey, KeyPicker } from "../../../src/cli/bench/bench_keys.ts";
import { generateLoad, type LoadReport } from "../../../src/cli/bench/load_generator.ts";
import type { Clock, TimerHandle } from "../../../src/runtime/runtime.ts";

/** A clock that moves when nothing else happens. */
class TestClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): TimerHandle {
    this.#timers.set(++this.#sequence, { atMs: this.#nowMs + delayMs, callback });
    return this.#sequence;
  }

  clearTimer(timer: TimerHandle): void {
    this.#timers.delete(timer as number);
  }

  defer(callback: () => void): void {
    this.setTimer(callback, 0);
  }

  /** Fires timers in order until none is left. */
  async run(): Promise<void> {
    while (this.#timers.size > 0) {
      const [next] = [...this.#timers].sort((a, b) => a[1].atMs - b[1].atMs || a[0] - b[0]);
      const [id, { atMs, callback }] = next!;
      this.#timers.delete(id);
      this.#nowMs = atMs;
      callback();
      await Promise.resolve();
    }
  }
}

type Done = (error: Error | null) => void;

interface Load {
  readonly inFlight: number;
  readonly rate: number | null;
  readonly warmUpMs?: number;
  readonly operationsMax?: number;
  readonly onMeasuring?: () => void;
  readonly respond: (clock: Clock, done: Done) => void;
}

async function measure({ respond, ...load }: Load): Promise<LoadReport & { peak: number }> {
  const clock = new TestClock();
  let underWay = 0;
  let peak = 0;
  const report = generateLoad({
    clock,
    ...load,
    durationMs: 1000,
    start: (slot) => {
      underWay += 1;
      peak = Math.max(peak, underWay);
      respond(clock, (error) => {
        underWay -= 1;
        if (error === null) slot.succeeded();
        else slot.failed(error);
      });
    },
  });
  await clock.run();
  return { ...await report, peak };
}

describe("generateLoad", () => {
  it("keeps exactly so many operations under way in a closed loop", async () => {
    const report = await measure({
      inFlight: 5,
      rate: null,
      respond: (clock, done) => clock.setTimer(() => done(null), 10),
    });
    assert.equal(report.peak, 5);
    assert.equal(report.seconds, 1);
    // The last five end with the measurement itself: they may be counted or not.
    assert.ok(report.operations >= 495 && report.operations <= 500, `${report.operations}`);
    const median = report.histogram.percentile(50);
    assert.ok(median >= 10_000 && median <= 10_100, `${median}`);
  });

  it("starts at a fixed rate in an open loop", async () => {
    const report = await measure({
      inFlight: 50,
      rate: 200,
      respond: (clock, done) => clock.setTimer(() => done(null), 1),
    });
    assert.ok(Math.abs(report.operations - 200) <= 2, `${report.operations}`);
  });

  it("counts latency from the intended start, so that a stall is not hidden", async () => {
    let count = 0;
    const report = await measure({
      inFlight: 1,
      rate: 100,
      // The tenth answer takes half a second; the operations meant for that time wait for it.
      respond: (clock, done) => clock.setTimer(() => done(null), ++count === 10 ? 500 : 1),
    });
    assert.ok(report.histogram.percentile(75) > 200_000, "the waiting operations are counted");
    assert.ok(report.histogram.percentile(20) < 5_000);
  });

  it("counts errors apart, keeps the first, and rests after each", async () => {
    let count = 0;
    const report = await measure({
      inFlight: 1,
      rate: null,
      respond: (clock, done) =>
        clock.setTimer(() => done(++count % 2 === 0 ? new Error(`E${count}`) : null), 10),
    });
    assert.equal(report.firstError?.message, "E2");
    // Ten milliseconds for each answer, ten more after each error.
    assert.ok(Math.abs(report.operations - 33) <= 1, `${report.operations}`);
    assert.ok(Math.abs(report.errors - 33) <= 1, `${report.errors}`);
  });

  it("waits for what is under way at the end and does not count it in a closed loop", async () => {
    const report = await measure({
      inFlight: 3,
      rate: null,
      respond: (clock, done) => clock.setTimer(() => done(null), 5000),
    });
    assert.deepEqual([report.operations, report.errors], [0, 0]);
  });

  it("counts what an open loop was to start in its time, also what was never started", async () => {
    const report = await measure({
      inFlight: 10,
      rate: 100,
      respond: (clock, done) => clock.setTimer(() => done(null), 5000),
    });
    assert.equal(report.operations, 10);
    assert.equal(report.unstarted, 90);
    // Those that were never started have waited from their intended starts to the end.
    assert.equal(report.histogram.count, 100);
    assert.ok(Math.abs(report.histogram.percentile(45) - 450_000) < 20_000);
    assert.ok(report.histogram.percentile(95) >= 5_000_000);
  });

  it("measures nothing while it warms up, and says when that is over", async () => {
    let count = 0;
    let countAtStart = 0;
    const report = await measure({
      inFlight: 1,
      rate: null,
      warmUpMs: 500,
      onMeasuring: () => countAtStart = count,
      // Slow at first: the histogram would show it.
      respond: (clock, done) => clock.setTimer(() => done(null), ++count <= 5 ? 99 : 10),
    });
    assert.equal(report.seconds, 1);
    assert.ok(countAtStart === 5 || countAtStart === 6, `${countAtStart}`);
    assert.ok(report.histogram.maxMicros <= 10_100, `${report.histogram.maxMicros}`);
    assert.ok(report.operations >= 99 && report.operations <= 101, `${report.operations}`);
  });

  it("ends when so many operations were answered", async () => {
    const report = await measure({
      inFlight: 4,
      rate: null,
      operationsMax: 40,
      respond: (clock, done) => clock.setTimer(() => done(null), 10),
    });
    assert.equal(report.operations, 40);
    assert.ok(Math.abs(report.seconds - 0.1) < 0.001, `${report.seconds}`);
  });
});

describe("benchKey", () => {
  it("has 16 bytes and the number in digits", () => {
    assert.equal(new TextDecoder().decode(benchKey(1234)), "k000000000001234");
  });
});

describe("KeyPicker", () => {
  it("reaches every number below the bound and no other", () => {
    const picker = new KeyPicker(10, 42);
    const seen = new Set(Array.from({ length: 1000 }, () => picker.next()));
    assert.deepEqual([...seen].sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

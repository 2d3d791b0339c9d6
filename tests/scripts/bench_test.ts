/** Benchmarks are believed by what they print, so what they make of figures is tested. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { median, mediansOf } from "../../scripts/bench/figures.ts";
import { probePauses } from "../../scripts/bench/pause_probe.ts";
import { drawPlot } from "../../scripts/bench/plot.ts";
import { Results, tablesOf } from "../../scripts/bench/results.ts";
import { checkWarmUp } from "../../scripts/bench/warm_up.ts";
import { countJsonBytes, countWireBytes } from "../../scripts/bench/wire_bytes.ts";
import type { Clock } from "../../src/runtime/runtime.ts";

describe("median", () => {
  it("is the middle one, or the mean of the two in the middle", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 100]), 3);
  });

  it("is taken of each figure for itself", () => {
    const rounds = [{ a: 1, b: 30 }, { a: 2, b: 10 }, { a: 3, b: 20 }];
    assert.deepEqual(mediansOf(rounds), { a: 2, b: 20 });
  });
});

describe("Results", () => {
  const results = new Results();
  for (const [system, rates] of [["raft", [300, 900, 400]], ["other", [50, 80, 100]]] as const) {
    for (const opsPerSecond of rates) {
      const figures = { opsPerSecond, p99Ms: 1_000 / opsPerSecond, clientShare: 0.5 };
      results.add({ scenario: "put", system }, [{ name: "put, 1 in flight", figures }]);
    }
  }

  it("keeps the rounds, and says what the first is as a multiple of the others", () => {
    const [raft, other] = results.list();
    assert.deepEqual([raft!.system, raft!.medians["opsPerSecond"], raft!.ratios], [
      "raft",
      400,
      undefined,
    ]);
    assert.equal(raft!.rounds.length, 3);
    assert.equal(other!.medians["opsPerSecond"], 80);
    assert.equal(other!.ratios!["opsPerSecond"], 5);
    assert.equal(other!.ratios!["p99Ms"], 0.2);
  });

  it("compare what has one name in one scenario alone", () => {
    const both = new Results();
    for (const scenario of ["pauses", "many"]) {
      both.add({ scenario, system: "raft" }, [{ name: "leader", figures: { mostMiB: 1 } }]);
    }
    assert.deepEqual(both.list().map(({ ratios }) => ratios), [undefined, undefined]);
  });

  it("are a table with a line of ratios, of what is better or worse alone", () => {
    const lines = tablesOf(results.list()).split("\n").filter((line) => line.includes("other"));
    const cells = lines.map((line) => line.split("│").map((cell) => cell.trim()).slice(2, -1));
    assert.deepEqual(cells, [
      ["other", "80", "12.5", "0.5"],
      ["raft / other", "× 5", "× 0.2", ""],
    ]);
  });
});

describe("checkWarmUp", () => {
  it("fails a load that was measured before its warm-up was over", () => {
    checkWarmUp({ warmUpMs: 3_000, startedMs: 100, measuringMs: 3_100 });
    assert.throws(
      () => checkWarmUp({ warmUpMs: 3_000, startedMs: 100, measuringMs: 3_050 }),
      /measured after 2950 ms, before its warm-up of 3000/,
    );
  });
});

/** Time that passes by waiting alone. */
class WaitingClock implements Clock {
  now = 0;
  #waiting: { readonly atMs: number; readonly resolve: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  /** Resolves as soon as it is so late. */
  until(atMs: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ atMs, resolve }));
  }

  setTimer(callback: () => void, delayMs: number): number {
    // What is answered at once is answered before.
    queueMicrotask(() => {
      this.now += delayMs;
      const due = this.#waiting.filter(({ atMs }) => atMs <= this.now);
      this.#waiting = this.#waiting.filter(({ atMs }) => atMs > this.now);
      for (const { resolve } of due) resolve();
      queueMicrotask(callback);
    });
    return 0;
  }

  clearTimer(): void {}

  defer(callback: () => void): void {
    queueMicrotask(callback);
  }
}

describe("probePauses", () => {
  it("counts a pause in every interval that it lasts, of the node that has it", async () => {
    const clock = new WaitingClock();
    const quick = (): Promise<void> => Promise.resolve();
    // Away from 200 to 260.
    const paused = (): Promise<void> => {
      const isAway = clock.now >= 200 && clock.now < 260;
      return isAway ? clock.until(260) : Promise.resolve();
    };
    const { nodes, probe } = await probePauses({
      ...{ clock, nodes: [quick, paused] },
      ...{ intervalMs: 1, warmUpMs: 100, durationMs: 1_000, longMs: 50 },
    });
    assert.deepEqual(nodes.map(({ answers }) => answers), [1_000, 1_000]);
    assert.deepEqual(nodes.map(({ mostMs }) => mostMs), [0, 60]);
    // Those asked from 200 to 209 waited for more than 50.
    assert.deepEqual(nodes.map(({ longCount }) => longCount), [0, 10]);
    assert.equal(probe.mostMs, 0);
  });

  it("fails where a node does not answer", async () => {
    const options = { intervalMs: 1, warmUpMs: 1, durationMs: 10, longMs: 50 };
    const nodes = [() => Promise.reject(new Error("The node is gone"))];
    await assert.rejects(probePauses({ clock: new WaitingClock(), nodes, ...options }), /is gone/);
  });
});

describe("countWireBytes", () => {
  it("is what a replicated put took when this was written: more is for a reason", () => {
    const client = { clientBytesPerPut: 328 };
    assert.deepEqual([1, 64, 256].map(countWireBytes), [
      { ...client, peerBytesPerPut: 784, bytesPerPut: 1_112 },
      { ...client, peerBytesPerPut: 453.3, bytesPerPut: 781.3 },
      { ...client, peerBytesPerPut: 449.3, bytesPerPut: 777.3 },
    ]);
  });

  it("is less than the same takes as lines of JSON, even where bytes are text", () => {
    for (const batch of [1, 64, 256]) {
      const { clientBytesPerPut, peerBytesPerPut } = countWireBytes(batch);
      const json = countJsonBytes(batch, "text");
      assert.ok(clientBytesPerPut < json.clientBytesPerPut, `a client's, ${batch}`);
      assert.ok(peerBytesPerPut < json.peerBytesPerPut, `the nodes', ${batch}`);
    }
  });
});

describe("drawPlot", () => {
  it("places points between the ends of its axes", () => {
    const svg = drawPlot({
      title: "a < b",
      x: { title: "in flight", scale: "log" },
      y: { title: "puts", scale: "linear" },
      series: [{ name: "one", points: [{ x: 1, y: 0 }, { x: 10, y: 50 }, { x: 100, y: 100 }] }],
    });
    assert.match(svg, /a &lt; b/);
    const [, points] = /polyline points="([^"]+)"/.exec(svg)!;
    // The plot is 548 wide from 72 on, and 252 high from 60 on; y grows downwards.
    assert.equal(points, "72.0,312.0 346.0,186.0 620.0,60.0");
  });
});

/** Benchmarks are believed by what they print, so what they make of figures is tested. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { median, mediansOf } from "../../scripts/bench/figures.ts";
import { drawPlot } from "../../scripts/bench/plot.ts";
import { Results, tablesOf } from "../../scripts/bench/results.ts";

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

  it("are a table with a line of ratios, of what is better or worse alone", () => {
    const lines = tablesOf(results.list()).split("\n").filter((line) => line.includes("other"));
    const cells = lines.map((line) => line.split("│").map((cell) => cell.trim()).slice(2, -1));
    assert.deepEqual(cells, [
      ["other", "80", "12.5", "0.5"],
      ["raft / other", "× 5", "× 0.2", ""],
    ]);
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

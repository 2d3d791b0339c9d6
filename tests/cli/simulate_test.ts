/** `raft simulate` from its words to its exit code. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { FakeHost } from "./fake_host.ts";
import { runLine } from "./run_line.ts";

describe("raft simulate", () => {
  it("runs seeds and adds them up", { timeout: 60_000 }, async () => {
    const words = ["simulate", "--seed", "1", "--seeds", "2", "--for", "2s", "-o", "json"];
    const { exit, output, errors } = await runLine(words);
    assert.equal(exit, 0);
    const document = JSON.parse(output);
    assert.equal(document.ok, true);
    assert.equal(document.seeds, 2);
    assert.deepEqual(document.violations, []);
    assert.deepEqual(document.results.map(({ seed }: { seed: number }) => seed), [1, 2]);
    assert.equal(errors, "", "there is no progress where nobody watches");
  });

  it("repeats a run exactly, with the faults that are named", { timeout: 60_000 }, async () => {
    const words = ["simulate", "--seed", "5", "--for", "3s", "--nodes", "3", "-o", "json"];
    const restricted = [...words, "--clients", "1", "--faults", "1-2"];
    const hashes = [];
    for (const line of [words, words, restricted]) {
      hashes.push(JSON.parse((await runLine(line)).output).results[0].traceHash);
    }
    assert.equal(hashes[0], hashes[1]);
    assert.notEqual(hashes[0], hashes[2]);
  });

  it("traces one seed to a file, anew each time", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "raft-simulate-"));
    try {
      const path = join(folder, "trace.ndjson");
      const line = ["simulate", "--seed", "1", "--for", "1s", "--trace", path];
      const traces = [];
      for (let time = 0; time < 2; time += 1) {
        assert.equal((await runLine(line)).exit, 0);
        traces.push(readFileSync(path, "utf8"));
      }
      assert.equal(traces[0], traces[1]);
      const [first] = traces[0]!.split("\n");
      assert.equal(JSON.parse(first!).event.name, "InitState");
      const several = await runLine([...line, "--seeds", "2"]);
      assert.equal(several.exit, 2);
      assert.match(several.errors, /Cannot trace 2 seeds into one file/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("shows progress on a terminal", { timeout: 60_000 }, async () => {
    const host = new FakeHost();
    host.standardError.isTerminal = true;
    const { errors } = await runLine(["simulate", "--seed", "1", "--for", "1s"], { host });
    assert.match(errors, /seed 1: ok/);
  });

  it("refuses what it cannot read", async () => {
    const { exit, errors } = await runLine(["simulate", "--faults", "3-1"]);
    assert.equal(exit, 2);
    assert.match(errors, /Cannot use "3-1" as numbers of faults/);
    const unknown = await runLine(["simulate", "--kinds", "kill,locusts"]);
    assert.equal(unknown.exit, 2);
    assert.match(unknown.errors, /Unknown kind of fault "locusts"/);
  });
});

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { freePorts, isAlive, pause, raft, type StartedNode, Workbench } from "./raft_binary.ts";

const DEADLINE_MS = 20_000;

async function until(what: string, check: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!check()) {
    if (performance.now() > endMs) throw new Error(`Not in time: ${what}`);
    await pause(20);
  }
}

describe("raft start", () => {
  let bench: Workbench;
  let address: string;

  beforeEach(async () => {
    bench = new Workbench();
    address = `127.0.0.1:${(await freePorts(1))[0]}`;
  });

  afterEach(() => bench.close());

  function node(...words: string[]): StartedNode {
    return bench.start("node", ["--data", "data", "--listen", address, ...words]);
  }

  async function readyNode(...words: string[]): Promise<StartedNode> {
    const started = node("--id", "1", ...words);
    const waited = await raft(["wait", "leader", "-e", address, "-t", "20s"]);
    assert.equal(waited.code, 0, waited.errors + started.log());
    return started;
  }

  it("writes the ready file and keeps its data over a restart", async () => {
    const file = bench.path("ready");
    const first = await readyNode("--bootstrap", "--ready-file", file, "--ready", "leader");
    await until("the ready file", () => existsSync(file));
    const { clusterId, pid, ...ready } = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual(ready, { ready: "leader", nodeId: 1, address });
    assert.equal(pid, first.pid);
    assert.match(clusterId, /^[0-9a-f]{32}$/);
    assert.equal((await raft(["put", "k", "v", "-e", address])).code, 0);
    first.child.kill("SIGKILL");
    await first.ended;
    await readyNode();
    assert.equal((await raft(["get", "k", "-e", address])).output, "v");
  });

  it("stops in good order on SIGTERM and on SIGINT, within 5 s, with 0", async () => {
    let words = ["--bootstrap"];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { child, ended, log } = await readyNode(...words);
      const startMs = performance.now();
      child.kill(signal);
      assert.deepEqual(await ended, { code: 0, signal: null }, log());
      assert.ok(performance.now() - startMs < 5000);
      words = [];
    }
  });

  it("ends with 9 where the data directory is in use, and says by whom", async () => {
    const first = await readyNode("--bootstrap");
    const [port] = await freePorts(1);
    const words = ["start", "--id", "1", "--data", "data", "--listen", `127.0.0.1:${port}`];
    const second = await raft([...words, "-o", "json"], { cwd: bench.directory });
    assert.equal(second.code, 9, second.errors);
    const line = second.errors.split("\n").find((text) => text.startsWith('{"error"'));
    const { error } = JSON.parse(line ?? "");
    assert.equal(error.code, "bad_data");
    assert.match(JSON.stringify(error), new RegExp(String(first.pid)));
    assert.ok(isAlive(first.pid));
  });

  it("ends with 8 under another id or cluster name", async () => {
    const first = await readyNode("--bootstrap");
    first.child.kill("SIGTERM");
    await first.ended;
    for (const words of [["--id", "2"], ["--id", "1", "--cluster", "other"]]) {
      const { ended, log } = node(...words);
      assert.equal((await ended).code, 8, log());
    }
  });

  it("ends with 2 for flags that cannot be used, and touches nothing", async () => {
    for (
      const words of [
        [],
        ["--id", "0"],
        ["--id", "1", "--bootstrap", "--peers", "1=a:1"],
        ["--id", "1", "--bootstrap", "--listen", "0.0.0.0:7238"],
        ["--id", "1", "--bootstrap", "--heartbeat", "100"],
        ["--id", "1", "--bootsrap"],
      ]
    ) {
      const { code, errors } = await raft(["start", ...words], { cwd: bench.directory });
      assert.equal(code, 2, `${words.join(" ")}: ${errors}`);
    }
    assert.equal(existsSync(bench.path("raft-data")), false);
  });

  it("refuses an address in use and a directory without identity", async () => {
    await readyNode("--bootstrap");
    const taken = bench.start("taken", ["--id", "1", "--bootstrap", "--listen", address]);
    assert.equal((await taken.ended).code, 1, taken.log());
    assert.match(taken.log(), /another process listens there/);
    const [port] = await freePorts(1);
    const empty = bench.start("empty", ["--id", "1", "--data", "e", "--listen", `[::1]:${port}`]);
    const { code } = await empty.ended;
    assert.notEqual(code, 0);
    assert.match(empty.log(), /--bootstrap/);
  });

  it("takes its settings from a file, and reads the log level again on SIGHUP", async () => {
    const file = bench.path("raft.json");
    const settings = { id: 1, data: "data", listen: address, bootstrap: true };
    writeFileSync(file, JSON.stringify({ ...settings, logLevel: "error" }));
    const started = bench.start("node", ["--config", file]);
    const waited = await raft(["wait", "leader", "-e", address, "-t", "20s"]);
    assert.equal(waited.code, 0, started.log());
    assert.doesNotMatch(started.log(), / INFO /);
    writeFileSync(file, JSON.stringify({ ...settings, logLevel: "info" }));
    started.child.kill("SIGHUP");
    await until("the line about the level", () => started.log().includes("log level read again"));
  });
});

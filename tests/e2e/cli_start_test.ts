import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import { eventually } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import type { OwnProcess } from "./kit/own_process.ts";
import { assertExit, describeAnswer, runRaft } from "./kit/run_raft.ts";
import { Workbench } from "./kit/workbench.ts";

describe("raft start", () => {
  let bench: Workbench;
  let address: string;

  beforeEach(async () => {
    bench = new Workbench();
    address = `127.0.0.1:${(await findFreePorts(1))[0]}`;
  });

  afterEach(() => bench.dispose());

  function node(...words: string[]): OwnProcess {
    return bench.start("node", ["--data", "data", "--listen", address, ...words]);
  }

  async function leads(): Promise<void> {
    const waited = await runRaft(["wait", "leader", "-e", address, "-t", "20s"]);
    assert.equal(waited.exit, 0, describeAnswer(waited) + bench.log("node"));
  }

  async function readyNode(...words: string[]): Promise<OwnProcess> {
    const started = node("--id", "1", ...words);
    await leads();
    return started;
  }

  it("writes the ready file and keeps its data over a restart", async () => {
    const file = bench.path("ready");
    const first = await readyNode("--bootstrap", "--ready-file", file, "--ready", "leader");
    await eventually({ what: "the ready file", look: () => existsSync(file) || null });
    const { clusterId, pid, ...ready } = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual(ready, { ready: "leader", nodeId: 1, address });
    assert.equal(pid, first.pid);
    assert.match(clusterId, /^[0-9a-f]{32}$/);
    assertExit(await runRaft(["put", "k", "v", "-e", address]), 0);
    await first.kill();
    await readyNode();
    assert.equal((await runRaft(["get", "k", "-e", address])).stdout, "v");
  });

  it("stops in good order on SIGTERM and on SIGINT, within 5 s, with 0", async () => {
    let words = ["--bootstrap"];
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const started = await readyNode(...words);
      const startMs = performance.now();
      started.signal(signal);
      assert.deepEqual(await started.ended, { code: 0, signal: null }, bench.log("node"));
      assert.ok(performance.now() - startMs < 5000);
      words = [];
    }
  });

  it("ends with 9 where the data directory is in use, and says by whom", async () => {
    const first = await readyNode("--bootstrap");
    const [port] = await findFreePorts(1);
    const words = ["start", "--id", "1", "--data", "data", "--listen", `127.0.0.1:${port}`];
    const second = await runRaft([...words, "-o", "json"], { folder: bench.folder });
    assertExit(second, 9);
    const line = second.stderr.split("\n").find((text) => text.startsWith('{"error"'));
    const { error } = JSON.parse(line ?? "");
    assert.equal(error.code, "bad_data");
    assert.match(JSON.stringify(error), new RegExp(String(first.pid)));
    assert.ok(first.isRunning);
  });

  it("ends with 8 under another id or cluster name", async () => {
    const first = await readyNode("--bootstrap");
    first.signal("SIGTERM");
    await first.ended;
    for (const words of [["--id", "2"], ["--id", "1", "--cluster", "other"]]) {
      assert.equal((await node(...words).ended).code, 8, bench.log("node"));
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
      assertExit(await runRaft(["start", ...words], { folder: bench.folder }), 2);
    }
    assert.equal(existsSync(bench.path("raft-data")), false);
  });

  it("refuses an address in use and a directory without identity", async () => {
    await readyNode("--bootstrap");
    const taken = bench.start("taken", ["--id", "1", "--bootstrap", "--listen", address]);
    assert.equal((await taken.ended).code, 1, bench.log("taken"));
    assert.match(bench.log("taken"), /another process listens there/);
    const [port] = await findFreePorts(1);
    const empty = bench.start("empty", ["--id", "1", "--data", "e", "--listen", `[::1]:${port}`]);
    const { code } = await empty.ended;
    assert.notEqual(code, 0);
    assert.match(bench.log("empty"), /--bootstrap/);
  });

  it("takes its settings from a file, and reads the log level again on SIGHUP", async () => {
    const file = bench.path("raft.json");
    const settings = { id: 1, data: "data", listen: address, bootstrap: true };
    writeFileSync(file, JSON.stringify({ ...settings, logLevel: "error" }));
    const started = bench.start("node", ["--config", file]);
    await leads();
    assert.doesNotMatch(bench.log("node"), / INFO /);
    writeFileSync(file, JSON.stringify({ ...settings, logLevel: "info" }));
    started.signal("SIGHUP");
    await eventually({
      what: "the line about the level",
      look: () => bench.log("node").includes("log level read again") || null,
    });
  });
});

/** The pages of `raft start --http`, of the binary. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { sampleOf } from "../observability/prometheus_text.ts";
import { eventually } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import type { OwnProcess } from "./kit/own_process.ts";
import { assertExit, describeAnswer, runRaft } from "./kit/run_raft.ts";
import { Workbench } from "./kit/workbench.ts";

describe("raft start --http", () => {
  let bench: Workbench;
  let address: string;
  let http: string;

  beforeEach(async () => {
    bench = new Workbench();
    [address, http] = (await findFreePorts(2)).map((port) => `127.0.0.1:${port}`) as [
      string,
      string,
    ];
  });

  afterEach(() => bench.dispose());

  async function start(...words: string[]): Promise<OwnProcess> {
    const flags = ["--id", "1", "--data", "data", "--listen", address, "--http", http];
    const node = bench.start("node", [...flags, ...words]);
    const waited = await runRaft(["wait", "leader", "-e", address, "-t", "20s"]);
    assert.equal(waited.exit, 0, describeAnswer(waited) + bench.log("node"));
    return node;
  }

  async function page(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://${http}${path}`);
    return { status: response.status, text: await response.text() };
  }

  it("has metrics, health and status of the node, and ends with it", async () => {
    const node = await start("--bootstrap");
    assertExit(await runRaft(["put", "k", "v", "-e", address]), 0);
    const { text } = await page("/metrics");
    assert.equal(sampleOf(text, "raft_is_leader"), 1);
    assert.equal(sampleOf(text, "raft_proposals_total"), 1);
    assert.equal(sampleOf(text, "raft_keys"), 1);
    assert.ok(sampleOf(text, "raft_log_sync_duration_seconds_count")! >= 1);
    assert.ok(sampleOf(text, "process_resident_memory_bytes")! > 2 ** 20);
    const health = await page("/health");
    assert.deepEqual([health.status, JSON.parse(health.text).status], [200, "healthy"]);
    const status = await runRaft(["status", "-o", "json", "-e", address]);
    assert.deepEqual(JSON.parse((await page("/status")).text), JSON.parse(status.stdout));
    const idle = net.connect({ host: "127.0.0.1", port: Number(http.split(":")[1]) });
    idle.on("error", () => {});
    await new Promise((resolve) => idle.once("connect", resolve));
    node.signal("SIGTERM");
    assert.deepEqual(await node.ended, { code: 0, signal: null }, bench.log("node"));
    idle.destroy();
  });

  it("raises the alarm of a node whose state deviates, and answers 503", async () => {
    const first = await start("--bootstrap");
    first.signal("SIGTERM");
    await first.ended;
    const path = bench.path("data");
    const directory = await openDataDirectory(await detectRuntime(), { path, nodeId: 1 });
    await directory.saveIdentity({ ...directory.identity, deviatesSince: 1 });
    await directory.close();
    bench.start("node", ["--id", "1", "--data", "data", "--http", http]);
    const text = await eventually({
      what: "the node",
      look: async () => {
        const { status, text } = await page("/metrics").catch(() => ({ status: 0, text: "" }));
        return status === 200 && sampleOf(text, 'raft_alarm{alarm="deviates"}') === 1 ? text : null;
      },
    });
    assert.equal(sampleOf(text, 'raft_alarm{alarm="state_divergence"}'), 1);
    assert.equal(sampleOf(text, "raft_is_leader"), 0);
    const health = await page("/health");
    assert.equal(health.status, 503);
    assert.match(health.text, /state of node 1 differs from that of a majority/);
  });

  it("ends with 1 where the address is taken, and has done nothing", async () => {
    const words = ["--id", "1", "--data", "data", "--bootstrap", "--listen", address];
    const occupant = net.createServer();
    const { host, port } = { host: "127.0.0.1", port: Number(http.split(":")[1]) };
    await new Promise<void>((resolve) => occupant.listen({ host, port }, resolve));
    const folder = bench.folder;
    const taken = await runRaft(["start", ...words, "--http", http], { folder });
    occupant.close();
    assertExit(taken, 1);
    assert.match(taken.stderr, /Cannot listen on "127.0.0.1:\d+": address already in use/);
    assertExit(await runRaft(["log", "info", "data"], { folder }), 3);
  });
});

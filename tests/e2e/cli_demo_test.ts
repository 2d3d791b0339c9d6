import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { binary, cleanEnvironment, collect, isAlive, pause, raft } from "./raft_binary.ts";

/** The pids of nodes that a demo with this TMPDIR started, by what Linux knows of processes. */
function nodesIn(directory: string): number[] {
  if (!existsSync("/proc/self/cmdline")) return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return command[1] === "start" && command.some((word) => word.startsWith(directory));
    } catch {
      return false;
    }
  });
}

describe("raft demo", () => {
  let directory: string;
  const children: ReturnType<typeof spawn>[] = [];

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "raft-e2e-demo-"));
  });

  after(() => {
    for (const child of children) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  function demo(words: readonly string[]): ReturnType<typeof spawn> {
    const env = { ...cleanEnvironment, TMPDIR: directory, RAFT_ENDPOINTS: "127.0.0.1:1" };
    const child = spawn(binary, ["demo", ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return child;
  }

  async function waitForNodes(count: number): Promise<number[]> {
    for (let round = 0; round < 500; round += 1) {
      const pids = nodesIn(directory);
      if (pids.length === count) return pids;
      await pause(20);
    }
    throw new Error(`There are ${nodesIn(directory).length} nodes, want ${count}`);
  }

  it("shows every step, ends with 0 and leaves nothing behind", async () => {
    const { code, output, errors } = await collect(demo(["--headless", "-o", "json"]));
    assert.equal(code, 0, errors);
    const { ok, nodes, steps } = JSON.parse(output);
    assert.equal(ok, true);
    assert.equal(nodes.length, 3);
    assert.deepEqual(
      steps.map(({ name }: { name: string }) => name),
      [
        "start",
        "elect",
        "write",
        "read",
        "crash",
        "fail over",
        "nothing lost",
        "restart",
        "read",
      ],
    );
    assert.deepEqual(nodesIn(directory), []);
    assert.deepEqual(readdirSync(directory), []);
  });

  it("clears up when it is stopped in the middle", async () => {
    const child = demo(["--headless"]);
    const ended = collect(child);
    const pids = await waitForNodes(3);
    child.kill("SIGINT");
    assert.notEqual((await ended).code, 0);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(readdirSync(directory), []);
  });

  it("takes its nodes with it when it is killed", async () => {
    const child = demo(["--headless"]);
    const ended = collect(child);
    const pids = await waitForNodes(3);
    child.kill("SIGKILL");
    await ended;
    for (let round = 0; round < 500 && pids.some(isAlive); round += 1) await pause(20);
    assert.deepEqual(pids.filter(isAlive), []);
  });

  it("stays until it is stopped, keeps what it should, and then ends with 0", async () => {
    const keep = join(directory, "kept");
    const child = demo(["--keep", keep, "--nodes", "5"]);
    let seen = "";
    child.stdout?.on("data", (chunk) => seen += chunk);
    const ended = collect(child);
    for (let round = 0; round < 3000 && !seen.includes("Ctrl-C stops it"); round += 1) {
      await pause(20);
    }
    const endpoints = /The cluster runs at ([\d.:,]+\d)/.exec(seen)?.[1] ?? "";
    assert.equal(endpoints.split(",").length, 5, seen);
    const got = await raft(["get", "greeting", "-e", endpoints]);
    assert.equal(got.output, "hello", got.errors);
    child.kill("SIGTERM");
    const { code, errors } = await ended;
    assert.equal(code, 0, errors);
    assert.deepEqual(nodesIn(directory), []);
    assert.ok(readdirSync(keep).includes("1.log"));
  });
});

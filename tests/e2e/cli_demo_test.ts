import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { eventually } from "./kit/eventually.ts";
import type { OwnProcess } from "./kit/own_process.ts";
import { answerOf, assertExit, documentOf, runRaft, startRaft } from "./kit/run_raft.ts";

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

/** Whether a process with this id lives. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("raft demo", () => {
  let directory: string;
  const children: OwnProcess[] = [];

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "raft-e2e-demo-"));
  });

  after(async () => {
    await Promise.all(children.map((child) => child.kill()));
    rmSync(directory, { recursive: true, force: true });
  });

  function demo(words: readonly string[]): OwnProcess {
    const environment = { TMPDIR: directory, RAFT_ENDPOINTS: "127.0.0.1:1" };
    const child = startRaft(["demo", ...words], { environment });
    children.push(child);
    return child;
  }

  function waitForNodes(count: number): Promise<number[]> {
    return eventually({
      what: `${count} nodes`,
      look: () => {
        const pids = nodesIn(directory);
        return pids.length === count ? pids : null;
      },
    });
  }

  it("shows every step, ends with 0 and leaves nothing behind", async () => {
    const words = ["--headless", "-o", "json"];
    const { ok, nodes, steps } = documentOf(await answerOf(demo(words), ["demo", ...words]));
    assert.equal(ok, true);
    assert.equal(nodes.length, 3);
    assert.deepEqual(
      steps.map(({ name }: { name: string }) => name),
      [
        ...["start", "elect", "write", "read", "crash", "fail over", "nothing lost", "restart"],
        ...["hand over", "grow", "read", "shrink"],
      ],
    );
    assert.deepEqual(nodesIn(directory), []);
    assert.deepEqual(readdirSync(directory), []);
  });

  it("clears up when it is stopped in the middle", async () => {
    const child = demo(["--headless"]);
    const pids = await waitForNodes(3);
    child.signal("SIGINT");
    assert.notEqual((await child.ended).code, 0);
    assert.deepEqual(pids.filter(isAlive), []);
    assert.deepEqual(readdirSync(directory), []);
  });

  it("takes its nodes with it when it is killed", async () => {
    const child = demo(["--headless"]);
    const pids = await waitForNodes(3);
    await child.kill();
    await eventually({ what: "its nodes to end", look: () => !pids.some(isAlive) || null });
  });

  it("stays until it is stopped, keeps what it should, and then ends with 0", async () => {
    const keep = join(directory, "kept");
    const words = ["--keep", keep, "--nodes", "5"];
    const child = demo(words);
    const seen = await eventually({
      what: "the demo to be done",
      look: () => {
        const text = Buffer.concat(child.output.stdout).toString();
        return text.includes("Ctrl-C stops it") ? text : null;
      },
    });
    const endpoints = /The cluster runs at ([\d.:,]+\d)/.exec(seen)?.[1] ?? "";
    assert.equal(endpoints.split(",").length, 5, seen);
    assert.equal((await runRaft(["get", "greeting", "-e", endpoints])).stdout, "hello");
    child.signal("SIGTERM");
    assertExit(await answerOf(child, ["demo", ...words]), 0);
    assert.deepEqual(nodesIn(directory), []);
    assert.ok(readdirSync(keep).includes("1.log"));
  });
});

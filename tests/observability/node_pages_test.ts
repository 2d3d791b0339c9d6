/** The pages of a node: who is served, who is not, and what a status has. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NodePages } from "../../src/observability/node_pages.ts";
import type { NodeReadings } from "../../src/observability/node_readings.ts";
import { nodeReadings, raftReadings } from "./fake_readings.ts";
import { sampleOf } from "./prometheus_text.ts";

function pagesOf(readings: NodeReadings | null): NodePages {
  const usage = () => ({ residentBytes: 1, cpuSeconds: 1 });
  return new NodePages({ readings: () => readings, usage });
}

async function healthOf(readings: NodeReadings | null): Promise<[number, string, string[]]> {
  const { status, body } = await pagesOf(readings).answer("/health");
  const health = JSON.parse(body);
  return [status, health.status, health.reasons];
}

describe("NodePages", () => {
  it("answers 200 while the node serves, and says what is wrong all the same", async () => {
    assert.deepEqual(await healthOf(nodeReadings()), [200, "healthy", []]);
    const notes = ["no room for more of the log"];
    const full = nodeReadings({ status: { notes }, raft: raftReadings({ isFull: true }) });
    assert.deepEqual(await healthOf(full), [200, "degraded", notes]);
  });

  it("answers 503 while it serves nobody", async () => {
    const alarms = [{ nodeId: 1, index: 7, message: "the state of node 1 differs" }];
    const deviates = nodeReadings({ status: { alarms }, raft: raftReadings({ deviates: true }) });
    assert.deepEqual(await healthOf(deviates), [503, "degraded", ["the state of node 1 differs"]]);
    const restoring = nodeReadings({ raft: raftReadings({ isRestoring: true }) });
    assert.deepEqual((await healthOf(restoring)).slice(0, 2), [503, "degraded"]);
    const leaderless = nodeReadings({ status: { role: "follower", leaderId: 0 } });
    assert.deepEqual(await healthOf(leaderless), [503, "no_quorum", ["no leader is known"]]);
    const forming = nodeReadings({ status: { leaderId: 0, notes: ["waits for 2"] }, raft: null });
    assert.deepEqual(await healthOf(forming), [503, "no_quorum", ["waits for 2"]]);
  });

  it("says that the node starts, until it is there", async () => {
    assert.deepEqual((await healthOf(null)).slice(0, 2), [503, "unknown"]);
    for (const path of ["/metrics", "/status"]) {
      assert.equal((await pagesOf(null).answer(path)).status, 503, path);
    }
  });

  it("knows no other page, and names those it has", async () => {
    const { status, body } = await pagesOf(nodeReadings()).answer("/secret");
    assert.equal(status, 404);
    assert.match(body, /\/metrics.*\/health.*\/status/);
  });

  it("has metrics of the moment", async () => {
    const { status, contentType, body } = await pagesOf(nodeReadings()).answer("/metrics");
    assert.deepEqual([status, contentType], [200, "text/plain; version=0.0.4; charset=utf-8"]);
    assert.equal(sampleOf(body, "raft_term"), 3);
  });

  it("has a status with what a node knows of the others", async () => {
    const { members, leader } = JSON.parse((await pagesOf(nodeReadings()).answer("/status")).body);
    assert.deepEqual(leader, { id: 1, address: "127.0.0.1:7238" });
    assert.deepEqual(
      members.map((
        { id, role, reachable, matchIndex, lag }: Record<string, unknown>,
      ) => [id, role, reachable, matchIndex, lag]),
      [[1, "leader", true, 100, 0], [2, "unknown", true, 90, 10], [3, "unknown", false, 0, 100]],
    );
    const follower = nodeReadings({ status: { nodeId: 2, role: "follower", leaderId: 1 } });
    const seen = JSON.parse((await pagesOf(follower).answer("/status")).body).members;
    assert.deepEqual(
      seen.map(({ role, matchIndex, lag }: Record<string, unknown>) => [role, matchIndex, lag]),
      [["leader", null, null], ["follower", 100, null], ["unknown", null, null]],
    );
  });
});

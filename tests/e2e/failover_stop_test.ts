/** A node that is asked to stop does so in good order and in time, whatever the others do. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { KeyWriter } from "./kit/key_writer.ts";
import { describeCluster, itWithCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

/** What the command line promises for SIGTERM. */
const STOP_MS_MAX = 5_000;

/** Stops a node by SIGTERM and checks how. */
async function assertStops(node: TestNode): Promise<void> {
  const startMs = performance.now();
  const ending = await node.stop();
  const elapsedMs = Math.round(performance.now() - startMs);
  assert.deepEqual(ending, { code: 0, signal: null }, `Node ${node.id} after ${elapsedMs} ms`);
  assert(elapsedMs <= STOP_MS_MAX, `Node ${node.id} took ${elapsedMs} ms to stop`);
}

describeCluster({ name: "graceful stop" }, (clusterIt) => {
  clusterIt("loses nothing under load, and the others go on", async (cluster) => {
    const leader = await cluster.leader();
    const writer = new KeyWriter((await cluster.client()).store, { prefix: "stop/", count: 8 });
    await assertStops(leader);
    await cluster.leader(leader);
    await writer.stop();
    await cluster.start();
    await writer.assertKept((await cluster.client()).store);
    assert.equal(writer.refused.size, 0);
  });

  for (const role of ["leader", "follower"] as const) {
    clusterIt(`is in time at a ${role} while the others are paused`, async (cluster) => {
      const leader = await cluster.leader();
      const node = role === "leader" ? leader : cluster.others(leader)[0]!;
      const others = cluster.others(node);
      for (const other of others) other.signal("SIGSTOP");
      try {
        await assertStops(node);
      } finally {
        for (const other of others) other.signal("SIGCONT");
      }
      await cluster.start();
    });

    clusterIt(`is in time at a ${role} while the others are dead`, async (cluster) => {
      const leader = await cluster.leader();
      const node = role === "leader" ? leader : cluster.others(leader)[0]!;
      await Promise.all(cluster.others(node).map((other) => other.kill()));
      await assertStops(node);
      await cluster.start();
    });
  }

  clusterIt("follows the end of standard input where that is asked for", async (cluster) => {
    const node = cluster.others(await cluster.leader())[0]!;
    node.process.endInput();
    assert.deepEqual(await node.process.ended, { code: 0, signal: null });
    await cluster.start();
  });
});

describe("leadership at a stop", () => {
  // A first leader may have to come of it, where nodes form one after the other; the next may not.
  const electionTimeoutMs = 25_000;
  const flags = ["--election-timeout", `${electionTimeoutMs}ms`];

  itWithCluster({ name: "is handed over, without an election timeout", flags }, async (cluster) => {
    await cluster.start();
    const leader = await cluster.leader();
    const { term } = await cluster.status();
    const stopMs = performance.now();
    await assertStops(leader);
    await cluster.leader(leader);
    const tookMs = performance.now() - stopMs;
    assert.ok(tookMs < electionTimeoutMs, `it took ${tookMs} ms, as long as an election timeout`);
    assert.equal((await cluster.status()).term, term + 1, "one election, which was won");
  });
});

/** A leader that is cut off does no harm while it still believes that it leads. */
import assert from "node:assert/strict";
import { eventually } from "./kit/eventually.ts";
import { assertExit } from "./kit/run_raft.ts";
import { itWithCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

/**
 * Starts the cluster so that this node leads, and is slower than the others to notice that it is
 * cut off: it leads for at least 3 s without them, and they need at most 2 s to elect another.
 */
async function startWithSlowLeader(cluster: TestCluster, slow: TestNode): Promise<void> {
  const others = cluster.others(slow);
  await Promise.all([
    slow.start(["--election-timeout", "3s"]),
    ...others.map((node) => node.start(["--election-timeout", "60s"])),
  ]);
  assert.equal(await cluster.leader(), slow);
  for (const node of others) {
    assert.equal((await node.stop()).code, 0);
    await node.start(["--election-timeout", "1s"]);
    await cluster.caughtUp();
  }
  assert.equal(await cluster.leader(), slow);
}

itWithCluster({
  name: "failover: reads nothing stale from a leader that is cut off, which steps down",
  isProxied: true,
}, async (cluster) => {
  const former = cluster.node(1);
  await startWithSlowLeader(cluster, former);
  const pinned = { endpoint: former.address, timeoutMs: 60_000 };
  const reader = await cluster.client([former.address]);
  const others = await cluster.client(cluster.others(former).map(({ address }) => address));
  await others.store.put("cut", "old", { timeoutMs: 60_000 });
  assert.equal((await reader.store.get("cut", pinned)).servedBy, former.id);

  cluster.isolate(former);
  await others.store.put("cut", "new", { timeoutMs: 60_000 });
  // It has not stepped down yet, unless this machine is very slow.
  const reads = Array.from({ length: 8 }, () => reader.store.get("cut", pinned));
  const lost = reader.store.put("lost", "in the minority", { timeoutMs: 60_000 });
  // Where the test fails before it gets there, that failure is the one to show.
  lost.catch(() => {});
  await eventually({
    what: `node ${former.id} to step down`,
    look: async () => (await reader.raft.status(pinned)).role !== "leader" || null,
  });
  cluster.heal();

  for (const read of await Promise.all(reads)) {
    assert.equal(new TextDecoder().decode(read.value), "new", `By node ${read.servedBy}`);
  }
  const { revision } = await lost;
  const found = await others.store.get("lost", { timeoutMs: 60_000 });
  assert.equal(found.revision, revision, "The client tried again, and it was applied once");
  assert.equal(found.version, 1);
  await cluster.caughtUp();
  assertExit(await cluster.run(["health", "--timeout", "30s"]), 0);
});

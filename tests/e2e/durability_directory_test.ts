/** A data directory belongs to one node of one cluster, and to one process at a time. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { PATIENCE_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { assertExit, errorOf, runRaft } from "./kit/run_raft.ts";
import { describeCluster, itWithCluster } from "./kit/test_cluster.ts";

/** `raft start` on the data of node 1, with other flags, listening somewhere else. */
async function startOn(dataPath: string, flags: readonly string[]) {
  const [port] = await findFreePorts(1);
  return await runRaft([
    ...["start", "--data", dataPath, "--listen", `127.0.0.1:${port}`, "-o", "json"],
    ...flags,
  ]);
}

describeCluster({ name: "durability: a data directory", nodeCount: 1 }, (clusterIt) => {
  clusterIt("is refused while another process uses it, which is named", async (cluster) => {
    const node = cluster.node(1);
    const answer = await startOn(node.dataPath, ["--id", "1", "--cluster", "e2e"]);
    assertExit(answer, 9);
    const error = errorOf(answer);
    assert.equal(error.code, "bad_data");
    assert.match(error.message, new RegExp(`process ${node.process.pid}\\b`));
    assertExit(await cluster.run(["put", "still", "alive", "--timeout", "30s"]), 0);
  });

  clusterIt("is refused under another id or cluster name, saying which", async (cluster) => {
    const node = cluster.node(1);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    const otherId = await startOn(node.dataPath, ["--id", "2", "--cluster", "e2e"]);
    assertExit(otherId, 8);
    assert.equal(errorOf(otherId).code, "denied");
    assert.match(errorOf(otherId).message, /for node 2: it belongs to node 1/);
    const otherName = await startOn(node.dataPath, ["--id", "1", "--cluster", "other"]);
    assertExit(otherName, 8);
    assert.match(errorOf(otherName).message, /cluster "other": it belongs to cluster "e2e"/);
    await cluster.start();
    const read = await cluster.run(["get", "still"]);
    assert.equal(read.stdout, "alive");
  });

  clusterIt("is taken over from a process that was killed", async (cluster) => {
    const node = cluster.node(1);
    await node.kill();
    await cluster.start();
    assert.equal((await cluster.run(["get", "still"])).stdout, "alive");
  });
});

itWithCluster(
  { name: "durability: a wiped node does not come back under its old id" },
  async (cluster) => {
    await cluster.start();
    const wiped = cluster.node(3);
    await wiped.kill();
    rmSync(wiped.dataPath, { recursive: true });
    const started = wiped.spawn();
    const timer = setTimeout(() => void started.kill(), PATIENCE_MS);
    const { code } = await started.ended;
    clearTimeout(timer);
    assert.equal(code, 8, wiped.log);
    assert.match(wiped.log, /another data directory/);
    assert.match(wiped.log, /raft member replace 3 NEW/);
    assertExit(await cluster.run(["put", "without", "it", "--timeout", "30s"]), 0);
  },
);

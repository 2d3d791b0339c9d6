/** What a node that was started once needs to be told: its id and its data directory. */
import assert from "node:assert/strict";
import { assertExit } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";

describeCluster({ name: "raft start, again" }, (clusterIt) => {
  clusterIt("with --id and --data alone forms the same cluster", async (cluster) => {
    assertExit(await cluster.run(["put", "kept", "value"]), 0);
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await Promise.all(cluster.nodes.map((node) => node.startAgain()));
    await cluster.leader();
    assert.equal((await cluster.run(["get", "kept"])).stdout, "value");
    assertExit(await cluster.run(["put", "new", "value"]), 0);
    await cluster.caughtUp();
    const { members } = await cluster.status();
    const addresses = members.map(({ address }: { address: string }) => address);
    assert.deepEqual(addresses, cluster.endpoints);
  });

  clusterIt("listens where it is told, and keeps its address", async (cluster) => {
    const node = cluster.node(2);
    await node.kill();
    await node.startAgain(["--listen", node.address.replace("127.0.0.1", "0.0.0.0")]);
    await cluster.caughtUp();
    const { members } = await cluster.status();
    assert.equal(members[1].address, node.address);
  });
});

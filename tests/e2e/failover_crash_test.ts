/** The cluster survives the crash of its leader, and a leader that was paused does no harm. */
import assert from "node:assert/strict";
import { eventually } from "./kit/eventually.ts";
import { KeyWriter } from "./kit/key_writer.ts";
import { assertExit, documentOf, type Json } from "./kit/run_raft.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

/** Reads a key through each node and nothing but that node. */
async function assertReadable(
  cluster: TestCluster,
  { key, value }: { key: string; value: string },
): Promise<void> {
  for (const node of cluster.nodes.filter(({ isRunning }) => isRunning)) {
    const words = ["get", key, "-o", "json", "--timeout", "30s"];
    const read = documentOf(await cluster.run(words, [node.address]));
    assert.equal(read.value, value, `Read through node ${node.id}`);
    assert.equal(read.servedBy, node.id);
  }
}

/** The number of a term, for a comparison. */
async function currentTerm(cluster: TestCluster): Promise<number> {
  return (await cluster.status()).term;
}

/** The line of a node in the status. */
async function memberOf(cluster: TestCluster, node: TestNode): Promise<Json> {
  return (await cluster.status()).members.find(({ id }: Json) => id === node.id);
}

describeCluster({ name: "failover" }, (clusterIt) => {
  clusterIt("survives SIGKILL of the leader under load", async (cluster) => {
    const former = await cluster.leader();
    const termBefore = await currentTerm(cluster);
    const writer = new KeyWriter((await cluster.client()).store, { prefix: "kill/", count: 16 });
    const growth = async (count: number): Promise<void> => {
      const goal = writer.acknowledged.size + count;
      await eventually({
        what: `${count} more acknowledged writes`,
        look: () => writer.acknowledged.size >= goal || null,
      });
    };
    await growth(100);
    await former.kill();
    await growth(100);
    const leader = await cluster.leader(former);
    assert(await currentTerm(cluster) > termBefore, "The new leader has a new term");
    assert.equal((await memberOf(cluster, former)).reachable, false);

    assertExit(await cluster.run(["put", "after", "crash", "--timeout", "30s"]), 0);
    await assertReadable(cluster, { key: "after", value: "crash" });

    await former.start();
    await growth(100);
    await writer.stop();
    await writer.assertKept((await cluster.client()).store);
    await cluster.caughtUp();
    await assertReadable(cluster, { key: "after", value: "crash" });
    const back = await memberOf(cluster, former);
    assert.equal(back.role, "follower", `Node ${leader.id} goes on to lead`);
    assert.equal(writer.refused.size, 0, "20 s are enough for an election");
  });

  clusterIt(
    "reads nothing stale from a leader that was paused, which steps down",
    async (cluster) => {
      const former = await cluster.leader();
      const termBefore = await currentTerm(cluster);
      const { store } = await cluster.client();
      await store.put("paused", "old");
      // One connection to the leader each, open before it is paused: the questions will lie in the
      // kernel when it goes on, before it has heard of the new term.
      const readers = await Promise.all(
        Array.from({ length: 8 }, () => cluster.client([former.address])),
      );
      const pinned = { endpoint: former.address, timeoutMs: 60_000 };
      for (const reader of readers) await reader.store.get("paused", pinned);

      former.signal("SIGSTOP");
      const rest = cluster.others(former).map(({ address }) => address);
      const others = await cluster.client(rest);
      await others.store.put("paused", "new", { timeoutMs: 60_000 });
      const reads = readers.map((reader) => reader.store.get("paused", pinned));
      former.signal("SIGCONT");

      for (const read of await Promise.all(reads)) {
        assert.equal(new TextDecoder().decode(read.value), "new", `By node ${read.servedBy}`);
      }
      const member = await eventually({
        what: `node ${former.id} to follow`,
        look: async () => {
          const seen = await memberOf(cluster, former);
          return seen.role === "follower" ? seen : null;
        },
      });
      assert(member.reachable);
      assert(await currentTerm(cluster) > termBefore);
      await cluster.caughtUp();
    },
  );
});

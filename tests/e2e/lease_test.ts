/** Keys that go away by themselves: leases, and times to live, by the command line. */
import assert from "node:assert/strict";
import { eventually } from "./kit/eventually.ts";
import { assertExit, documentOf, errorOf, type Json } from "./kit/run_raft.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";

/** So long that nothing expires while a test runs. */
const LONG_MS = 3_600_000;
const NOT_FOUND = 3;

/** Grants a lease; its id. */
async function grant(cluster: TestCluster, ttl: string): Promise<number> {
  return (await cluster.document(["lease", "grant", ttl])).id;
}

/** Resolves when no node has the key any more. */
async function goneEverywhere(cluster: TestCluster, key: string): Promise<void> {
  await eventually({
    what: `${key} to go away`,
    look: async () => (await cluster.run(["get", key])).exit === NOT_FOUND || null,
  });
  await cluster.caughtUp();
  for (const { id, address } of cluster.nodes) {
    await eventually({
      what: `${key} to go away at node ${id}`,
      look: async () => {
        const read = await cluster.run(["get", key, "--consistency", "stale"], [address]);
        return read.exit === NOT_FOUND || null;
      },
    });
  }
}

describeCluster({ name: "leases" }, (clusterIt) => {
  clusterIt("grant prints the id alone where nothing else is wanted", async (cluster) => {
    const answer = await cluster.run(["lease", "grant", "1h", "-q"]);
    assertExit(answer, 0);
    assert.match(answer.stdout, /^[1-9][0-9]*\n$/);
    assert.equal(answer.stderr, "");
    const talking = await cluster.run(["lease", "grant", "1h"]);
    assert.match(talking.stdout, /^[1-9][0-9]*\n$/);
    assert.match(talking.stderr, new RegExp(`raft lease keep ${talking.stdout.trim()}`));
  });

  clusterIt("show and ls tell what a lease holds and how long it lives", async (cluster) => {
    const id = await grant(cluster, "1h");
    for (const key of ["held/1", "held/2"]) {
      await cluster.document(["put", key, "here", "--lease", String(id)]);
    }
    const shown = await cluster.document(["lease", "show", String(id)]);
    assert.equal(shown.ttlMs, LONG_MS);
    assert.ok(shown.remainingMs > 0 && shown.remainingMs <= LONG_MS, `${shown.remainingMs} ms`);
    assert.deepEqual(shown.keys.map(({ key }: Json) => key), ["held/1", "held/2"]);
    const { leases } = await cluster.document(["lease", "ls"]);
    const listed = leases.find((lease: Json) => lease.id === id);
    assert.deepEqual([listed.ttlMs, listed.keyCount], [LONG_MS, 2]);
  });

  clusterIt("keep gives a lease its whole time again", async (cluster) => {
    const id = await grant(cluster, "1h");
    await eventually({
      what: "time to pass in the cluster",
      look: async () => {
        const { remainingMs } = await cluster.document(["lease", "show", String(id)]);
        return remainingMs < LONG_MS || null;
      },
    });
    const kept = await cluster.document(["lease", "keep", String(id)]);
    assert.equal(kept.remainingMs, LONG_MS);
  });

  clusterIt("revoke takes the keys of the lease along, and no others", async (cluster) => {
    const id = await grant(cluster, "1h");
    await cluster.document(["put", "revoked/mine", "a", "--lease", String(id)]);
    await cluster.document(["put", "revoked/freed", "a", "--lease", String(id)]);
    await cluster.document(["put", "revoked/freed", "b"]);
    const revoked = await cluster.document(["lease", "revoke", String(id)]);
    assert.equal(revoked.deleted, 1);
    assertExit(await cluster.run(["get", "revoked/mine"]), NOT_FOUND);
    assert.equal((await cluster.document(["get", "revoked/freed"])).value, "b");
    for (const command of ["show", "keep", "revoke"]) {
      const answer = await cluster.run(["lease", command, String(id), "-o", "json"]);
      assertExit(answer, NOT_FOUND);
      assert.match(errorOf(answer).message, new RegExp(`lease ${id} does not exist`));
    }
    const late = await cluster.run(["put", "revoked/late", "a", "--lease", String(id)]);
    assertExit(late, NOT_FOUND);
    assertExit(await cluster.run(["get", "revoked/late"]), NOT_FOUND);
  });

  clusterIt("a lease that nobody keeps takes its keys along everywhere", async (cluster) => {
    const id = await grant(cluster, "2s");
    const put = await cluster.run(["put", "expired/mine", "a", "--lease", String(id)]);
    // A machine that stood still for so long that the lease is gone has shown the same.
    if (put.exit !== NOT_FOUND) assertExit(put, 0);
    await goneEverywhere(cluster, "expired/mine");
    assertExit(await cluster.run(["lease", "show", String(id)]), NOT_FOUND);
  });

  clusterIt("a key with a time to live goes away everywhere, another stays", async (cluster) => {
    await cluster.document(["put", "ttl/short", "a", "--ttl", "300ms"]);
    await cluster.document(["put", "ttl/freed", "a", "--ttl", "2s"]);
    await cluster.document(["put", "ttl/freed", "b"]);
    await cluster.document(["put", "ttl/long", "c", "--ttl", "1h"]);
    await cluster.document(["put", "ttl/last", "d", "--ttl", "2s"]);
    await goneEverywhere(cluster, "ttl/short");
    await goneEverywhere(cluster, "ttl/last");
    const { items } = await cluster.document(["ls", "ttl/", "--values"]);
    const left = items.map(({ key, value }: Json) => [key, value]);
    assert.deepEqual(left, [["ttl/freed", "b"], ["ttl/long", "c"]]);
  });

  clusterIt("a lease outlives its leader, and the crash of every node", async (cluster) => {
    const id = await grant(cluster, "1h");
    await cluster.document(["put", "kept/mine", "a", "--lease", String(id)]);
    const former = await cluster.leader();
    await former.kill();
    const leader = await cluster.leader(former);
    assert.notEqual(leader.id, former.id);
    assert.equal((await cluster.document(["lease", "show", String(id)])).keyCount, 1);
    for (const node of cluster.nodes) if (node.isRunning) await node.kill();
    await cluster.start();
    const kept = documentOf(await cluster.run(["lease", "keep", String(id), "-o", "json"]));
    assert.deepEqual([kept.remainingMs, kept.keyCount], [LONG_MS, 1]);
    assert.equal((await cluster.document(["lease", "revoke", String(id)])).deleted, 1);
    assertExit(await cluster.run(["get", "kept/mine"]), NOT_FOUND);
  });

  clusterIt("refuses what makes no sense, and sends nothing", async (cluster) => {
    const lines = [
      ["lease", "grant", "30"],
      ["lease", "grant", "0s"],
      ["lease", "keep", "none"],
      ["put", "a", "b", "--ttl", "1s", "--lease", "1"],
    ];
    for (const words of lines) assertExit(await cluster.run(words), 2);
  });
});

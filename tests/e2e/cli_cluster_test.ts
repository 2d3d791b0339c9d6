import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { raft, TestCluster, Workbench } from "./raft_binary.ts";

describe("a cluster of three nodes", () => {
  let bench: Workbench;
  let cluster: TestCluster;

  before(async () => {
    bench = new Workbench();
    cluster = await TestCluster.start(bench);
  });

  after(() => bench.close());

  it("status, leader and health agree, whichever node is asked", async () => {
    for (const address of cluster.addresses) {
      const status = JSON.parse((await raft(["status", "-e", address, "--json"])).output);
      assert.equal(status.members.length, 3);
      assert.ok(status.members.every(({ reachable }: { reachable: boolean }) => reachable));
      const leader = JSON.parse((await raft(["leader", "-e", address, "--json"])).output);
      assert.equal(leader.id, status.leader.id);
      assert.equal((await raft(["health", "-e", address])).code, 0);
    }
  });

  it("bench prints the fields of the contract, and its record verifies", async () => {
    const file = bench.path("acknowledged");
    const words = ["bench", "put", "--for", "1s", "--in-flight", "16", "--clients", "4"];
    const put = await cluster.json([...words, "--keys", "500", "--acknowledged", file]);
    for (
      const field of [
        ...["operation", "clients", "inFlight", "valueBytes", "seconds", "operations", "errors"],
        ...["opsPerSecond", "p50Micros", "p95Micros", "p99Micros", "maxMicros"],
      ]
    ) {
      assert.ok(field in put, field);
    }
    assert.deepEqual([put.inFlight, put.clients, put.valueBytes, put.errors], [16, 4, 128, 0]);
    assert.ok(put.operations > 0);
    const verified = await cluster.json(["bench", "get", "--verify", file]);
    assert.equal(verified.lost, 0);
    for (const operation of ["get", "mixed"]) {
      const ran = await cluster.json(["bench", operation, "--for", "500ms", "--keys", "100"]);
      assert.ok(ran.operations > 0 && ran.errors === 0, operation);
    }
    const open = await cluster.json(["bench", "put", "--for", "1s", "--rate", "50"]);
    assert.ok(Math.abs(open.operations - 50) <= 10, `${open.operations} operations`);
  });

  it("loses no acknowledged write when the leader is killed under load", async () => {
    const file = bench.path("crash");
    const words = ["bench", "put", "--for", "5s", "--keys", "100000", "--acknowledged", file];
    const load = cluster.run([...words, "-t", "10s", "--json"]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { id } = await cluster.json(["leader"]);
    await cluster.kill(id);
    const { code, output, errors } = await load;
    assert.equal(code, 0, errors);
    assert.ok(JSON.parse(output).operations > 0);
    const verified = await cluster.run(["bench", "get", "--verify", file, "-t", "20s"]);
    assert.equal(verified.code, 0, verified.errors);
    assert.equal((await cluster.run(["health", "-t", "20s"])).code, 4);
    cluster.startNode(id);
    assert.equal((await cluster.run(["wait", "healthy", "--voters", "3", "-t", "60s"])).code, 0);
  });

  it("says no quorum, then unreachable, as its nodes go", async () => {
    await cluster.kill(1);
    await cluster.kill(2);
    const put = await cluster.run(["put", "k", "v", "-t", "3s", "--json"]);
    assert.ok(put.code === 6 || put.code === 7, put.errors);
    const later = await cluster.run(["put", "k", "v", "-t", "3s", "--json"]);
    assert.equal(later.code, 6, later.errors);
    const { error } = JSON.parse(later.errors);
    assert.deepEqual([error.code, error.applied, error.retryable], ["no_quorum", "no", true]);
    const stale = await cluster.run(["get", "none", "--consistency", "stale", "-t", "3s"]);
    assert.equal(stale.code, 3, stale.errors);
    assert.equal((await cluster.run(["health", "-t", "5s"])).code, 6);
    assert.equal((await cluster.run(["wait", "healthy", "-t", "1s"])).code, 4);
    await cluster.kill(3);
    assert.equal((await cluster.run(["health", "-t", "2s"])).code, 5);
    assert.equal((await cluster.run(["put", "k", "v", "-t", "1s"])).code, 5);
    assert.equal((await cluster.run(["status", "-t", "1s"])).code, 5);
    for (const id of [1, 2, 3]) cluster.startNode(id);
    assert.equal((await cluster.run(["wait", "healthy", "-t", "60s"])).code, 0);
  });
});

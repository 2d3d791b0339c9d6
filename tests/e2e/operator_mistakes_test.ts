/** What an operator gets wrong, on a cluster of three: it is refused or shown and harms nothing. */
import assert from "node:assert/strict";
import { eventually } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { assertExit, errorOf, type Json } from "./kit/run_raft.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

const flags = ["--heartbeat", "50ms", "--election-timeout", "400ms"];

/** A command line of words, with the answer as JSON. */
function ask(cluster: TestCluster, line: string) {
  return cluster.run(["-t", "20s", ...line.split(" "), "-o", "json"]);
}

/** The leader, and the two that follow it. */
async function roles(cluster: TestCluster): Promise<[TestNode, TestNode, TestNode]> {
  const leader = await cluster.leader();
  const [one, two] = cluster.others(leader);
  return [leader, one!, two!];
}

/** Waits until the leader has noticed that a node is down. */
async function noticed(cluster: TestCluster, { id }: TestNode): Promise<void> {
  await eventually({
    what: `node ${id} to be missed`,
    look: async () => {
      const { members } = await cluster.status();
      return members.find((member: Json) => member.id === id).reachable ? null : true;
    },
  });
}

describeCluster({ name: "mistakes of operators", nodeCount: 3, flags }, (clusterIt) => {
  clusterIt("a wrong address is refused, and so is each that leaves no quorum", async (cluster) => {
    const [, one, two] = await roles(cluster);
    const [nobody = 0, elsewhere = 0] = await findFreePorts(2);
    const typo = await ask(cluster, `member set ${one.id} --address 127.0.0.1:${nobody}`);
    assertExit(typo, 10);
    const { applied, message, fix } = errorOf(typo);
    assert.equal(applied, "no");
    assert.match(message, new RegExp(`node ${one.id}: it does not answer at 127.0.0.1:${nobody}`));
    assert.match(fix.join("\n"), /member set \d --address \S+ --force/);
    await assertOk(cluster, `member set ${one.id} --address 127.0.0.1:${nobody} --force`);
    const health = await ask(cluster, "health");
    assertExit(health, 4);
    assert.match(JSON.parse(health.stdout).reasons.join("\n"), /has no connection to it/);
    await two.kill();
    await noticed(cluster, two);
    const second = await ask(cluster, `member set ${two.id} --address 127.0.0.1:${elsewhere}`);
    assertExit(second, 10);
    await two.start();
    await assertOk(cluster, `member set ${one.id} --address ${one.address}`);
    await assertOk(cluster, "wait healthy --voters 3");
  });

  clusterIt("with a follower down, leadership stays where it is", async (cluster) => {
    const [leader, down] = await roles(cluster);
    await down.kill();
    await noticed(cluster, down);
    const transfer = await ask(cluster, `transfer ${down.id}`);
    assertExit(transfer, 10);
    assert.match(errorOf(transfer).message, /it is not connected to the leader/);
    const drain = await ask(cluster, `drain ${leader.id}`);
    assertExit(drain, 10);
    assert.match(errorOf(drain).why.join("\n"), /of the 2 voters afterwards 1 would be up/);
    assert.equal((await cluster.leader()).id, leader.id);
    const snapshot = await ask(cluster, `snapshot trigger ${down.id} -t 1s`);
    assertExit(snapshot, 5);
    assert.match(errorOf(snapshot).message, new RegExp(`node ${down.id} does not answer`));
    await down.start();
    await assertOk(cluster, "wait healthy");
  });

  clusterIt("a request id may be the digest of something", async (cluster) => {
    const id = "5d41402abc4b2a76b9719d911017c592";
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await assertOk(cluster, `incr digest --request-id ${id}`);
    }
    assert.equal((await cluster.run(["get", "digest"])).stdout, "1");
    assertExit(await cluster.run(["get", "digest", "--consistency", "stale:0ms"]), 2);
  });
});

async function assertOk(cluster: TestCluster, line: string): Promise<void> {
  assertExit(await ask(cluster, line), 0);
}

/** A node whose directory is damaged is mended by the others, and never counts twice. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { KeyWriter } from "./kit/key_writer.ts";
import { assertExit, documentOf, runRaft } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

const MEMBERS_PATIENCE = "30s";

/** Flips a bit of a value in the log of a node that does not run. */
function damage(node: TestNode, value: string): void {
  const folder = `${node.dataPath}/log`;
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(`${folder}/${name}`);
    const at = bytes.indexOf(value);
    if (at < 0) continue;
    bytes[at]! ^= 0x20;
    writeFileSync(`${folder}/${name}`, bytes);
    return;
  }
  assert.fail(`no segment of node ${node.id} holds the value`);
}

describeCluster({ name: "recover rejoin" }, (clusterIt) => {
  clusterIt("brings a damaged node back as a voter with everything", async (cluster) => {
    const { store } = await cluster.client();
    const writer = new KeyWriter(store, { prefix: "rejoin/", count: 8 });
    assertExit(await cluster.run(["put", "target", "untouched"]), 0);
    assertExit(await cluster.run(["put", "behind", "1"]), 0);
    const leader = await cluster.leader();
    const [node] = cluster.others(leader) as [TestNode];
    await cluster.caughtUp();
    await node.kill();
    damage(node, "untouched");

    const started = node.spawn();
    assert.equal((await started.ended).code, 9, node.log);
    assert.match(node.log, /raft recover rejoin --data DIR/);
    const answer = await runRaft(["recover", "rejoin", "--data", node.dataPath, "-o", "json"]);
    assertExit(answer, 0);
    const { lastIndex, damagedSegment } = documentOf(answer).kept;
    assert.ok(lastIndex > 0 && damagedSegment.endsWith(".segment"), answer.stdout);
    const put = readdirSync(node.dataPath).find((name) => name.startsWith("replaced-"));
    assert.ok(put !== undefined && existsSync(`${node.dataPath}/${put}/log`), "the log was kept");

    await node.start();
    const id = String(node.id);
    const voter = ["wait", "member", id, "voter", "--timeout", MEMBERS_PATIENCE];
    assertExit(await cluster.run(voter), 0);
    await writer.stop();
    await cluster.caughtUp();
    await writer.assertKept(store, node.address);
    assert.equal((await cluster.run(["get", "target"], [node.address])).stdout, "untouched");
    const { members } = documentOf(await cluster.run(["member", "ls", "-o", "json"]));
    assert.deepEqual(members.map(({ voter }: { voter: boolean }) => voter), [true, true, true]);
  });

  clusterIt("is refused where nothing is wrong, and where no directory is", async (cluster) => {
    const leader = await cluster.leader();
    const [node] = cluster.others(leader) as [TestNode];
    await node.stop();
    assertExit(await runRaft(["recover", "rejoin", "--data", node.dataPath]), 10);
    assertExit(await runRaft(["recover", "rejoin", "--data", `${node.dataPath}-none`]), 3);
    assert.equal(existsSync(`${node.dataPath}-none`), false);
    await cluster.start();
  });
});

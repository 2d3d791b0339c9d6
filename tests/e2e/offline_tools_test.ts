/** The offline commands on a node's own directory: beside it while it is busy, and after damage. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { KeyWriter } from "./kit/key_writer.ts";
import { assertExit, documentOf, runRaft } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";

const VERIFICATIONS = 5;

/** Small segments and frequent snapshots, so that the log rolls and is compacted all the time. */
const flags = ["--segment-bytes", "64KiB", "--snapshot-every", "500", "--snapshot-bytes", "64KiB"];

describeCluster({ name: "offline tools", nodeCount: 1, flags }, (clusterIt) => {
  clusterIt("find nothing wrong beside a node under load", async (cluster) => {
    const { dataPath } = cluster.node(1);
    const { store } = await cluster.client();
    const writer = new KeyWriter(store, { prefix: "load/", count: 32 });
    let lastIndex = 0;
    for (let count = 0; count < VERIFICATIONS; count += 1) {
      const answer = await runRaft(["log", "verify", dataPath, "-o", "json"]);
      assertExit(answer, 0);
      const verdict = documentOf(answer);
      assert.deepEqual([verdict.ok, verdict.tornTail, verdict.inUse], [true, false, true]);
      assert(verdict.lastIndex >= lastIndex, `${verdict.lastIndex} after ${lastIndex}`);
      lastIndex = verdict.lastIndex;
    }
    const [first] = documentOf(await runRaft(["log", "info", dataPath, "-o", "json"])).snapshots;
    await writer.stop();
    assert(first.index > 0, "nothing was compacted meanwhile");
    const doctor = await cluster.run(["doctor", "--data", dataPath, "-o", "json"]);
    assertExit(doctor, 0);
    const checks = documentOf(doctor).checks.map(({ name }: { name: string }) => name);
    assert(checks.includes("stored data") && checks.includes("quorum"), checks.join());
  });

  clusterIt("name segment, offset and index of a flipped byte", async (cluster) => {
    const node = cluster.node(1);
    assertExit(await cluster.run(["put", "before", "1"]), 0);
    assertExit(await cluster.run(["put", "target", "untouched"]), 0);
    assertExit(await cluster.run(["put", "behind", "2"]), 0);
    await node.stop();
    const listed = await runRaft(["log", "ls", node.dataPath, "--decode", "-o", "json"]);
    assertExit(listed, 0);
    const entries = listed.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    const target = entries.find(({ command }) => command?.key === "target");
    const path = `${node.dataPath}/log/${target.segment}`;
    const bytes = readFileSync(path);
    const at = bytes.indexOf("untouched", target.offset);
    bytes[at]! ^= 0x20;
    writeFileSync(path, bytes);
    const verified = await runRaft(["log", "verify", node.dataPath, "-o", "json"]);
    assertExit(verified, 9);
    const { ok, lastIndex, problems } = JSON.parse(verified.stdout);
    assert.deepEqual([ok, lastIndex, problems.length], [false, entries.at(-1).index, 1]);
    const { segment, offset, index, kind } = problems[0];
    assert.deepEqual([segment, offset, index, kind], [
      target.segment,
      target.offset,
      target.index,
      "bad_record",
    ]);
    assertExit(await runRaft(["log", "repair", node.dataPath, "--truncate-tail", "--yes"]), 9);
    const started = node.spawn();
    assert.equal((await started.ended).code, 9, node.log);
    assert.match(node.log, /raft log verify DIR/);
    bytes[at]! ^= 0x20;
    writeFileSync(path, bytes);
    await cluster.start();
    assert.equal((await cluster.run(["get", "target"])).stdout, "untouched");
  });
});

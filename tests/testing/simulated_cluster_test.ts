/** What a simulated cluster does about nodes that stop, as operators do it. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { SimulatedCluster } from "../../src/testing/simulated_cluster.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";

const WAIT_MS_MAX = 30_000;

it("takes a removed node back although a bit of its old data has rotted", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const cluster = new SimulatedCluster({ world, nodeCount: 3 });
  const waitUntil = async (until: () => boolean, what: string): Promise<void> => {
    const { scheduler } = world;
    await scheduler.run({ untilMs: scheduler.nowMs + WAIT_MS_MAX, until });
    assert.deepEqual(cluster.defects, []);
    assert.ok(until(), `in ${WAIT_MS_MAX} ms not: ${what}`);
  };
  const node = cluster.nodes.find(({ id }) => id === 3)!;
  cluster.startAll();
  const isServed = () => cluster.nodes.every(({ watch }) => watch.lastApplied >= 2);
  await waitUntil(isServed, "every node has applied what the first leader wrote");
  cluster.members.takeOut([node.id], "remove");
  await waitUntil(() => node.removed && !node.up, "node 3 is removed");
  const { disk } = node.machine;
  const path = `${node.dataPath}/log/${disk.list(`${node.dataPath}/log`)[0]!}`;
  const rot = { path, offset: 0, mask: 1, mayHide: false };
  disk.corrupt(rot);
  node.rot = rot;
  assert.equal(cluster.spareCount, -1);
  cluster.members.takeBack([node.id]);
  await waitUntil(() => cluster.members.missingCount === 0, "node 3 votes again");
  assert.ok(node.running !== null);
  assert.equal(cluster.spareCount, 1);
});

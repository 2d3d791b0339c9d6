/** What was acknowledged survives a crash of every node at once. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { KeyWriter } from "./kit/key_writer.ts";
import { documentOf, startRaft } from "./kit/run_raft.ts";
import { runKillAll } from "./kit/kill_all.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";

const PUTS_BEFORE = 10_000;
const PUTS_DURING = 1_000;
const KEYS = "100000";

/** The lines `KEY INDEX` of a file of acknowledged writes: the last index of each key. */
function readAcknowledged(path: string): Map<string, number> {
  const indexes = new Map<string, number>();
  if (!existsSync(path)) return indexes;
  // What follows the last line end was cut off by the death of its writer.
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  for (const line of lines) {
    const [key = "", index] = line.split(" ");
    indexes.set(key, Math.max(indexes.get(key) ?? 0, Number(index)));
  }
  return indexes;
}

/** How many writes such a file holds. */
function countAcknowledged(path: string): number {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
}

/** Runs `raft bench put` until so many puts are acknowledged. */
async function benchUntil(cluster: TestCluster, path: string): Promise<void> {
  await eventually({
    what: `${PUTS_BEFORE} puts`,
    look: async () => {
      documentOf(
        await cluster.run([
          ...["bench", "put", "--for", "1s", "--keys", KEYS, "--in-flight", "256", "-o", "json"],
          ...["--timeout", "30s", "--acknowledged", path],
        ]),
      );
      return countAcknowledged(path) >= PUTS_BEFORE || null;
    },
  });
}

describeCluster({ name: "durability: SIGKILL of all nodes" }, (clusterIt) => {
  clusterIt("loses no acknowledged write, by value and revision", async (cluster) => {
    const benchPath = join(cluster.folder, "acknowledged");
    await benchUntil(cluster, benchPath);
    const countBefore = countAcknowledged(benchPath);

    const writer = new KeyWriter((await cluster.client()).store, { prefix: "crash/", count: 32 });
    const bench = startRaft([
      ...["bench", "put", "--for", "10m", "--keys", KEYS, "--timeout", "30s"],
      ...["--acknowledged", benchPath, "--endpoints", cluster.endpoints.join(",")],
    ]);
    await eventually({
      what: "acknowledged writes of the second bench and of the writer",
      look: () =>
        countAcknowledged(benchPath) >= countBefore + PUTS_DURING &&
          writer.acknowledged.size >= 100 || null,
    });
    for (const node of cluster.nodes) node.signal("SIGKILL");
    await Promise.all(cluster.nodes.map((node) => node.process.ended));
    await bench.kill();

    await cluster.start();
    await writer.stop();
    const { store } = await cluster.client();
    await writer.assertKept(store);

    const acknowledged = readAcknowledged(benchPath);
    const found = new Map<string, { text: string; revision: number }>();
    for await (const { key, value, revision } of store.items("k")) {
      const text = new TextDecoder().decode(value);
      found.set(new TextDecoder().decode(key), { text, revision });
    }
    for (const [key, index] of acknowledged) {
      const item = found.get(key);
      assert(item !== undefined, `${key}, acknowledged at index ${index}, is lost`);
      // A later write whose answer was on its way may be there; an earlier one may not.
      assert(item.revision >= index, `${key} is of ${item.revision}, acknowledged at ${index}`);
      assert.equal(item.text, "v".repeat(128));
    }
    const checked = documentOf(
      await cluster.run(["bench", "get", "--verify", benchPath, "-o", "json", "-t", "60s"]),
    );
    assert.equal(checked.lost, 0);
    assert.equal(checked.keys, acknowledged.size);
    await cluster.caughtUp();
  });
});

describe("durability: SIGKILL of all nodes again and again", () => {
  // `scripts/kill_all.ts` does more of this.
  it("loses no acknowledged write", { timeout: TEST_TIMEOUT_MS }, async () => {
    const report = await runKillAll({
      seed: "kill",
      rounds: 3,
      writes: 64,
      acknowledgedMax: 4_000,
    });
    const { acknowledged, startMs } = report;
    assert.equal(startMs.length, 3);
    assert(acknowledged >= 3, `${acknowledged} writes were acknowledged`);
  });
});

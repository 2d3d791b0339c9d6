/**
 * Full disks: a command that finds no room is refused as not applied, everything else goes on, and
 * with room the cluster goes on by itself. And directories that cannot be written at a start.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { RaftError } from "../../mod.ts";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { assertExit, errorOf, runRaft } from "./kit/run_raft.ts";
import { mountSkip, SmallDisk } from "./kit/small_disk.ts";
import { itWithCluster, type TestCluster } from "./kit/test_cluster.ts";
import { Workbench } from "./kit/workbench.ts";

/** Sixteen of them are a segment. */
const VALUE = "v".repeat(64 * 1024);
const FLAGS = ["--segment-bytes", "1MiB", "--election-timeout", "1s"];
/** More puts than all reserves together hold. */
const PUTS_MAX = 400;

/** What became of puts: the keys that were acknowledged, and why the last one was not. */
interface Load {
  readonly acknowledged: string[];
  refusal: RaftError | null;
}

/** Puts values until one is refused, or so many are written. */
async function load(cluster: TestCluster, prefix: string, count = PUTS_MAX): Promise<Load> {
  const { store } = await cluster.client();
  const result: Load = { acknowledged: [], refusal: null };
  for (let i = 0; i < count && result.refusal === null; i += 1) {
    const key = `${prefix}-${i}`;
    try {
      await store.put(key, VALUE);
      result.acknowledged.push(key);
    } catch (error) {
      assert.ok(error instanceof RaftError, String(error));
      result.refusal = error;
    }
  }
  return result;
}

async function assertHeld(cluster: TestCluster, keys: readonly string[]): Promise<void> {
  const { items } = await cluster.document(["ls", "--limit", "1000"]);
  const held = new Set(items.map(({ key }: { key: string }) => key));
  assert.deepEqual(keys.filter((key) => !held.has(key)), [], "acknowledged and lost");
}

/** A test of a cluster whose nodes have disks of their own. */
function itOnDisks(
  name: string,
  body: (cluster: TestCluster, disks: ReadonlyMap<number, SmallDisk>) => Promise<void>,
): void {
  if (mountSkip !== false) {
    it(name, { skip: mountSkip }, () => {});
    return;
  }
  itWithCluster({ name, flags: FLAGS }, async (cluster) => {
    const disks = new Map<number, SmallDisk>();
    try {
      for (const { id, dataPath } of cluster.nodes) {
        disks.set(id, SmallDisk.mount(dataPath, { mebibytes: 48 }));
      }
      await cluster.start();
      await body(cluster, disks);
    } finally {
      for (const node of cluster.nodes) if (node.isRunning) await node.kill();
      for (const disk of disks.values()) disk.unmount();
    }
  });
}

describe("a full disk", () => {
  itOnDisks("of the leader: it hands over, and every write is served", async (cluster, disks) => {
    const leader = await cluster.leader();
    disks.get(leader.id)!.fill();
    // Enough that the leader needs a further segment, and the one after it.
    const { acknowledged, refusal } = await load(cluster, "leader", 60);
    assert.equal(refusal, null, "a voter with room takes over");
    assert.notEqual((await cluster.leader()).id, leader.id);
    assert.match(leader.log, /no room for more of the log.*No space|no space left/);

    const health = await cluster.run(["health"]);
    assertExit(health, 4);
    assert.match(health.stdout, new RegExp(`node ${leader.id}: no room for more of the log`));
    const status = await cluster.status();
    const { matchIndex } = status.members[leader.id - 1];
    assert.ok(matchIndex < status.commitIndex, "it stays behind, and acknowledges nothing");

    disks.get(leader.id)!.free();
    await cluster.caughtUp();
    await assertHeld(cluster, acknowledged);
    assertExit(await cluster.run(["health"]), 0);
    assert.ok(cluster.nodes.every((node) => node.isRunning));
  });

  itOnDisks("of every node: writes are refused, the rest goes on", async (cluster, disks) => {
    for (const disk of disks.values()) disk.fill();
    const { acknowledged, refusal } = await load(cluster, "all");
    assert.ok(acknowledged.length > 10, `${acknowledged.length} writes`);
    assert.equal(refusal?.code, "refused");
    assert.equal(refusal?.applied, "no");

    const put = await cluster.run(["put", "key", "value", "-o", "json"]);
    assertExit(put, 10);
    const { code, applied, message, why, fix } = errorOf(put);
    assert.deepEqual([code, applied], ["refused", "no"]);
    assert.match(message, /no room|have room/);
    assert.ok(why.length > 0 && fix.some((line: string) => /free room/.test(line)), put.stderr);
    const read = await cluster.run(["get", acknowledged[0]!]);
    assert.equal(read.stdout, VALUE, "reads go on");
    assert.equal((await cluster.run(["get", "key"])).exit, 3, "it was not applied");
    assertExit(await cluster.run(["health"]), 4);
    const trigger = await cluster.run(["snapshot", "trigger", "-o", "json"]);
    assertExit(trigger, 10);
    const refused = errorOf(trigger);
    assert.match(refused.message, /node \d has no room/);
    assert.match(refused.why.join(), /ENOSPC/);
    assert.match(refused.fix.join(), /free room on the disk of node \d/);
    const measured = await cluster.run(["bench", "put", "--count", "1", "--for", "200ms"]);
    assertExit(measured, 10);
    assert.ok(cluster.nodes.every((node) => node.isRunning), "nobody ends for it");

    for (const disk of disks.values()) disk.free();
    await eventually({
      what: "the cluster to take writes again",
      look: async () => (await cluster.run(["put", "key", "value"])).exit === 0 || null,
    });
    await cluster.caughtUp();
    await assertHeld(cluster, [...acknowledged, "key"]);
    assertExit(await cluster.run(["health"]), 0);
  });
});

describe("raft start where nothing can be written", () => {
  const skip = mountSkip;
  const start = (path: string) =>
    runRaft([
      ...["start", "--id", "1", "--data", join(path, "data"), "--listen", "127.0.0.1:0"],
      ...["--bootstrap", "-o", "json", "--log-level", "error"],
    ]);

  it("says that the disk is full, and what to do", { skip, timeout: TEST_TIMEOUT_MS }, async () => {
    const bench = new Workbench();
    const disk = SmallDisk.mount(join(bench.folder, "disk"), { mebibytes: 8 });
    try {
      const answer = await start(join(bench.folder, "disk"));
      assertExit(answer, 10);
      assert.match(errorOf(answer).message, /disk\/data\/.*no space left on the device/);
      assert.match(errorOf(answer).fix[0], /free room on that disk/);
    } finally {
      disk.unmount();
      await bench.dispose();
    }
  });

  it("says that it is read-only, and what to do", { skip, timeout: TEST_TIMEOUT_MS }, async () => {
    const bench = new Workbench();
    const disk = SmallDisk.mount(join(bench.folder, "disk"), { mebibytes: 8 });
    try {
      disk.makeReadOnly();
      const answer = await start(join(bench.folder, "disk"));
      assertExit(answer, 8);
      assert.match(errorOf(answer).message, /disk\/data".*read-only file system/);
      assert.match(errorOf(answer).fix[0], /mount the file system for writing/);
    } finally {
      disk.unmount();
      await bench.dispose();
    }
  });
});

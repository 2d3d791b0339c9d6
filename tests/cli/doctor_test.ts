/** `raft doctor`: each check by itself, and the exit code of the gravest problem. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { describe, it } from "node:test";
import { FakeCluster } from "./fake_cluster.ts";
import { FakeHost } from "./fake_host.ts";
import { memberOf, silentNode, statusOf } from "./fake_status.ts";
import { CLUSTER_ID, DataWorld, putEntry } from "./offline/data_world.ts";
import { runLine } from "./run_line.ts";

/** What `doctor -o json` says: the exit code, and the status of each check. */
async function examine(
  words: readonly string[],
  world: { readonly host?: FakeHost; readonly cluster?: FakeCluster } = {},
): Promise<{ exit: number; statuses: Record<string, string>; text: string }> {
  const { exit, output } = await runLine(["doctor", ...words, "-o", "json"], world);
  const { checks, problems, warnings, ok } = JSON.parse(output);
  const statuses: Record<string, string> = {};
  for (const { name, status, message } of checks) {
    statuses[name] = status;
    assert.notEqual(message, "");
  }
  const count = (wanted: string) => Object.values(statuses).filter((s) => s === wanted).length;
  assert.deepEqual([problems, warnings], [count("problem"), count("warning")]);
  assert.equal(ok, problems === 0);
  return { exit, statuses, text: output };
}

function clusterOf(...statuses: FakeCluster["statuses"]): FakeCluster {
  const cluster = new FakeCluster();
  cluster.statuses = statuses;
  return cluster;
}

describe("raft doctor", () => {
  it("finds nothing wrong where all is well", async () => {
    const { exit, statuses } = await examine([]);
    assert.equal(exit, 0);
    assert.deepEqual(new Set(Object.values(statuses)), new Set(["ok"]));
  });

  it("looks at a data directory and leaves nothing in it", async () => {
    const world = await DataWorld.create([[putEntry("key", "value")]]);
    const names = await readdir(world.path);
    const cluster = clusterOf(statusOf({ nodeId: 1, role: "leader", clusterId: CLUSTER_ID }));
    const { exit, statuses } = await examine(["--data", world.path], { cluster });
    assert.equal(exit, 0);
    for (const name of ["data directory", "owner", "stored data", "disk space", "cluster"]) {
      assert.equal(statuses[name], "ok", name);
    }
    assert.ok("disk sync" in statuses);
    assert.deepEqual(await readdir(world.path), names);
    await world.flip(world.segment(), 600);
    const damaged = await examine(["--data", world.path], { cluster });
    assert.equal(damaged.exit, 9);
    assert.equal(damaged.statuses["stored data"], "problem");
    assert.match(damaged.text, /raft log verify/);
    await world.dispose();
    assert.equal((await examine(["--data", world.path])).exit, 3);
  });

  it("reads the snapshots of a data directory from end to end", async () => {
    const world = await DataWorld.create([[putEntry("key", "value")]]);
    const snapshot = await world.writeSnapshot(2, [new Uint8Array(700_000)]);
    const cluster = clusterOf(statusOf({ nodeId: 1, role: "leader", clusterId: CLUSTER_ID }));
    assert.equal((await examine(["--data", world.path], { cluster })).exit, 0);
    await world.flip(snapshot, 600_000);
    const { exit, statuses } = await examine(["--data", world.path], { cluster });
    assert.deepEqual([exit, statuses["stored data"]], [9, "problem"]);
    await world.dispose();
  });

  it("warns of a machine that gives too little", async () => {
    const hostWith = (freeBytes: number): FakeHost => {
      const host = new FakeHost();
      Object.assign(host.machine, {
        openFilesMax: () => Promise.resolve(1024),
        ownership: () => Promise.resolve({ isOwn: true, mode: 0o755 }),
        diskSpace: () => Promise.resolve({ freeBytes, totalBytes: 100e9 }),
      });
      return host;
    };
    const world = await DataWorld.create();
    const { exit, statuses } = await examine(["--data", world.path], { host: hostWith(2e9) });
    const named = ["open files", "owner", "disk space"].map((name) => statuses[name]);
    assert.deepEqual(named, ["warning", "warning", "warning"]);
    assert.equal(exit, 8, "the directory is of another cluster than the endpoints");
    const full = await examine(["--data", world.path], { host: hostWith(1e6) });
    assert.equal(full.statuses["disk space"], "problem");
    await world.dispose();
  });

  it("tells clusters, versions, clocks and silence apart", async () => {
    const members = [memberOf(1), memberOf(2), memberOf(3)];
    const one = statusOf({ nodeId: 1, role: "leader", members });
    const late = { logTimeMs: 60_000, version: "1.1.0" };
    const two = statusOf({ nodeId: 2, role: "follower", members, ...late });
    const degraded = await examine([], { cluster: clusterOf(one, two, silentNode(3)) });
    assert.equal(degraded.exit, 0);
    const warned = ["versions", "log time", "node 3", "quorum"];
    assert.deepEqual(warned.map((name) => degraded.statuses[name]), warned.map(() => "warning"));
    assert.equal(degraded.statuses["node 1"], "ok");
    const alone = statusOf({ nodeId: 2, role: "candidate", members, leaderId: 0 });
    const noQuorum = await examine([], { cluster: clusterOf(silentNode(1), alone, silentNode(3)) });
    assert.deepEqual([noQuorum.exit, noQuorum.statuses["quorum"]], [6, "problem"]);
    const other = statusOf({ nodeId: 2, role: "leader", clusterId: "d".repeat(32) });
    const mixed = await examine([], { cluster: clusterOf(one, other) });
    assert.deepEqual([mixed.exit, mixed.statuses["cluster"]], [8, "problem"]);
  });

  it("minds no clock that stands while nobody writes, nor that of a node behind", async () => {
    const members = [memberOf(1), memberOf(2), memberOf(3)];
    const one = statusOf({ nodeId: 1, role: "leader", members, logTimeMs: 60_000 });
    const two = statusOf({ nodeId: 2, role: "follower", members });
    const behind = statusOf({ nodeId: 3, role: "follower", members, lastIndex: 90 });
    const three = { ...behind.status!, logTimeMs: 30_000 };
    const idle = await examine([], { cluster: clusterOf(one, two, { ...behind, status: three }) });
    assert.equal(idle.statuses["log time"], "ok");
    const other = statusOf({ nodeId: 3, role: "follower", members, logTimeMs: 9_000 });
    const apart = await examine([], { cluster: clusterOf(one, two, other) });
    assert.equal(apart.statuses["log time"], "warning");
  });

  it("minds that nobody answers only where somebody was named", async () => {
    const cluster = clusterOf(silentNode(1));
    assert.equal((await examine([], { cluster })).exit, 0);
    const named = await examine(["-e", "127.0.0.1:9"], { cluster });
    assert.deepEqual([named.exit, named.statuses["endpoints"]], [5, "problem"]);
  });
});

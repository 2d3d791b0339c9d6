/**
 * Makes the data directory that is kept as a fixture of the formats on disk: that of the first node
 * of three, simulated from one seed, with all that a directory can hold.
 *
 * Usage: bun scripts/write_format_fixture.ts --write
 *
 * A fixture stays as it is once its version was released: this is for the version at hand. It
 * writes tests/testdata/formats/v1, and what a program finds in it, as expected.json beside it.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KeyValueClient } from "../src/client/key_value_client.ts";
import { RaftClient } from "../src/client/raft_client.ts";
import type { Runtime } from "../src/runtime/runtime.ts";
import { CrashDisk } from "../src/testing/crash_disk.ts";
import { SimulatedCluster } from "../src/testing/simulated_cluster.ts";
import { SimulatedWorld } from "../src/testing/simulated_runtime.ts";
import {
  describeDirectory,
  FIXTURE_SEGMENT_BYTES,
  FIXTURE_V1,
} from "../tests/log/format_fixture.ts";
import { drain } from "../tests/microtask_drain.ts";

/** The longest run, in milliseconds of the simulation. */
const RUN_MS_MAX = 600_000;

/** Some of everything, with a snapshot in the middle. */
async function work(client: RaftClient, cluster: SimulatedCluster): Promise<void> {
  const store = new KeyValueClient(client);
  for (let i = 1; i <= 8; i += 1) await store.put(`key ${i}`, `value ${i}`);
  await store.delete("key 3");
  const { id: leaseId } = await store.grantLease(3_600_000);
  await store.put("leased", "as long as the lease", { lifetime: { type: "lease", leaseId } });
  const session = await client.openSession();
  const inSession = new KeyValueClient(session);
  await inSession.put("in a session", "once");
  for (let i = 0; i < 6; i += 1) await store.put("large", new Uint8Array(6_000).fill(48 + i));
  await cluster.nodes[0]!.running!.raft.triggerSnapshot();
  for (let i = 6; i < 12; i += 1) await store.put("large", new Uint8Array(6_000).fill(48 + i));
  await store.put("zeros", new Uint8Array(3_000));
  await inSession.put("in a session", "twice");
  await store.delete("key 5");
}

/** The files of a data directory as a cluster has left them. */
async function makeFiles(): Promise<Map<string, Uint8Array>> {
  const world = new SimulatedWorld({ seed: "format fixture", drain });
  const cluster = new SimulatedCluster({
    ...{ world, nodeCount: 3, segmentBytes: FIXTURE_SEGMENT_BYTES },
    ...{ snapshotEvery: 10_000, trailingEntries: 10_000 },
  });
  cluster.startAll();
  const runtime = world.addMachine("client").boot();
  const client = new RaftClient(runtime, { endpoints: cluster.addresses, timeoutMs: 60_000 });
  let isDone = false;
  const worked = (async () => {
    await runUntilFormed(cluster, runtime);
    await work(client, cluster);
  })();
  worked.then(() => isDone = true, () => isDone = true);
  await world.scheduler.run({ untilMs: RUN_MS_MAX, until: () => isDone });
  await worked;
  // What was written a moment ago reaches the first node, and is synced there.
  await world.scheduler.run({ untilMs: world.scheduler.nowMs + 2_000 });
  const [first] = cluster.nodes;
  const { disk } = first!.machine;
  const files = new Map<string, Uint8Array>();
  for (const name of ["identity", "hard_state"]) {
    files.set(name, disk.content(`${first!.dataPath}/${name}`)!);
  }
  for (const folder of ["log", "snapshots"]) {
    for (const name of disk.list(`${first!.dataPath}/${folder}`)) {
      files.set(`${folder}/${name}`, disk.content(`${first!.dataPath}/${folder}/${name}`)!);
    }
  }
  return files;
}

/** Waits, in the time of the simulation, until there is a leader. */
async function runUntilFormed(
  cluster: SimulatedCluster,
  { clock }: Pick<Runtime, "clock">,
): Promise<void> {
  while (cluster.leader === null) {
    await new Promise<void>((resolve) => clock.setTimer(resolve, 100));
  }
}

/** What is found in these files. */
async function describeFiles(files: ReadonlyMap<string, Uint8Array>): Promise<unknown> {
  const runtime = new CrashDisk().boot("fixture");
  for (const folder of ["/data/log", "/data/snapshots", "/data/spare"]) {
    await runtime.files.makeDirectory(folder);
  }
  for (const [name, bytes] of files) {
    (await runtime.files.open(`/data/${name}`, "create")).write([bytes], 0);
  }
  return await describeDirectory(runtime, "/data");
}

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });
const files = await makeFiles();
const described = await describeFiles(files);
console.log(JSON.stringify(described, null, 2));
if (values.write) {
  const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), FIXTURE_V1);
  rmSync(folder, { recursive: true, force: true });
  for (const [name, bytes] of files) {
    const path = join(folder, "data", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(described, null, 2)}\n`);
}
process.exit(0);

/** The disk: what survives a loss of power, and how it fails. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { File, FileSystem } from "../../src/runtime/runtime.ts";
import type { DiskFaults, DiskVerdict } from "../../src/testing/disk_faults.ts";
import { Prng } from "../../src/testing/prng.ts";
import { SimulatedInode } from "../../src/testing/simulated_inode.ts";
import { SimulatedWorld } from "../../src/testing/simulated_runtime.ts";
import type { SimulatedMachine } from "../../src/testing/simulated_runtime.ts";

class Rig {
  readonly world: SimulatedWorld;
  readonly machine: SimulatedMachine;

  constructor(seed: number, disk: Partial<DiskFaults> = {}) {
    this.world = new SimulatedWorld({ seed });
    this.machine = this.world.addMachine("node", disk);
    this.machine.boot();
  }

  get files(): FileSystem {
    const runtime = this.machine.runtime;
    assert.ok(runtime !== null);
    return runtime.files;
  }

  /** Runs `body`; returns what it threw, or "hangs" where its process died under it. */
  async run(body: (files: FileSystem) => Promise<void>): Promise<unknown> {
    let outcome: unknown = "hangs";
    body(this.files).then(() => outcome = null, (error) => outcome = error);
    await this.world.scheduler.run();
    return outcome;
  }

  async do(body: (files: FileSystem) => Promise<void>): Promise<void> {
    const outcome = await this.run(body);
    if (outcome !== null) throw outcome;
  }

  losePower(): void {
    this.machine.crash("power_loss");
    this.machine.boot();
  }

  text(path: string): string | null {
    const bytes = this.machine.disk.content(path);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function sync(file: File): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => error === null ? resolve() : reject(error));
  });
}

async function writeFile(files: FileSystem, path: string, text: string): Promise<File> {
  const file = await files.open(path, "write");
  file.write([bytesOf(text)], 0);
  return file;
}

const codeOf = (error: unknown): unknown => (error as { code?: string } | null)?.code;

test("what was synced, with its name, survives a loss of power", async () => {
  for (let seed = 0; seed < 50; seed++) {
    const rig = new Rig(seed);
    await rig.do(async (files) => {
      await sync(await writeFile(files, "a", "kept"));
      await files.syncDirectory("/");
    });
    rig.losePower();
    assert.equal(rig.text("a"), "kept");
  }
});

test("content without its name, and a name without content, may be lost", async () => {
  const seen = new Set<string | null>();
  for (let seed = 0; seed < 60; seed++) {
    const rig = new Rig(seed);
    await rig.do(async (files) => await sync(await writeFile(files, "a", "kept")));
    rig.losePower();
    seen.add(rig.text("a"));
    const other = new Rig(seed);
    await other.do(async (files) => {
      await writeFile(files, "a", "lost");
      await files.syncDirectory("/");
    });
    other.losePower();
    seen.add(other.text("a"));
  }
  assert.deepEqual(seen, new Set([null, "kept", "lost", "\0\0\0\0", ""]));
});

test("loss of power tears unsynced writes at sectors only", async () => {
  let torn = 0;
  for (let seed = 0; seed < 100; seed++) {
    const inode = new SimulatedInode(new Prng(seed));
    inode.write(new Uint8Array(8192).fill(1), 0);
    inode.completeSync(inode.beginSync());
    inode.write(new Uint8Array(5000).fill(2), 100);
    inode.losePower();
    const after = new Uint8Array(8192);
    assert.equal(inode.read(after, 0), 8192);
    const kinds = new Set<number>();
    for (let sector = 0; sector < 16; sector++) {
      const start = Math.max(100, sector * 512);
      const end = Math.min(5100, sector * 512 + 512);
      const inWrite = new Set(after.subarray(start, end));
      if (start < end) assert.equal(inWrite.size, 1, `sector ${sector} is whole`);
      for (const kind of inWrite) kinds.add(kind);
    }
    assert.deepEqual(new Set(after.subarray(0, 100)), new Set([1]));
    assert.deepEqual(new Set(after.subarray(5100)), new Set([1]));
    if (kinds.size === 2) torn++;
  }
  assert.ok(torn > 30, `${torn} torn writes`);
});

test("inode agrees with a plain array under writes, truncates and syncs", () => {
  for (let seed = 0; seed < 200; seed++) {
    const prng = new Prng(seed);
    const inode = new SimulatedInode(prng.fork("inode"));
    let plain = new Uint8Array(0);
    const durable: Uint8Array[] = [];
    for (let step = 0; step < 60; step++) {
      const bytes = new Uint8Array(prng.range(1, 9000)).fill(prng.range(0, 2));
      const position = prng.range(0, 20_000);
      const kind = prng.range(0, 9);
      if (kind < 6) {
        const grown = new Uint8Array(Math.max(plain.length, position + bytes.length));
        grown.set(plain);
        grown.set(bytes, position);
        plain = grown;
        inode.write(bytes, position);
      } else if (kind === 6) {
        const cut = new Uint8Array(position);
        cut.set(plain.subarray(0, position));
        plain = cut;
        inode.truncate(position);
      } else if (kind === 7) inode.writeBack();
      else {
        inode.completeSync(inode.beginSync());
        durable.push(plain.slice());
      }
      const seen = new Uint8Array(plain.length + 10);
      assert.equal(inode.read(seen, 0), plain.length);
      assert.deepEqual(seen.subarray(0, plain.length), plain, `seed ${seed} step ${step}`);
    }
    inode.completeSync(inode.beginSync());
    inode.losePower();
    const after = new Uint8Array(plain.length);
    assert.equal(inode.read(after, 0), plain.length);
    assert.deepEqual(after, plain, `seed ${seed}: nothing synced was lost`);
  }
});

test("write during a sync is not covered by it", async () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const inode = new SimulatedInode(new Prng(seed));
    inode.write(new Uint8Array(512).fill(1), 0);
    const batch = inode.beginSync();
    inode.write(new Uint8Array(512).fill(2), 0);
    inode.completeSync(batch);
    inode.losePower();
    const after = new Uint8Array(512);
    inode.read(after, 0);
    seen.add(after[0] as number);
  }
  assert.deepEqual(seen, new Set([1, 2]));
});

test("rename is whole or not at all, and durable with the directory", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const rig = new Rig(seed);
    await rig.do(async (files) => {
      await files.makeDirectory("/data/log");
      await files.syncDirectory("/");
      await files.syncDirectory("/data");
      await sync(await writeFile(files, "/data/log/a", "old"));
      await files.syncDirectory("/data/log");
      await sync(await writeFile(files, "/data/log/a.new", "new"));
      await files.rename("/data/log/a.new", "/data/log/a");
    });
    const durable = seed % 2 === 0;
    if (durable) await rig.do((files) => files.syncDirectory("/data/log"));
    rig.losePower();
    const state = `${rig.text("/data/log/a")} ${rig.machine.disk.list("/data/log").join()}`;
    if (durable) assert.equal(state, "new a");
    else seen.add(state);
  }
  assert.deepEqual(seen, new Set(["new a", "old a", "old a,a.new"]));
});

test("removed file that was not synced may come back", async () => {
  const seen = new Set<string | null>();
  for (let seed = 0; seed < 40; seed++) {
    const rig = new Rig(seed);
    await rig.do(async (files) => {
      await sync(await writeFile(files, "a", "x"));
      await files.syncDirectory("/");
      await files.remove("a");
    });
    rig.losePower();
    seen.add(rig.text("a"));
  }
  assert.deepEqual(seen, new Set(["x", null]));
});

test("kill of the process loses nothing that was written", async () => {
  const rig = new Rig(1);
  await rig.do(async (files) => void await writeFile(files, "a", "unsynced"));
  rig.machine.crash("kill");
  rig.machine.boot();
  assert.equal(rig.text("a"), "unsynced");
});

test("failed sync drops the data, and the next one succeeds without it", async () => {
  const seen = new Set<string | null>();
  for (let seed = 0; seed < 40; seed++) {
    const rig = new Rig(seed, { writeBackChance: 0 });
    const outcomes: unknown[] = [];
    await rig.do(async (files) => {
      const file = await writeFile(files, "a", "old");
      await sync(file);
      await files.syncDirectory("/");
      file.write([bytesOf("new")], 0);
      rig.machine.disk.failNextSync();
      await sync(file).catch((error) => outcomes.push(codeOf(error)));
      await sync(file).then(() => outcomes.push("synced"));
    });
    assert.deepEqual(outcomes, ["EIO", "synced"]);
    seen.add(rig.text("a"));
    rig.losePower();
    assert.equal(rig.text("a"), "old");
  }
  assert.deepEqual(seen, new Set(["old", "new"]));
});

test("full disk refuses what would grow, after writing some of it", async () => {
  const rig = new Rig(3, { capacityBytes: 1000 });
  const outcome = await rig.run(async (files) => {
    const file = await files.open("a", "create");
    file.write([new Uint8Array(900).fill(1)], 0);
    file.write([new Uint8Array(900).fill(2)], 0);
    file.write([new Uint8Array(101)], 900);
  });
  assert.equal(codeOf(outcome), "ENOSPC");
  assert.ok(rig.machine.disk.usedBytes >= 900 && rig.machine.disk.usedBytes <= 1001);
  const truncated = await rig.run(async (files) => {
    await (await files.open("a", "write")).truncate(1001);
  });
  assert.equal(codeOf(truncated), "ENOSPC");
});

test("reads and writes fail as told, and rot is found where it was put", async () => {
  const rig = new Rig(4);
  await rig.do(async (files) => void await writeFile(files, "a", "abc"));
  rig.machine.disk.corrupt({ path: "a", offset: 1, mask: 1 });
  assert.equal(rig.text("a"), "acc");
  rig.machine.disk.faults.readErrorChance = 1;
  const read = await rig.run(async (files) => {
    await (await files.open("a", "read")).read(new Uint8Array(3), 0);
  });
  assert.equal(codeOf(read), "EIO");
  rig.machine.disk.faults.writeErrorChance = 1;
  const write = await rig.run(async (files) => void await writeFile(files, "b", "x"));
  assert.equal(codeOf(write), "EIO");
});

test("stalled disk answers late", async () => {
  const rig = new Rig(5);
  rig.machine.disk.stall(5_000);
  await rig.do(async (files) => await sync(await writeFile(files, "a", "x")));
  assert.ok(rig.world.scheduler.nowMs >= 5_000);
});

test("calls that do not wait for one another overtake one another", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const rig = new Rig(seed);
    const order: string[] = [];
    await rig.do(async (files) => {
      const note = (name: string) => () => void order.push(name);
      await Promise.all([
        files.makeDirectory("a").then(note("a")),
        files.makeDirectory("b").then(note("b")),
      ]);
    });
    seen.add(order.join());
  }
  assert.deepEqual(seen, new Set(["a,b", "b,a"]));
});

test("lock is released by a crash", async () => {
  const rig = new Rig(6);
  await rig.do(async (files) => void await files.lock("/lock"));
  const again = await rig.run(async (files) => void await files.lock("/lock"));
  assert.equal((again as Error).name, "LockedError");
  rig.machine.crash("kill");
  rig.machine.boot();
  await rig.do(async (files) => void await files.lock("/lock"));
});

/** The way to replace a file safely. */
async function replaceFile(files: FileSystem): Promise<void> {
  const file = await files.open("/a.new", "write");
  await file.truncate(0);
  file.write([bytesOf("new")], 0);
  await sync(file);
  await file.close();
  await files.rename("/a.new", "/a");
  await files.syncDirectory("/");
}

test("every crash point can be tried, and a safe replacement survives them all", async () => {
  const reached = new Map<string, number>();
  for (let point = 1; point <= 9; point++) {
    for (const verdict of ["crash-before", "crash-after"] as const) {
      for (let seed = 0; seed < 10; seed++) {
        const rig = new Rig(seed);
        await rig.do(async (files) => {
          await sync(await writeFile(files, "/a", "old"));
          await files.syncDirectory("/");
        });
        const { disk } = rig.machine;
        const first = disk.callCount;
        let crashed = false;
        disk.faults.onCall = ({ kind, number }): DiskVerdict => {
          if (number !== first + point) return "ok";
          crashed = true;
          reached.set(kind, (reached.get(kind) ?? 0) + 1);
          return verdict;
        };
        const outcome = await rig.run(replaceFile);
        disk.faults.onCall = null;
        if (!crashed) assert.equal(outcome, null);
        else {
          const name = (outcome as Error | null)?.name;
          assert.ok(outcome === "hangs" || name === "SimulatedCrashError", `outcome ${outcome}`);
          assert.equal(rig.machine.runtime, null, "the machine is off");
          rig.machine.boot();
        }
        assert.ok(["old", "new"].includes(rig.text("/a") ?? "none"), `point ${point} ${verdict}`);
        if (!crashed) assert.equal(rig.text("/a"), "new");
      }
    }
  }
  const kinds = ["close", "open", "rename", "sync", "syncDirectory", "truncate", "write"];
  assert.deepEqual(new Set(reached.keys()), new Set(kinds));
});

test("zeros take neither memory nor time", () => {
  const inode = new SimulatedInode(new Prng(1));
  const zeros = new Uint8Array(1024 * 1024);
  for (let at = 0; at < 16; at++) inode.write(zeros, at * zeros.length);
  inode.completeSync(inode.beginSync());
  assert.equal(inode.sizeBytes, 16 * zeros.length);
  assert.equal(inode.pageCount, 0);
  inode.write(new Uint8Array([1]), 5_000_000);
  assert.equal(inode.pageCount, 1);
});

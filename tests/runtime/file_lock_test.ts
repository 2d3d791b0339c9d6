/** The data directory's lock between processes, and after processes that left it behind. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { type FileLock, type FileSystem, LockedError } from "../../src/runtime/runtime.ts";
import { acquireFileLock } from "../../src/runtime/shared/file_lock.ts";
import type { KernelLock } from "../../src/runtime/shared/kernel_lock.ts";
import {
  formatLockRecord,
  type LockRecord,
  parseLockRecord,
} from "../../src/runtime/shared/lock_record.ts";
import { ownIdentity } from "../../src/runtime/shared/process_identity.ts";
import { runArguments } from "./real_harness.ts";

const noProc = { skip: existsSync("/proc/self/stat") ? false : "there is no /proc here" };

/** The processes that the running test started; they die with it. */
const children: ChildProcess[] = [];

/** Runs `body` with the file system of this runtime and the path of a lock in a new directory. */
async function withLockPath(
  body: (files: FileSystem, path: string) => Promise<void>,
): Promise<void> {
  const { files } = await detectRuntime();
  const directory = await mkdtemp(join(tmpdir(), "raft-lock-"));
  try {
    await body(files, join(directory, "LOCK"));
  } finally {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await rm(directory, { recursive: true });
  }
}

/** The names beside a lock, in order. */
async function directoryNames(path: string): Promise<string[]> {
  const names = await readdir(join(path, ".."));
  return names.sort((left, right) => left < right ? -1 : left > right ? 1 : 0);
}

/** A record as this process would write it, but for `changes`. */
function record(changes: Partial<LockRecord>): string {
  const own = { ...ownIdentity(), kernelLock: false, released: false };
  return formatLockRecord({ ...own, ...changes });
}

/** The program that takes a lock in another process. */
const HOLDER = fileURLToPath(new URL("./lock_holder.ts", import.meta.url));

/** Another process that wants the lock, once `go` is written to it. */
interface Starter {
  readonly child: ChildProcess;
  /** `held`, or `refused PID`. */
  readonly answer: Promise<string>;
}

/** Starts a process on this runtime that says `ready` and waits for a line on stdin. */
async function startStarter(path: string): Promise<Starter> {
  const child = spawn(process.execPath, [...runArguments, HOLDER, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const lines = linesOf(child);
  assert.equal((await lines.next()).value, "ready");
  return { child, answer: lines.next().then(({ value }) => String(value)) };
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}

function go(starter: Starter): void {
  starter.child.stdin?.write("go\n");
}

/** Kills a process and waits until it is gone. */
async function kill({ child }: Starter): Promise<void> {
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

test("lock refuses while another process holds it, and takes over once it is killed", async () => {
  await withLockPath(async (files, path) => {
    const holder = await startStarter(path);
    go(holder);
    assert.equal(await holder.answer, "held");
    await assert.rejects(files.lock(path), (error: unknown) => {
      assert.ok(error instanceof LockedError);
      assert.equal(error.holderPid, holder.child.pid);
      assert.ok(error.message.includes(`"${path}"`), error.message);
      return true;
    });
    await kill(holder);
    const lock = await files.lock(path);
    await lock.release();
  });
});

test("lock lets one of several starters take over a stale lock", async () => {
  await withLockPath(async (_files, path) => {
    await writeFile(`${path}.1`, record({ startTime: "1" }));
    const starters = await Promise.all(Array.from({ length: 6 }, () => startStarter(path)));
    starters.forEach(go);
    const answers = await Promise.all(starters.map((starter) => starter.answer));
    assert.equal(answers.filter((answer) => answer === "held").length, 1, answers.join(", "));
    const winner = starters[answers.indexOf("held")];
    for (const answer of answers) {
      assert.ok(["held", `refused ${winner?.child.pid}`].includes(answer), answer);
    }
  });
});

test("lock takes over from a process of an earlier boot", noProc, async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.3`, record({ bootId: "00000000-0000-0000-0000-000000000000" }));
    await (await files.lock(path)).release();
  });
});

test("lock takes over from a dead process whose pid is ours now", noProc, async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.3`, record({ startTime: "12345" }));
    await (await files.lock(path)).release();
  });
});

test("lock takes over from a dead process whose pid another process has now", noProc, async () => {
  await withLockPath(async (files, path) => {
    // Process 1 always runs; it did not start at this tick.
    await writeFile(`${path}.3`, record({ pid: 1, startTime: "99999999999" }));
    await (await files.lock(path)).release();
  });
});

test("lock takes over from a process of another container that is gone", noProc, async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.3`, record({ pidNamespace: "pid:[1]" }));
    await (await files.lock(path)).release();
  });
});

test("lock refuses while a process that took it without the kernel's lock lives", async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.3`, record({}));
    await assert.rejects(files.lock(path), LockedError);
  });
});

test("lock takes over a lock file that says nothing", async () => {
  await withLockPath(async (files, path) => {
    for (const text of ["", "\0\0\0\0", "{}", "null", "[1]", '{"pid":"1"}', '{"pid":-1}']) {
      await writeFile(`${path}.7`, text);
      await (await files.lock(path)).release();
      await rm(`${path}.8`);
    }
  });
});

test("lock counts the newest generation only, as a number", async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.9`, record({}));
    await writeFile(`${path}.10`, record({ released: true }));
    await writeFile(`${path}.x`, "not ours");
    await writeFile(`${path}.99.copy`, record({}));
    const lock = await files.lock(path);
    const names = await directoryNames(path);
    assert.deepEqual(names, ["LOCK.11", "LOCK.99.copy", "LOCK.x"]);
    const written = parseLockRecord(await readFile(`${path}.11`, "utf8"));
    assert.equal(written?.pid, process.pid);
    assert.equal(written?.released, false);
    await lock.release();
    assert.equal(parseLockRecord(await readFile(`${path}.11`, "utf8"))?.released, true);
  });
});

test("lock removes what crashed starters left, and no more", noProc, async () => {
  await withLockPath(async (files, path) => {
    await writeFile(`${path}.new-1-1`, record({ startTime: "1" }));
    await writeFile(`${path}.new-2-2`, record({}));
    await writeFile(`${path}.new-3-3`, "");
    const lock = await files.lock(path);
    const names = await directoryNames(path);
    assert.deepEqual(names, ["LOCK.1", "LOCK.new-2-2", "LOCK.new-3-3"]);
    await lock.release();
  });
});

test("lock gives up a generation below the newest", async () => {
  await withLockPath(async (_files, path) => {
    // Between this starter's look (generation 4, released) and its link, others made 5, gave it
    // back, made 6 and cleaned 5 away. The kernel's lock is where a test can get in between.
    await writeFile(`${path}.4`, record({ released: true }));
    let holds = 0;
    const kernelLock: KernelLock = {
      hold() {
        holds += 1;
        writeFileSync(`${path}.6`, record({}));
        return null;
      },
      isHeld: () => false,
    };
    await assert.rejects(acquireFileLock(path, kernelLock), LockedError);
    assert.equal(holds, 1);
    assert.deepEqual(await directoryNames(path), ["LOCK.4", "LOCK.6"]);
  });
});

test("lock asks the kernel first", async () => {
  await withLockPath(async (_files, path) => {
    // A live process in another container: its pid says nothing here, the kernel knows it.
    const text = record({ pidNamespace: "pid:[1]", kernelLock: true });
    await writeFile(`${path}.3`, text);
    let held = true;
    const kernelLock: KernelLock = { hold: () => () => {}, isHeld: () => held };
    await assert.rejects(acquireFileLock(path, kernelLock), LockedError);
    held = false;
    const lock: FileLock = await acquireFileLock(path, kernelLock);
    await lock.release();
  });
});

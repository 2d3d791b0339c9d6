/**
 * The lock of a data directory: one live process at a time, and no lock that outlives its process.
 *
 * The lock at `DATA/LOCK` is a row of files `DATA/LOCK.1`, `DATA/LOCK.2` and so on, its
 * *generations*. The newest one, the highest number, is the one that counts. It names the process
 * that made it: pid, start time, boot id, pid namespace. Whoever wants the lock looks at the newest
 * generation. If its process lives and has not given it back, the answer is a LockedError. If not,
 * the next generation is made, and who makes it has the lock.
 *
 * A generation appears complete or not at all: its content is written to `DATA/LOCK.new-…`, synced,
 * and then given its name by link(2), which fails where the name exists.
 *
 * **Two starters at once.** Both see generation 4 stale, both link generation 5; link lets one of
 * them through. The other looks again, sees a live process and is refused.
 *
 * **A slow starter.** It saw 4 stale and fell asleep; meanwhile 5 was made, went stale, 6 was made,
 * and 5 was cleaned away. It wakes up and links 5. So after its link everybody looks once more:
 * only the newest holds. It sees 6, removes its 5 and begins anew.
 *
 * **Why nobody is wrong.** The newest generation is never removed, only outnumbered, so the highest
 * number never falls. Who made n and then saw n newest knows that nothing higher ever was. Later
 * n + 1 takes somebody who saw n newest and its process gone. Somebody who looked before n was made
 * can only make a number up to n: that name is taken, or it is lower and its maker finds out.
 *
 * **Giving back** therefore does not remove the file but replaces it, by rename, by one that says
 * so. One file of that kind stays behind in the directory.
 *
 * **Crashes.** Before the link: a `LOCK.new-…` file stays, which a later holder removes. After it:
 * a generation whose process is gone. After a loss of power names may be missing, or a generation
 * that was given back may be unreadable: then no process lives that could hold it, so unreadable
 * counts as gone.
 *
 * **Who lives** is decided by process_identity.ts, and better, where this runtime reaches it, by
 * the kernel: a holder keeps its generation locked by flock(2). That also finds a process in
 * another container, whose pid means nothing here.
 *
 * @module
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { type FileLock, LockedError, type LockHolder } from "../runtime.ts";
import type { KernelLock } from "./kernel_lock.ts";
import { formatLockRecord, type LockRecord, parseLockRecord } from "./lock_record.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process_identity.ts";
import { fileError, systemErrorCode } from "./system_error.ts";
import { SystemRandom } from "./system_random.ts";

/** How often a starter tries again when another one was faster; that one lives, as a rule. */
const ATTEMPTS_MAX = 16;

const FILE_MODE = 0o600;

/** Who wants a lock, and what it sees of the world. */
export interface LockStarter {
  readonly kernelLock: KernelLock | null;
  readonly own: ProcessIdentity;
  readonly files: LockFiles;
  /** Whether another process runs. */
  isAlive(other: ProcessIdentity): boolean;
}

/** The calls to the file system that a lock is made of. */
export type LockFiles = Pick<
  typeof fs,
  | ("readdirSync" | "readFileSync" | "openSync" | "writeSync" | "fsyncSync" | "closeSync")
  | ("linkSync" | "unlinkSync" | "rmSync" | "writeFileSync" | "renameSync")
>;

/** A lock that was taken; giving it back more than once does nothing. */
export interface HeldFileLock {
  /** Gives it back. */
  release(): void;
}

/** Takes the lock at `path`, or rejects with a LockedError or a FileError. */
export async function acquireFileLock(
  path: string,
  kernelLock: KernelLock | null,
): Promise<FileLock> {
  const held = takeFileLock(path, thisProcess(kernelLock));
  return { release: async () => held.release() };
}

/** The same at once, for any process; throws a LockedError or a FileError. */
export function takeFileLock(path: string, starter: LockStarter): HeldFileLock {
  try {
    return new LockAttempt(path, starter).acquire();
  } catch (error) {
    if (error instanceof LockedError) throw error;
    throw fileError({ verb: "lock", path, error });
  }
}

function thisProcess(kernelLock: KernelLock | null): LockStarter {
  const own = ownIdentity();
  return { kernelLock, own, files: fs, isAlive: (other) => isAlive(other, own) };
}

/** Who holds the lock at `path`, or null; takes nothing. Rejects with a FileError. */
export async function findLockHolder(
  path: string,
  kernelLock: KernelLock | null,
): Promise<LockHolder | null> {
  try {
    return new LockAttempt(path, thisProcess(kernelLock)).holder();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw fileError({ verb: "look at the lock", path, error });
  }
}

/** One starter's way to the lock. */
class LockAttempt {
  readonly #path: string;
  readonly #directory: string;
  /** What the names of all files of this lock start with. */
  readonly #prefix: string;
  readonly #starter: LockStarter;

  constructor(path: string, starter: LockStarter) {
    this.#path = path;
    this.#directory = dirname(path);
    this.#prefix = `${basename(path)}.`;
    this.#starter = starter;
  }

  acquire(): HeldFileLock {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const newest = this.#newestGeneration();
      if (newest > 0) this.#refuseIfHeld(newest);
      const lock = this.#claim(newest + 1);
      if (lock === null) continue;
      try {
        this.#cleanUp(newest + 1);
      } catch {
        // Leftovers harm nobody, and the next holder tries again.
      }
      return lock;
    }
    throw new LockedError(this.#path, null);
  }

  /** Who holds the newest generation, or null. */
  holder(): LockHolder | null {
    const newest = this.#newestGeneration();
    if (newest === 0) return null;
    try {
      this.#refuseIfHeld(newest);
      return null;
    } catch (error) {
      if (error instanceof LockedError) return { pid: error.holderPid };
      throw error;
    }
  }

  /** The highest number, or 0 where there is none. */
  #newestGeneration(): number {
    return Math.max(0, ...this.#names().map((name) => this.#generationOf(name) ?? 0));
  }

  #names(): string[] {
    const names = this.#starter.files.readdirSync(this.#directory);
    return names.filter((name) => name.startsWith(this.#prefix));
  }

  #generationOf(name: string): number | null {
    const digits = name.slice(this.#prefix.length);
    return /^[1-9][0-9]{0,14}$/.test(digits) ? Number(digits) : null;
  }

  #temporaryPath(): string {
    return `${this.#path}.new-${this.#starter.own.pid}-${new SystemRandom().uint32()}`;
  }

  #pathOf(generation: number): string {
    return `${this.#path}.${generation}`;
  }

  #refuseIfHeld(generation: number): void {
    const path = this.#pathOf(generation);
    try {
      const record = parseLockRecord(this.#starter.files.readFileSync(path, "utf8"));
      if (record?.released) return;
      if (this.#isHeld(path, record)) throw new LockedError(this.#path, record?.pid ?? null);
    } catch (error) {
      // Outnumbered and cleaned away since it was listed: the claim below finds that out.
      if (error instanceof LockedError) throw error;
      if (systemErrorCode(error) !== "ENOENT") throw fileError({ verb: "read", path, error });
    }
  }

  #isHeld(path: string, record: LockRecord | null): boolean {
    if (this.#starter.kernelLock !== null && (record === null || record.kernelLock)) {
      return this.#starter.kernelLock.isHeld(path);
    }
    return record !== null && this.#starter.isAlive(record);
  }

  /** Makes `generation`; null where somebody else made it, or a higher one. */
  #claim(generation: number): HeldFileLock | null {
    const path = this.#pathOf(generation);
    const { temporary, drop } = this.#writeTemporary();
    try {
      if (this.#link(temporary, path)) {
        if (this.#newestGeneration() === generation) return this.#held(path, drop);
        // The newest one's holder may have cleaned it away already.
        this.#starter.files.rmSync(path, { force: true });
      }
    } catch (error) {
      drop?.();
      throw error;
    } finally {
      this.#starter.files.unlinkSync(temporary);
    }
    drop?.();
    return null;
  }

  /** A complete generation without its name, already under the kernel's lock. */
  #writeTemporary(): { temporary: string; drop: (() => void) | null } {
    const temporary = this.#temporaryPath();
    const descriptor = this.#starter.files.openSync(temporary, "wx", FILE_MODE);
    let drop: (() => void) | null = null;
    try {
      drop = this.#starter.kernelLock?.hold(temporary) ?? null;
      const record = { ...this.#starter.own, kernelLock: drop !== null, released: false };
      this.#starter.files.writeSync(descriptor, formatLockRecord(record));
      this.#starter.files.fsyncSync(descriptor);
      return { temporary, drop };
    } catch (error) {
      drop?.();
      this.#starter.files.unlinkSync(temporary);
      throw error;
    } finally {
      this.#starter.files.closeSync(descriptor);
    }
  }

  #held(path: string, drop: (() => void) | null): HeldFileLock {
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      const record = { ...this.#starter.own, kernelLock: false, released: true };
      const temporary = this.#temporaryPath();
      try {
        this.#starter.files.writeFileSync(temporary, formatLockRecord(record), { mode: FILE_MODE });
        this.#starter.files.renameSync(temporary, path);
      } catch (error) {
        // The directory was removed, and the lock with it.
        if (systemErrorCode(error) !== "ENOENT") {
          throw fileError({ verb: "release the lock", path, error });
        }
      } finally {
        drop?.();
      }
    };
    return { release };
  }

  /** Removes what earlier holders and crashed starters left behind. */
  #cleanUp(newest: number): void {
    for (const name of this.#names()) {
      const path = join(this.#directory, name);
      const generation = this.#generationOf(name);
      if (generation === null ? this.#isAbandoned(path) : generation < newest) {
        this.#starter.files.rmSync(path, { force: true });
      }
    }
  }

  /** Whether an unnamed generation was left by a process that can be seen to be gone. */
  #isAbandoned(path: string): boolean {
    if (!path.startsWith(`${this.#path}.new-`)) return false;
    let text: string;
    try {
      text = this.#starter.files.readFileSync(path, "utf8");
    } catch {
      return false;
    }
    const record = parseLockRecord(text);
    // Another container's starter may be at work right now: only those that can be seen.
    if (record === null || record.pidNamespace !== this.#starter.own.pidNamespace) return false;
    return !this.#starter.isAlive(record);
  }

  /** Gives the file at `from` a second name; false where the name is taken. */
  #link(from: string, to: string): boolean {
    try {
      this.#starter.files.linkSync(from, to);
      return true;
    } catch (error) {
      if (systemErrorCode(error) === "EEXIST") return false;
      throw error;
    }
  }
}

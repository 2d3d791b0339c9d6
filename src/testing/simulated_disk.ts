/**
 * One simulated disk. It outlives the processes that use it.
 *
 * Model: what a process writes is in the page cache at once, for everybody. It is on the disk after
 * a sync of that file (its content) and of the directories on its way (its name). Reads, syncs and
 * changes of names take time and are done by a pool of threads: calls that do not wait for one
 * another overtake one another. A disk may stall, fill up, refuse to read or to sync, and rot.
 *
 * Crash cases: the death of a process (`kill`) loses nothing that was written; calls that had not
 * been carried out are not carried out. A loss of power loses what was not synced, in part (see
 * simulated_inode.ts and simulated_namespace.ts), and releases every lock. `onCall` is asked at
 * each call and may end the machine before or after its effect, so that a test can try every
 * point. A call that crashes its process never returns: its promise stays open, and `write`, which
 * has none, throws.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { FileError, LockedError } from "../runtime/runtime.ts";
import type { File, FileLock, FileSystem, LockHolder } from "../runtime/runtime.ts";
import { calmDisk } from "./disk_faults.ts";
import type { DiskCallKind, DiskFaults, DiskVerdict } from "./disk_faults.ts";
import { drawLatencyMs } from "./latency.ts";
import type { Latency } from "./latency.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedInode } from "./simulated_inode.ts";
import { SimulatedNamespace } from "./simulated_namespace.ts";
import { SimulatedCrashError } from "./simulated_process.ts";
import type { SimulatedProcess } from "./simulated_process.ts";
import type { SimulatedScheduler } from "./simulated_scheduler.ts";

/** A kernel takes what is written a page at a time. */
const PAGE_BYTES = 4096;

/** What {@linkcode SimulatedDisk} is made of. */
export interface SimulatedDiskOptions {
  readonly scheduler: SimulatedScheduler;
  readonly prng: Prng;
  readonly faults?: Partial<DiskFaults>;
}

/** A call that is answered by a promise. */
interface Request<Result> {
  readonly owner: SimulatedProcess;
  readonly kind: DiskCallKind;
  readonly path: string;
  readonly latency: Latency;
  readonly effect: () => Result;
}

/** A disk with its page cache. */
export class SimulatedDisk {
  /** How the disk behaves; may be changed at any time. */
  readonly faults: DiskFaults;
  readonly #scheduler: SimulatedScheduler;
  readonly #prng: Prng;
  readonly #names: SimulatedNamespace;
  readonly #locks = new Map<string, SimulatedProcess>();
  #callCount = 0;
  #stalledUntilMs = 0;
  #failNextSync = false;

  /** Creates an empty disk. */
  constructor(options: SimulatedDiskOptions) {
    this.faults = { ...calmDisk(), ...options.faults };
    this.#scheduler = options.scheduler;
    this.#prng = options.prng;
    this.#names = new SimulatedNamespace(options.prng);
  }

  /** How many calls were made to this disk: the crash points are numbered by it. */
  get callCount(): number {
    return this.#callCount;
  }

  /** How many bytes the files have. */
  get usedBytes(): number {
    return this.#names.usedBytes();
  }

  /** Gives the disk to a process, whose files and locks end with it. */
  mount(owner: SimulatedProcess): FileSystem {
    owner.onCrash((kind) => {
      for (const [path, holder] of this.#locks) {
        if (holder === owner) this.#locks.delete(path);
      }
      if (kind === "power_loss") this.#names.losePower();
    });
    return this.#fileSystem(owner);
  }

  /** Answers no sync and no read until `durationMs` have passed. */
  stall(durationMs: number): void {
    assert(durationMs >= 0, () => `durationMs ${durationMs} is not negative`);
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#scheduler.nowMs + durationMs);
  }

  /** Fails the next sync of a file with `EIO`. */
  failNextSync(): void {
    this.#failNextSync = true;
  }

  /** Flips bits in a file at rest; `mask` says which bits of the byte. */
  corrupt(rot: { path: string; offset: number; mask: number }): void {
    const inode = this.#names.file(rot.path);
    assert(inode !== null, () => `file "${rot.path}" exists`);
    inode.corrupt(rot.offset, rot.mask);
  }

  /** The content of a file as a process would read it, or null where there is none. */
  content(path: string): Uint8Array | null {
    return this.#names.content(path);
  }

  /** The names in a directory. */
  list(path: string): string[] {
    return this.#names.list(path);
  }

  #fileSystem(owner: SimulatedProcess): FileSystem {
    const metadata = <Result>(kind: DiskCallKind, path: string, effect: () => Result) =>
      this.#request({ owner, kind, path, latency: this.faults.metadataLatency, effect });
    return {
      open: (path, mode) => metadata("open", path, () => this.#open({ owner, path, mode })),
      readDirectory: (path) => metadata("readDirectory", path, () => this.#names.list(path)),
      makeDirectory: (path) =>
        metadata("makeDirectory", path, () => this.#names.makeDirectory(path)),
      rename: (from, to) => metadata("rename", to, () => this.#names.rename(from, to)),
      remove: (path) => metadata("remove", path, () => this.#names.remove(path)),
      size: (path) => metadata("size", path, () => this.#names.file(path)?.sizeBytes ?? null),
      freeBytes: (path) => metadata("freeBytes", path, () => this.#freeBytes()),
      syncDirectory: (path) => this.#syncDirectory(owner, path),
      lock: (path) => metadata("lock", path, () => this.#lock(owner, path)),
      lockHolder: (path) => metadata("lock", path, () => this.#lockHolder(path)),
    };
  }

  #open(call: { owner: SimulatedProcess; path: string; mode: string }): File {
    const { owner, path, mode } = call;
    const known = this.#names.file(path);
    if (known === null && mode === "read") {
      throw new FileError("ENOENT", path, `Cannot open "${path}": there is no such file`);
    }
    if (known !== null && mode === "create") {
      throw new FileError("EEXIST", path, `Cannot create "${path}": it exists`);
    }
    const inode = known ?? this.#names.create(path);
    const request = <Result>(kind: DiskCallKind, effect: () => Result) =>
      this.#request({ owner, kind, path, latency: this.faults.metadataLatency, effect });
    return {
      path,
      write: (parts, position) => {
        if (mode === "read") {
          throw new FileError("EBADF", path, `Cannot write "${path}": it is open for reading`);
        }
        this.#write({ owner, inode, path, parts, position });
      },
      sync: (done) => this.#sync({ owner, inode, path, done }),
      read: (target, position) => this.#read({ owner, inode, path, target, position }),
      size: () => request("size", () => inode.sizeBytes),
      truncate: (bytes) =>
        request("truncate", () => {
          this.#checkSpace(path, bytes - inode.sizeBytes);
          inode.truncate(bytes);
        }),
      close: () => request("close", () => {}),
    };
  }

  #write(call: {
    owner: SimulatedProcess;
    inode: SimulatedInode;
    path: string;
    parts: readonly Uint8Array[];
    position: number;
  }): void {
    const { owner, inode, path, parts } = call;
    if (!owner.alive) throw new SimulatedCrashError(owner.name);
    const verdict = this.#enter({ owner, kind: "write", path });
    if (verdict === "crash-before") throw new SimulatedCrashError(owner.name);
    if (verdict instanceof Error) throw verdict;
    let end = call.position;
    for (const part of parts) end += part.length;
    const failure = this.#writeFailure({ path, bytes: end - inode.sizeBytes });
    // A write that fails may have written some of its bytes: a kernel goes on page by page.
    const limit = failure === null ? end : this.#shortEnd(call.position, end);
    let position = call.position;
    for (const part of parts) {
      const room = Math.max(0, limit - position);
      const fitting = part.length <= room ? part : part.subarray(0, room);
      if (fitting.length > 0) inode.write(fitting, position);
      position += part.length;
    }
    if (this.#prng.chance(this.faults.writeBackChance)) inode.writeBack();
    if (failure !== null) throw failure;
    if (verdict === "ok") return;
    owner.crash("power_loss");
    throw new SimulatedCrashError(owner.name);
  }

  #freeBytes(): number {
    return Math.min(
      Number.MAX_SAFE_INTEGER,
      Math.max(0, this.faults.capacityBytes - this.usedBytes),
    );
  }

  #shortEnd(position: number, end: number): number {
    const reached = this.#prng.range(position, end);
    return reached === end ? end : Math.max(position, reached - reached % PAGE_BYTES);
  }

  #writeFailure(write: { path: string; bytes: number }): FileError | null {
    const { path, bytes } = write;
    if (this.faults.writeErrorChance > 0 && this.#prng.chance(this.faults.writeErrorChance)) {
      return new FileError("EIO", path, `Cannot write "${path}": input or output error`);
    }
    const full = this.faults.capacityBytes !== Infinity && bytes > 0 &&
      this.usedBytes + bytes > this.faults.capacityBytes;
    return full ? new FileError("ENOSPC", path, `Cannot write "${path}": the disk is full`) : null;
  }

  #checkSpace(path: string, bytes: number): void {
    if (this.faults.capacityBytes === Infinity || bytes <= 0) return;
    if (this.usedBytes + bytes <= this.faults.capacityBytes) return;
    throw new FileError("ENOSPC", path, `Cannot extend "${path}": the disk is full`);
  }

  #sync(call: {
    owner: SimulatedProcess;
    inode: SimulatedInode;
    path: string;
    done: (error: Error | null) => void;
  }): void {
    const { owner, inode, path, done } = call;
    if (!owner.alive) return;
    const verdict = this.#enter({ owner, kind: "sync", path });
    if (verdict === "crash-before") return;
    const batch = inode.beginSync();
    let failure = verdict instanceof Error ? verdict : null;
    const unlucky = this.faults.syncErrorChance > 0 &&
      this.#prng.chance(this.faults.syncErrorChance);
    if (failure === null && (this.#failNextSync || unlucky)) {
      failure = new FileError("EIO", path, `Cannot sync "${path}": input or output error`);
      this.#failNextSync = false;
    }
    // The kernel goes on with a sync whose process has died. After a loss of power the batch is
    // unknown to the file, and completing it does nothing.
    this.#scheduler.schedule(() => {
      if (failure === null) inode.completeSync(batch);
      else inode.failSync(batch);
      if (verdict === "crash-after") owner.crash("power_loss");
      owner.deliver(() => done(failure));
    }, this.#waitMs(this.faults.syncLatency));
  }

  #read(call: {
    owner: SimulatedProcess;
    inode: SimulatedInode;
    path: string;
    target: Uint8Array;
    position: number;
  }): Promise<number> {
    const { owner, inode, path, target, position } = call;
    const latency = this.faults.readLatency;
    const effect = () => {
      if (this.faults.readErrorChance > 0 && this.#prng.chance(this.faults.readErrorChance)) {
        throw new FileError("EIO", path, `Cannot read "${path}": input or output error`);
      }
      return inode.read(target, position);
    };
    return this.#request({ owner, kind: "read", path, latency, effect });
  }

  #syncDirectory(owner: SimulatedProcess, path: string): Promise<void> {
    let complete: (() => void) | null = null;
    let failure: unknown = null;
    try {
      complete = this.#names.beginSync(path);
    } catch (error) {
      failure = error;
    }
    const effect = () => {
      if (complete === null) throw failure;
      complete();
    };
    const latency = this.faults.syncLatency;
    return this.#request({ owner, kind: "syncDirectory", path, latency, effect });
  }

  #lockHolder(path: string): LockHolder | null {
    const holder = this.#locks.get(path);
    return holder === undefined ? null : { pid: holder.number };
  }

  #lock(owner: SimulatedProcess, path: string): FileLock {
    const holder = this.#locks.get(path);
    if (holder !== undefined) throw new LockedError(path, holder.number);
    this.#locks.set(path, owner);
    const effect = () => {
      if (this.#locks.get(path) === owner) this.#locks.delete(path);
    };
    const latency = this.faults.metadataLatency;
    return { release: () => this.#request({ owner, kind: "unlock", path, latency, effect }) };
  }

  /** Counts a call and asks what becomes of it; a crash before it has happened on return. */
  #enter(call: { owner: SimulatedProcess; kind: DiskCallKind; path: string }): DiskVerdict {
    this.#callCount++;
    const { kind, path } = call;
    const verdict = this.faults.onCall?.({ kind, path, number: this.#callCount }) ?? "ok";
    if (verdict === "crash-before") call.owner.crash("power_loss");
    return verdict;
  }

  #request<Result>(request: Request<Result>): Promise<Result> {
    const { owner } = request;
    return new Promise((resolve, reject) => {
      if (!owner.alive) return;
      const verdict = this.#enter(request);
      if (verdict === "crash-before") return;
      this.#scheduler.schedule(() => {
        if (!owner.alive) return;
        let settle: () => void;
        try {
          if (verdict instanceof Error) throw verdict;
          const result = request.effect();
          settle = () => resolve(result);
        } catch (error) {
          settle = () => reject(error);
        }
        if (verdict === "crash-after") owner.crash("power_loss");
        owner.deliver(settle);
      }, this.#waitMs(request.latency));
    });
  }

  #waitMs(latency: Latency): number {
    const waitMs = drawLatencyMs(this.#prng, latency);
    const metadata = latency === this.faults.metadataLatency;
    return metadata ? waitMs : waitMs + Math.max(0, this.#stalledUntilMs - this.#scheduler.nowMs);
  }
}

/**
 * A disk for crash points: the files of the simulator (simulated_namespace.ts) without its clock.
 * Calls take effect at once and in their order, and whoever wants is told before and after each
 * effect, and in the middle of a write: the instants at which the machine may stop. At each of them
 * the disk can be forked, as it is or after a loss of power, so that what follows is tried on the
 * fork and nothing has to be run again up to there.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Clock, File, FileSystem, Network, Runtime } from "../runtime/runtime.ts";
import { FileError } from "../runtime/runtime.ts";
import type { DiskCallKind } from "./disk_faults.ts";
import type { PowerLoss } from "./power_loss.ts";
import { Prng } from "./prng.ts";
import type { SimulatedInode } from "./simulated_inode.ts";
import { SimulatedNamespace } from "./simulated_namespace.ts";

/** A kernel takes what is written a page at a time. */
const PAGE_BYTES = 4096;

/** A moment at which the machine may stop. */
export interface CrashInstant {
  readonly kind: DiskCallKind;
  readonly path: string;
  /** What has become of the call: nothing, some of it, or all. */
  readonly progress: "not done" | "half done" | "done";
}

/** See the comment of this module. */
export class CrashDisk {
  /** Told of each instant, while the call waits. */
  onInstant: ((instant: CrashInstant) => void) | null = null;
  readonly #names: SimulatedNamespace;
  #changeCount = 0;

  /** Creates an empty disk. */
  constructor(names: SimulatedNamespace = new SimulatedNamespace(new Prng("crash disk"))) {
    this.#names = names;
  }

  /** Grows whenever the disk changes: equal ones say that nothing did. */
  get changeCount(): number {
    return this.#changeCount;
  }

  /** How many changes of names are not durable. */
  get unsyncedNames(): number {
    return this.#names.unsyncedCount;
  }

  /** A copy that goes its own way. */
  fork(): CrashDisk {
    return new CrashDisk(this.#names.fork());
  }

  /** Takes away what is not durable, as far as `loss` says. */
  losePower(loss: PowerLoss): void {
    this.#names.losePower(loss);
    this.#changeCount += 1;
  }

  /** A text that is equal for two disks that behave alike from now on. */
  describe(): string {
    return this.#names.describe();
  }

  /** The content of a file as a process would read it, or null where there is none. */
  content(path: string): Uint8Array | null {
    return this.#names.content(path);
  }

  /** The names in a directory. */
  list(path: string): string[] {
    return this.#names.list(path);
  }

  /** A process on this disk: its clock stands still, and its randomness follows from `seed`. */
  boot(seed: string): Runtime {
    const clock: Clock = {
      nowMs: () => 0,
      wallMs: () => 0,
      setTimer: () => null,
      clearTimer: () => {},
      defer: (callback) => queueMicrotask(callback),
    };
    const network: Network = {
      listen: () => Promise.reject(new Error("There is no network")),
      connect: () => Promise.reject(new Error("There is no network")),
    };
    const random = new Prng(seed);
    return { name: "crash disk", version: "1", network, files: this.#files(), clock, random };
  }

  #files(): FileSystem {
    const names = this.#names;
    const call = <Result>(kind: DiskCallKind, path: string, effect: () => Result) =>
      this.#call({ kind, path, effect });
    const change = <Result>(kind: DiskCallKind, path: string, effect: () => Result) =>
      this.#call({ kind, path, effect, changes: true });
    return {
      open: (path, mode) => this.#open(path, mode),
      readDirectory: (path) => call("readDirectory", path, () => names.list(path)),
      makeDirectory: (path) => this.#makeDirectory(path),
      rename: (from, to) => change("rename", to, () => names.rename(from, to)),
      remove: (path) => change("remove", path, () => names.remove(path)),
      size: (path) => call("size", path, () => names.file(path)?.sizeBytes ?? null),
      freeBytes: (path) => call("freeBytes", path, () => null),
      syncDirectory: (path) => change("syncDirectory", path, () => names.beginSync(path)()),
      lock: (path) => call("lock", path, () => ({ release: () => call("unlock", path, () => {}) })),
      lockHolder: (path) => call("lock", path, () => null),
    };
  }

  async #call<Result>(
    { kind, path, effect, changes = false }: {
      readonly kind: DiskCallKind;
      readonly path: string;
      readonly effect: () => Result;
      readonly changes?: boolean;
    },
  ): Promise<Result> {
    this.onInstant?.({ kind, path, progress: "not done" });
    const result = effect();
    if (changes) this.#changeCount += 1;
    this.onInstant?.({ kind, path, progress: "done" });
    return result;
  }

  /** One directory after the other, as `mkdir -p` does. */
  async #makeDirectory(path: string): Promise<void> {
    const parts = path.split("/").filter((part) => part !== "");
    const kind = "makeDirectory";
    this.onInstant?.({ kind, path, progress: "not done" });
    for (let count = 1; count <= parts.length; count += 1) {
      const before = this.#names.unsyncedCount;
      this.#names.makeDirectory(`/${parts.slice(0, count).join("/")}`);
      if (this.#names.unsyncedCount > before) this.#changeCount += 1;
      const progress = count === parts.length ? "done" : "half done";
      this.onInstant?.({ kind, path, progress });
    }
  }

  async #open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    this.onInstant?.({ kind: "open", path, progress: "not done" });
    const known = this.#names.file(path);
    if (known === null && mode === "read") {
      throw new FileError("ENOENT", path, `Cannot open "${path}": there is no such file`);
    }
    if (known !== null && mode === "create") {
      throw new FileError("EEXIST", path, `Cannot create "${path}": it exists`);
    }
    const inode = known ?? this.#names.create(path);
    if (known === null) this.#changeCount += 1;
    this.onInstant?.({ kind: "open", path, progress: "done" });
    const call = <Result>(kind: DiskCallKind, effect: () => Result, changes = false) =>
      this.#call({ kind, path, effect, changes });
    return {
      path,
      write: (parts, position) => {
        assert(mode !== "read", () => `"${path}" is open for reading`);
        this.#write({ inode, path, parts, position });
      },
      sync: (done) => {
        const synced = call("sync", () => inode.completeSync(inode.beginSync()), true);
        synced.then(() => done(null), done);
      },
      read: (target, position) => call("read", () => inode.read(target, position)),
      size: () => call("size", () => inode.sizeBytes),
      truncate: (bytes) => call("truncate", () => inode.truncate(bytes), true),
      close: () => call("close", () => {}),
    };
  }

  #write({ inode, path, parts, position }: {
    readonly inode: SimulatedInode;
    readonly path: string;
    readonly parts: readonly Uint8Array[];
    readonly position: number;
  }): void {
    this.onInstant?.({ kind: "write", path, progress: "not done" });
    const end = parts.reduce((sum, part) => sum + part.length, position);
    const middle = Math.floor((position + end) / 2 / PAGE_BYTES) * PAGE_BYTES;
    let at = position;
    for (const part of parts) {
      const head = part.subarray(0, Math.max(0, middle - at));
      if (head.length > 0) inode.write(head, at);
      if (at < middle && at + part.length >= middle) {
        this.#changeCount += 1;
        this.onInstant?.({ kind: "write", path, progress: "half done" });
      }
      if (head.length < part.length) inode.write(part.subarray(head.length), at + head.length);
      at += part.length;
    }
    this.#changeCount += 1;
    this.onInstant?.({ kind: "write", path, progress: "done" });
  }
}

/** Files as plain byte arrays that a test may change at will; every write is durable at once. */
import { type File, FileError, type FileSystem, type Runtime } from "../../src/runtime/runtime.ts";
import { Prng } from "../../src/testing/prng.ts";

/** A file system in a map from path to content; directories need not exist. */
export class MemoryFiles implements FileSystem {
  /** The files. */
  readonly contents: Map<string, Uint8Array>;

  /** Starts with copies of the files of another one, or empty. */
  constructor(other?: MemoryFiles) {
    this.contents = new Map(
      [...other?.contents ?? []].map(([path, bytes]) => [path, bytes.slice()]),
    );
  }

  /** A runtime with these files, of which logs use nothing else. */
  get runtime(): Runtime {
    const clock = {
      nowMs: () => 0,
      wallMs: () => 0,
      setTimer: (callback: () => void) => queueMicrotask(callback),
      clearTimer: () => {},
      defer: (callback: () => void) => queueMicrotask(callback),
    };
    const network = {
      listen: () => Promise.reject(new Error("No network")),
      connect: () => Promise.reject(new Error("No network")),
    };
    return { name: "memory", version: "1", network, files: this, clock, random: new Prng(1) };
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<File> {
    const known = this.contents.has(path);
    if (!known && mode === "read") throw new FileError("ENOENT", path, `No file "${path}"`);
    if (known && mode === "create") throw new FileError("EEXIST", path, `File "${path}" exists`);
    if (!known) this.contents.set(path, new Uint8Array(0));
    return new MemoryFile(path, this.contents);
  }

  async readDirectory(path: string): Promise<string[]> {
    const names = new Set<string>();
    for (const file of this.contents.keys()) {
      if (file.startsWith(`${path}/`)) names.add(file.slice(path.length + 1).split("/")[0]!);
    }
    return [...names].sort((one, other) => one < other ? -1 : 1);
  }

  async makeDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    const bytes = this.contents.get(from);
    if (bytes === undefined) throw new FileError("ENOENT", from, `No file "${from}"`);
    this.contents.delete(from);
    this.contents.set(to, bytes);
  }

  async remove(path: string): Promise<void> {
    if (!this.contents.delete(path)) throw new FileError("ENOENT", path, `No file "${path}"`);
  }

  async size(path: string): Promise<number | null> {
    return this.contents.get(path)?.length ?? null;
  }

  async freeBytes(): Promise<null> {
    return null;
  }

  async syncDirectory(): Promise<void> {}

  async lock(): Promise<{ release(): Promise<void> }> {
    return { release: async () => {} };
  }

  async lockHolder(): Promise<null> {
    return null;
  }
}

class MemoryFile implements File {
  readonly path: string;
  readonly #contents: Map<string, Uint8Array>;

  constructor(path: string, contents: Map<string, Uint8Array>) {
    this.path = path;
    this.#contents = contents;
  }

  get #bytes(): Uint8Array {
    return this.#contents.get(this.path)!;
  }

  write(parts: readonly Uint8Array[], position: number): void {
    const end = parts.reduce((sum, part) => sum + part.length, position);
    if (end > this.#bytes.length) this.#resize(end);
    let at = position;
    for (const part of parts) {
      this.#bytes.set(part, at);
      at += part.length;
    }
  }

  sync(done: (error: Error | null) => void): void {
    queueMicrotask(() => done(null));
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    const bytes = this.#bytes.subarray(position, position + target.length);
    target.set(bytes);
    return bytes.length;
  }

  async size(): Promise<number> {
    return this.#bytes.length;
  }

  async truncate(bytes: number): Promise<void> {
    this.#resize(bytes);
  }

  async close(): Promise<void> {}

  #resize(bytes: number): void {
    const resized = new Uint8Array(bytes);
    resized.set(this.#bytes.subarray(0, bytes));
    this.#contents.set(this.path, resized);
  }
}

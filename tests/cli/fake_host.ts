import type { HttpServer } from "../../src/runtime/http.ts";
import type {
  AppendFile,
  ChildProcess,
  HostProcess,
  InputStream,
  LineEditor,
  LineEditorOptions,
  LinePipe,
  MachineFacts,
  OutputStream,
  ProcessUsage,
  SignalName,
  UserFiles,
} from "../../src/runtime/process.ts";
import { FileError } from "../../src/runtime/runtime.ts";

const decoder = new TextDecoder();

/** Keeps what was written. */
export class FakeOutput implements OutputStream {
  isTerminal = false;
  columns = 80;
  readerIsGone = false;
  readonly chunks: Uint8Array[] = [];

  write(bytes: Uint8Array | string): Promise<void> {
    this.chunks.push(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes.slice());
    return Promise.resolve();
  }

  get text(): string {
    return this.chunks.map((chunk) => decoder.decode(chunk)).join("");
  }

  get lines(): string[] {
    return this.text.split("\n").filter((line) => line !== "");
  }
}

/** Input that is known in advance. */
export class FakeInput implements InputStream {
  isTerminal = false;
  bytes = new Uint8Array();

  async *chunks(): AsyncIterable<Uint8Array> {
    for (let position = 0; position < this.bytes.length; position += 7) {
      yield await Promise.resolve(this.bytes.subarray(position, position + 7));
    }
  }

  onEnd(callback: () => void): void {
    callback();
  }
}

/** Files in memory. */
export class FakeFiles implements UserFiles {
  readonly contents = new Map<string, Uint8Array>();

  read(path: string): Promise<Uint8Array> {
    const bytes = this.contents.get(path);
    if (bytes !== undefined) return Promise.resolve(bytes);
    return Promise.reject(new FileError("ENOENT", path, `Cannot read "${path}": no such file`));
  }

  replace(path: string, text: string): Promise<void> {
    this.set(path, text);
    return Promise.resolve();
  }

  openAppend(path: string): AppendFile {
    return {
      append: (text) => this.set(path, decoder.decode(this.contents.get(path)) + text),
      close: () => {},
    };
  }

  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  makeTemporaryDirectory(prefix: string): Promise<string> {
    return Promise.resolve(`/tmp/${prefix}1`);
  }

  removeDirectory(): void {}

  set(path: string, text: string): void {
    this.contents.set(path, new TextEncoder().encode(text));
  }
}

/** A process that is not there. */
export class FakeHost implements HostProcess {
  readonly pid = 4711;
  arguments: readonly string[] = [];
  environment: Record<string, string | undefined> = {};
  readonly ownCommand = ["raft"];
  readonly standardInput = new FakeInput();
  readonly standardOutput = new FakeOutput();
  readonly standardError = new FakeOutput();
  readonly files = new FakeFiles();
  readonly machine: MachineFacts = {
    diskSpace: () => Promise.resolve({ freeBytes: 50e9, totalBytes: 100e9 }),
    ownership: () => Promise.resolve({ isOwn: true, mode: 0o700 }),
    openFilesMax: () => Promise.resolve(65_536),
  };
  exitCode: number | null = null;
  readonly #signals = new Map<SignalName, Set<() => void>>();

  nowMs(): number {
    return performance.now();
  }

  usage(): ProcessUsage {
    return { residentBytes: 64 * 2 ** 20, cpuSeconds: 1.5 };
  }

  listenHttp(): Promise<HttpServer> {
    throw new Error("Nobody listens in a unit test");
  }

  setExitCode(code: number): void {
    this.exitCode = code;
  }

  exitNow(code: number): void {
    this.exitCode = code;
  }

  onSignal(signal: SignalName, callback: () => void): () => void {
    const callbacks = this.#signals.get(signal) ?? new Set();
    this.#signals.set(signal, callbacks.add(callback));
    return () => callbacks.delete(callback);
  }

  /** Delivers a signal. */
  signal(name: SignalName): void {
    for (const callback of this.#signals.get(name) ?? []) callback();
  }

  onExit(): () => void {
    return () => {};
  }

  spawn(): ChildProcess {
    throw new Error("Nothing is spawned in a unit test");
  }

  openLineEditor(_options: LineEditorOptions): LineEditor {
    throw new Error("There is no terminal in a unit test");
  }

  openLinePipe(): LinePipe {
    throw new Error("There is no terminal in a unit test");
  }
}

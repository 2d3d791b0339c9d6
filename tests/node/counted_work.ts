/** What a program asks of its runtime, and how many bytes it copies, counted. */
import type {
  ByteStream,
  Clock,
  File,
  FileSystem,
  Network,
  Runtime,
} from "../../src/runtime/runtime.ts";

/** What was counted. */
export interface Work {
  /** Writes to connections, and their bytes. */
  socketWrites: number;
  socketBytes: number;
  /** Writes to files, and their bytes. */
  fileWrites: number;
  fileBytes: number;
  syncs: number;
  timers: number;
  /** Calls that copy bytes from one array to another, and the bytes. */
  copies: number;
  copiedBytes: number;
}

/** Nothing yet. */
export function noWork(): Work {
  return {
    socketWrites: 0,
    socketBytes: 0,
    fileWrites: 0,
    fileBytes: 0,
    syncs: 0,
    timers: 0,
    copies: 0,
    copiedBytes: 0,
  };
}

/** A runtime that counts in `work` what goes through it. */
export function countedRuntime(runtime: Runtime, work: Work): Runtime {
  const { name, version, random } = runtime;
  return {
    name,
    version,
    random,
    network: countedNetwork(runtime.network, work),
    files: countedFiles(runtime.files, work),
    clock: countedClock(runtime.clock, work),
  };
}

/** Calls what is no part of the program: what it copies does not count. */
function withoutCopies(work: Work, call: () => void): void {
  const { copies, copiedBytes } = work;
  call();
  Object.assign(work, { copies, copiedBytes });
}

function countedNetwork(network: Network, work: Work): Network {
  return {
    listen: (options) =>
      network.listen({
        ...options,
        onConnection: (stream) => options.onConnection(countedStream(stream, work)),
      }),
    connect: async (options) => countedStream(await network.connect(options), work),
  };
}

function countedStream(stream: ByteStream, work: Work): ByteStream {
  return {
    get remoteAddress() {
      return stream.remoteAddress;
    },
    get writeBufferedBytes() {
      return stream.writeBufferedBytes;
    },
    start: (handler) => stream.start(handler),
    write: (bytes) => {
      work.socketWrites += 1;
      work.socketBytes += bytes.length;
      withoutCopies(work, () => stream.write(bytes));
    },
    pause: () => stream.pause(),
    resume: () => stream.resume(),
    close: () => stream.close(),
    destroy: () => stream.destroy(),
  };
}

function countedFiles(files: FileSystem, work: Work): FileSystem {
  return {
    open: async (path, mode) => countedFile(await files.open(path, mode), work),
    readDirectory: (path) => files.readDirectory(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    size: (path) => files.size(path),
    freeBytes: (path) => files.freeBytes(path),
    syncDirectory: (path) => files.syncDirectory(path),
    lock: (path) => files.lock(path),
    lockHolder: (path) => files.lockHolder(path),
  };
}

function countedFile(file: File, work: Work): File {
  return {
    path: file.path,
    write: (parts, position) => {
      work.fileWrites += 1;
      for (const { length } of parts) work.fileBytes += length;
      withoutCopies(work, () => file.write(parts, position));
    },
    sync: (done) => {
      work.syncs += 1;
      withoutCopies(work, () => file.sync(done));
    },
    read: (target, position) => file.read(target, position),
    size: () => file.size(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  };
}

function countedClock(clock: Clock, work: Work): Clock {
  return {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    setTimer: (callback, delayMs) => {
      work.timers += 1;
      return clock.setTimer(callback, delayMs);
    },
    clearTimer: (timer) => clock.clearTimer(timer),
    defer: (callback) => clock.defer(callback),
  };
}

/** Counts copies between arrays of bytes, of the whole process, while `body` runs. */
export async function countingCopies<T>(work: Work, body: () => Promise<T>): Promise<T> {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype);
  const { set, slice, copyWithin } = prototype;
  const count = (bytes: number): void => {
    work.copies += 1;
    work.copiedBytes += bytes;
  };
  prototype.set = function (source: ArrayLike<number>, offset?: number): void {
    count(source.length);
    set.call(this, source, offset);
  };
  prototype.slice = function (start?: number, end?: number): unknown {
    const copy = slice.call(this, start, end);
    count(copy.length);
    return copy;
  };
  prototype.copyWithin = function (target: number, start: number, end?: number): unknown {
    count((end ?? this.length) - start);
    return copyWithin.call(this, target, start, end);
  };
  try {
    return await body();
  } finally {
    Object.assign(prototype, { set, slice, copyWithin });
  }
}

/** What a store of snapshots promises, on files that do what they are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, ProtocolError, StorageError } from "../../src/errors.ts";
import type { StoredSnapshot } from "../../src/log/snapshot_store.ts";
import { FileError, type Runtime } from "../../src/runtime/runtime.ts";
import { MemoryFiles } from "./memory_files.ts";
import {
  fileOf,
  hex,
  joinHex,
  metaOf,
  openStore,
  send,
  SNAPSHOTS_PATH,
  stateOf,
  verifySnapshot,
  writeSnapshot,
} from "./snapshot_world.ts";

/** The names in the directory. */
function names(files: MemoryFiles): string[] {
  return [...files.contents.keys()].map((path) => path.slice(SNAPSHOTS_PATH.length + 1));
}

/** A runtime on `files` that fails what `fault` says. */
function failing(files: MemoryFiles, fault: (kind: string, path: string) => void): Runtime {
  const { runtime } = files;
  return {
    ...runtime,
    files: new Proxy(files, {
      get(target, key) {
        const value = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return async (...args: unknown[]) => {
          fault(String(key), String(args[0]));
          const result = await value.apply(target, args);
          if (key !== "open") return result;
          return {
            path: result.path,
            write: (parts: Uint8Array[], position: number) => {
              fault("write", result.path);
              result.write(parts, position);
            },
            sync: (done: (error: Error | null) => void) => {
              try {
                fault("sync", result.path);
                result.sync(done);
              } catch (error) {
                queueMicrotask(() => done(error as Error));
              }
            },
            read: (target: Uint8Array, position: number) => result.read(target, position),
            size: () => result.size(),
            truncate: (bytes: number) => result.truncate(bytes),
            close: () => result.close(),
          };
        };
      },
    }),
  };
}

/** A full disk: writes fail, syncs do not. */
function fullDisk(kind: string, path: string): void {
  if (kind === "write") throw new FileError("ENOSPC", path, `Cannot write "${path}": disk full`);
}

/** A store with one snapshot of index 10, and the bytes of its file. */
async function sample(): Promise<{ bytes: Uint8Array; snapshot: StoredSnapshot }> {
  const store = await openStore(new MemoryFiles().runtime);
  const snapshot = await writeSnapshot(store, 10);
  return { snapshot, bytes: await fileOf(store, snapshot) };
}

describe("SnapshotDirectory", () => {
  it("has no snapshot at first", async () => {
    const store = await openStore(new MemoryFiles().runtime);
    assert.equal(store.latest, null);
    await store.close();
  });

  it("gives back what was written, after a restart too", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    const written = await writeSnapshot(store, 10);
    assert.equal(store.latest, written);
    await verifySnapshot(store, written, 10);
    await store.close();
    const again = await openStore(files.runtime);
    assert.deepEqual(again.latest, written);
    await verifySnapshot(again, again.latest!, 10);
  });

  it("takes an empty state, empty chunks and chunks larger than its own", async () => {
    const store = await openStore(new MemoryFiles().runtime);
    const large = new Uint8Array(2_500_000).map((_, at) => at * 7);
    const empty = await store.write(metaOf(5), [][Symbol.iterator]());
    assert.equal(await joinHex(store.state(empty)), "");
    const chunks = [new Uint8Array(0), large, new Uint8Array(0)];
    const snapshot = await store.write(metaOf(6, "b"), chunks[Symbol.iterator]());
    let at = 0;
    for await (const chunk of store.state(snapshot)) {
      assert.ok(chunk.every((byte, i) => byte === large[at + i]), `differs behind ${at}`);
      at += chunk.length;
    }
    assert.equal(at, large.length);
  });

  it("removes older snapshots once a newer one is durable", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    await writeSnapshot(store, 10, "a");
    await writeSnapshot(store, 20, "b");
    assert.equal(names(files).length, 1);
    await verifySnapshot(store, store.latest!, 20);
  });

  it("never goes back to an older snapshot", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    await writeSnapshot(store, 20, "a");
    await assert.rejects(writeSnapshot(store, 10, "b"), ProtocolError);
    assert.equal(store.latest?.meta.lastIncludedIndex, 20);
    assert.equal(names(files).length, 1);
  });

  it("removes what a killed process was writing", async () => {
    const files = new MemoryFiles();
    const { bytes } = await sample();
    const name = `${"0".repeat(18)}10-${"a".repeat(32)}.writing`;
    files.contents.set(`${SNAPSHOTS_PATH}/${name}`, bytes);
    const store = await openStore(files.runtime);
    assert.equal(store.latest, null);
    assert.deepEqual(names(files), []);
  });

  it("lets other events have their turn while it writes", async () => {
    const files = new MemoryFiles();
    let turns = 0;
    let nowMs = 0;
    const { runtime } = files;
    const defer = (callback: () => void) => {
      turns += 1;
      queueMicrotask(callback);
    };
    const clock = { ...runtime.clock, nowMs: () => (nowMs += 0.5), defer };
    const store = await openStore({ ...runtime, clock });
    await store.write(metaOf(10), stateOf(10, 100)[Symbol.iterator]());
    assert.ok(turns >= 20, `${turns} turns for 100 chunks of half a millisecond`);
  });

  it("leaves nothing behind where the state machine throws", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    let isReturned = false;
    const chunks: Iterator<Uint8Array, void> = {
      next: () => {
        throw new TypeError("broken by a test");
      },
      return: () => {
        isReturned = true;
        return { done: true, value: undefined };
      },
    };
    await assert.rejects(store.write(metaOf(10), chunks), TypeError);
    assert.ok(isReturned, "the chunks are told to end");
    assert.deepEqual(names(files), []);
    await writeSnapshot(store, 10);
  });

  it("trap 49: a full disk fails the writing and harms nothing", async () => {
    const files = new MemoryFiles();
    await writeSnapshot(await openStore(files.runtime), 10, "a");
    let isFull = true;
    const store = await openStore(failing(files, (...call) => isFull && fullDisk(...call)));
    await assert.rejects(writeSnapshot(store, 20, "b"), StorageError);
    assert.equal(names(files).length, 1);
    await verifySnapshot(store, store.latest!, 10);
    isFull = false;
    await writeSnapshot(store, 20, "b");
    await verifySnapshot(store, store.latest!, 20);
  });

  it("trap 47: a file whose sync failed never becomes a snapshot", async () => {
    const files = new MemoryFiles();
    let isBroken = true;
    const store = await openStore(failing(files, (kind, path) => {
      if (isBroken && kind === "sync") throw new FileError("EIO", path, "broken by a test");
    }));
    await assert.rejects(writeSnapshot(store, 20), StorageError);
    isBroken = false;
    assert.equal(store.latest, null);
    assert.deepEqual(names(files), []);
  });

  it("ends a writing that is under way when it is closed", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    function* endless(): Generator<Uint8Array, void> {
      for (;;) yield new Uint8Array(100_000);
    }
    const written = assert.rejects(store.write(metaOf(10), endless()), StorageError);
    await store.close();
    await written;
    assert.deepEqual(names(files), []);
  });

  it("refuses a file with any flipped bit, and one that was cut anywhere", async () => {
    const { bytes, snapshot } = await sample();
    const files = new MemoryFiles();
    const path = `${SNAPSHOTS_PATH}/${"0".repeat(18)}10-${"a".repeat(32)}.snapshot`;
    const tryFile = async (content: Uint8Array, what: string) => {
      files.contents.set(path, content);
      const use = async () => {
        const store = await openStore(files.runtime);
        await joinHex(store.state(snapshot));
      };
      await assert.rejects(use(), (error: Error) => {
        assert.ok(error instanceof BadDataError, `${what}: ${error}`);
        assert.ok(error.message.includes(path), `${what}: ${error.message}`);
        assert.match(error.message, /offset \d+|format version/);
        assert.ok(error.fix.length > 0, `${what}: no way out`);
        return true;
      });
    };
    for (let at = 0; at < bytes.length; at += at < 600 || at > bytes.length - 64 ? 1 : 61) {
      const content = bytes.slice();
      content[at]! ^= 1 << (at % 8);
      await tryFile(content, `flipped at ${at}`);
    }
    for (let end = 0; end < bytes.length; end += 97) {
      await tryFile(bytes.slice(0, end), `cut at ${end}`);
    }
    const longer = new Uint8Array(bytes.length + 100);
    longer.set(bytes);
    await tryFile(longer, "longer");
  });

  it("refuses a snapshot under the name of another", async () => {
    const { bytes } = await sample();
    const files = new MemoryFiles();
    const path = `${SNAPSHOTS_PATH}/${"0".repeat(18)}11-${"a".repeat(32)}.snapshot`;
    files.contents.set(path, bytes);
    await assert.rejects(openStore(files.runtime), BadDataError);
  });
});

describe("SnapshotDirectory as a sender and a receiver", () => {
  it("trap 45: reads a snapshot on when a newer one has replaced it", async () => {
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    const old = await writeSnapshot(store, 10, "a");
    const bytes = await fileOf(store, old);
    const reader = await store.openReader(old);
    assert.equal(hex(await reader.read(0, 100)), hex(bytes.subarray(0, 100)));
    assert.equal((await reader.read(old.totalBytes - 5, 100)).length, 5);
    await reader.close();
  });

  for (const pieceBytes of [1, 7, 1_000, 1_000_000]) {
    it(`receives what another sends, in pieces of ${pieceBytes} bytes`, async () => {
      const { bytes, snapshot } = await sample();
      const files = new MemoryFiles();
      const store = await openStore(files.runtime);
      const totalBytes = bytes.length;
      const receiver = await store.receive({ ...snapshot.meta, totalBytes });
      await send(receiver, bytes, { pieceBytes });
      assert.equal(store.latest, null);
      const received = await receiver.finish();
      assert.deepEqual(received, snapshot);
      assert.equal(store.latest, received);
      await verifySnapshot(store, received, 10);
      assert.equal(names(files).length, 1);
    });
  }

  it("trap 45: goes on where a broken connection left it", async () => {
    const { bytes, snapshot } = await sample();
    const store = await openStore(new MemoryFiles().runtime);
    const reception = { ...snapshot.meta, totalBytes: bytes.length };
    await send(await store.receive(reception), bytes, { piecesMax: 3 });
    const receiver = await store.receive(reception);
    assert.equal(receiver.storedBytes, 3_000);
    await send(receiver, bytes);
    await receiver.finish();
    await verifySnapshot(store, store.latest!, 10);
  });

  it("goes on after a restart with the parts that are whole", async () => {
    const { bytes, snapshot } = await sample();
    const files = new MemoryFiles();
    const reception = { ...snapshot.meta, totalBytes: bytes.length };
    const store = await openStore(files.runtime);
    await send(await store.receive(reception), bytes, { pieceBytes: 400, piecesMax: 7 });
    await store.close();
    const again = await openStore(files.runtime);
    assert.equal(again.latest, null);
    const receiver = await again.receive(reception);
    assert.ok(receiver.storedBytes > 0 && receiver.storedBytes <= 2_800, "some is kept");
    await send(receiver, bytes);
    await receiver.finish();
    await verifySnapshot(again, again.latest!, 10);
  });

  it("keeps nothing of a partial file from its first damaged part on", async () => {
    const { bytes, snapshot } = await sample();
    for (const at of [3, 40, 700, 2_000]) {
      const files = new MemoryFiles();
      const damaged = bytes.slice(0, 2_500);
      damaged[at]! ^= 4;
      const name = `${"0".repeat(18)}10-${"a".repeat(32)}.receiving`;
      files.contents.set(`${SNAPSHOTS_PATH}/${name}`, damaged);
      const store = await openStore(files.runtime);
      const receiver = await store.receive({ ...snapshot.meta, totalBytes: bytes.length });
      assert.ok(receiver.storedBytes <= at, `${receiver.storedBytes} bytes, damaged at ${at}`);
      await send(receiver, bytes);
      await receiver.finish();
      await verifySnapshot(store, store.latest!, 10);
    }
  });

  it("trap 45: throws away what was received of another snapshot", async () => {
    const { bytes, snapshot } = await sample();
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    const reception = { ...snapshot.meta, totalBytes: bytes.length };
    const first = await store.receive(reception);
    await send(first, bytes, { piecesMax: 3 });
    const other = await store.receive({ ...reception, snapshotId: "b".repeat(32) });
    assert.equal(other.storedBytes, 0);
    assert.equal(names(files).length, 1);
    await assert.rejects(first.append(3_000, new Uint8Array(1)), StorageError);
    assert.equal((await store.receive(reception)).storedBytes, 0);
  });

  it("refuses what is not the announced snapshot, and throws it away", async () => {
    const { bytes, snapshot } = await sample();
    const flipped = bytes.slice();
    flipped[bytes.length - 30]! ^= 1;
    const reception = { ...snapshot.meta, totalBytes: bytes.length };
    const cases = [
      { name: "a flipped bit", reception, bytes: flipped },
      { name: "noise", reception, bytes: new Uint8Array(bytes.length).fill(7) },
      { name: "another id", reception: { ...reception, snapshotId: "b".repeat(32) }, bytes },
      { name: "another index", reception: { ...reception, lastIncludedIndex: 11 }, bytes },
      { name: "too many", reception: { ...reception, totalBytes: bytes.length - 1 }, bytes },
      { name: "too few", reception: { ...reception, totalBytes: bytes.length + 1 }, bytes },
    ];
    for (const { name, reception, bytes } of cases) {
      const files = new MemoryFiles();
      const store = await openStore(files.runtime);
      const receiver = await store.receive(reception);
      const sent = async () => {
        await send(receiver, bytes);
        await receiver.finish();
      };
      await assert.rejects(sent(), ProtocolError, name);
      assert.equal(store.latest, null, name);
      assert.deepEqual(names(files), [], name);
    }
  });

  it("trap 49: refuses to receive on a full disk, and can later", async () => {
    const { bytes, snapshot } = await sample();
    const files = new MemoryFiles();
    let isFull = true;
    const store = await openStore(failing(files, (...call) => isFull && fullDisk(...call)));
    const reception = { ...snapshot.meta, totalBytes: bytes.length };
    await assert.rejects(send(await store.receive(reception), bytes), StorageError);
    assert.deepEqual(names(files), []);
    isFull = false;
    const receiver = await store.receive(reception);
    await send(receiver, bytes);
    await receiver.finish();
    await verifySnapshot(store, store.latest!, 10);
  });

  it("throws away what was received when it is told to", async () => {
    const { bytes, snapshot } = await sample();
    const files = new MemoryFiles();
    const store = await openStore(files.runtime);
    const receiver = await store.receive({ ...snapshot.meta, totalBytes: bytes.length });
    await send(receiver, bytes, { piecesMax: 2 });
    await receiver.abort();
    assert.deepEqual(names(files), []);
  });
});

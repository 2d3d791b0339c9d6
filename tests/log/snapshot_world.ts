/** Snapshots with a content that can be told, for tests of where they are kept. */
import assert from "node:assert/strict";
import { SnapshotDirectory } from "../../src/log/snapshot_directory.ts";
import type { SnapshotMeta } from "../../src/log/snapshot_format.ts";
import type {
  SnapshotReceiver,
  SnapshotStore,
  StoredSnapshot,
} from "../../src/log/snapshot_store.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { Prng } from "../../src/testing/prng.ts";
import type { Configuration, Index } from "../../src/types.ts";

/** The data directory of these tests. */
const DATA_PATH = "/data";

/** Where its snapshots lie. */
export const SNAPSHOTS_PATH = `${DATA_PATH}/snapshots`;

/** The states that were made before, in hexadecimal: crash tests compare them very often. */
const expectedStates = new Map<Index, string>();

/** A configuration of one. */
export const configuration: Configuration = {
  voters: [{ id: 1, address: "one:7238", instanceId: "ab".repeat(16) }],
  votersOld: [],
  learners: [],
  promotions: [],
};

/** What a snapshot of `index` covers; `name` is one hexadecimal digit. */
export function metaOf(index: Index, name = "a"): SnapshotMeta {
  return {
    snapshotId: name.repeat(32),
    clusterId: "c".repeat(32),
    lastIncludedIndex: index,
    lastIncludedTerm: 3,
    logTimeMs: 1_000 + index,
    configurationIndex: Math.min(index, 2),
    configuration,
  };
}

/** A state in chunks of different lengths, which follows from `index`; one chunk below 10. */
export function stateOf(index: Index, chunkCount = index < 10 ? 1 : 8): Uint8Array[] {
  const prng = new Prng(`state ${index}`);
  return Array.from(
    { length: chunkCount },
    () => prng.fill(new Uint8Array(prng.range(1, 1_000))),
  );
}

/** Opens the snapshots at the usual place. */
export function openStore(runtime: Runtime): Promise<SnapshotDirectory> {
  return SnapshotDirectory.open(runtime, DATA_PATH);
}

/** Writes the snapshot of `index`. */
export function writeSnapshot(
  store: SnapshotStore,
  index: Index,
  name = "a",
): Promise<StoredSnapshot> {
  return store.write(metaOf(index, name), stateOf(index)[Symbol.iterator]());
}

/** All bytes that `chunks` yield, in hexadecimal. */
export async function joinHex(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += hex(chunk);
  return text;
}

/** Bytes in hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Fails unless the store can read back the snapshot of `index`. */
export async function verifySnapshot(
  store: SnapshotStore,
  snapshot: StoredSnapshot,
  index: Index,
): Promise<void> {
  assert.equal(snapshot.meta.lastIncludedIndex, index);
  assert.deepEqual(snapshot.meta, metaOf(index, snapshot.meta.snapshotId[0]));
  const state = expectedStates.get(index) ?? stateOf(index).map(hex).join("");
  expectedStates.set(index, state);
  assert.equal(await joinHex(store.state(snapshot)), state);
}

/** The bytes of a snapshot's file. */
export async function fileOf(store: SnapshotStore, snapshot: StoredSnapshot): Promise<Uint8Array> {
  const reader = await store.openReader(snapshot);
  const bytes = await reader.read(0, snapshot.totalBytes);
  await reader.close();
  return bytes;
}

/** Sends the rest of a file to a receiver, in pieces of `pieceBytes`, at most `piecesMax`. */
export async function send(
  receiver: SnapshotReceiver,
  bytes: Uint8Array,
  { pieceBytes = 1_000, piecesMax = Infinity } = {},
): Promise<void> {
  for (let i = 0; i < piecesMax && receiver.storedBytes < bytes.length; i += 1) {
    const at = receiver.storedBytes;
    await receiver.append(at, bytes.slice(at, at + pieceBytes));
  }
}

/** Data directories on a real disk, made as a node makes them, for the offline commands. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataDirectory } from "../../../src/log/data_directory.ts";
import { RECORD_HEADER_BYTES, recordBytes, sealRecord } from "../../../src/log/record.ts";
import { segmentName } from "../../../src/log/segment_header.ts";
import { detectRuntime } from "../../../src/runtime/detect.ts";
import type { Runtime } from "../../../src/runtime/runtime.ts";
import { makeRequestId } from "../../../src/state_machine/request_id.ts";
import { syncLog } from "../../../src/testing/log_contract.ts";
import { type Configuration, EntryKind } from "../../../src/types.ts";
import { encodeKvCommand } from "../../../src/wire/kv_codec.ts";
import { NO_CONDITION } from "../../../src/wire/kv_messages.ts";
import { encodeConfiguration } from "../../../src/wire/storage_codec.ts";

export const CLUSTER_ID = "0c".repeat(16);
const SEGMENT_BYTES = 64 * 1024;

/** An entry to be written. */
export interface TestEntry {
  readonly kind: EntryKind;
  readonly payload: Uint8Array;
}

/** A command of the key-value store, with its id. */
export function putEntry(key: Uint8Array | string, value: Uint8Array | string): TestEntry {
  const bytes = (text: Uint8Array | string) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text;
  const command = encodeKvCommand({
    type: "put",
    key: bytes(key),
    value: bytes(value),
    condition: NO_CONDITION,
    returnPrevious: false,
  });
  const id = makeRequestId(1000, new Uint8Array(10).fill(7));
  return { kind: EntryKind.command, payload: Uint8Array.of(...id, ...command) };
}

/** The configuration of a cluster, of which this directory's node is member 1. */
export function configurationOf(instanceId: string, voterCount = 1): Configuration {
  const others = Array.from({ length: voterCount - 1 }, (_, at) => at + 2);
  const voters = [1, ...others].map((id) => {
    const own = id === 1 ? instanceId : String(id).repeat(32);
    return { id, address: `127.0.0.1:${7237 + id}`, instanceId: own };
  });
  return { voters, votersOld: [], learners: [], promotions: [] };
}

/** The entry that carries {@linkcode configurationOf}. */
export function configurationEntry(instanceId: string, voterCount = 1): TestEntry {
  const payload = encodeConfiguration(configurationOf(instanceId, voterCount));
  return { kind: EntryKind.configuration, payload };
}

/** Records of `entries` from `firstIndex` on, all of term 1. */
function encode(firstIndex: number, entries: readonly TestEntry[]): Uint8Array {
  const sizes = entries.map(({ payload }) => recordBytes(payload.length));
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  for (const [at, { kind, payload }] of entries.entries()) {
    bytes.set(payload, offset + RECORD_HEADER_BYTES);
    const index = firstIndex + at;
    const header = { index, term: 1, timestampMs: index * 10, kind, payloadBytes: payload.length };
    offset = sealRecord(bytes, offset, header);
  }
  return bytes;
}

/** A data directory of a node that is stopped, unless `hold` keeps it. */
export class DataWorld {
  readonly path: string;
  readonly runtime: Runtime;

  readonly #voterCount: number;

  private constructor(path: string, runtime: Runtime, voterCount: number) {
    this.path = path;
    this.runtime = runtime;
    this.#voterCount = voterCount;
  }

  /** Makes one whose log holds a configuration, and then a unit for each list of entries. */
  static async create(
    units: readonly (readonly TestEntry[])[] = [],
    voterCount = 1,
  ): Promise<DataWorld> {
    const runtime = await detectRuntime();
    const path = await mkdtemp(join(tmpdir(), "raft-offline-"));
    const world = new DataWorld(path, runtime, voterCount);
    const directory = await openDataDirectory(runtime, {
      path: world.path,
      nodeId: 1,
      clusterName: "test",
      segmentBytes: SEGMENT_BYTES,
    });
    const { identity } = directory;
    await directory.saveIdentity({ ...identity, clusterId: CLUSTER_ID, born: true });
    const hardState = await directory.openHardState();
    await hardState.save({ currentTerm: 1, votedFor: 1 });
    await hardState.close();
    const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
    const first = [configurationEntry(identity.instanceId, voterCount)];
    for (const entries of [first, ...units]) {
      const firstIndex = log.lastIndex + 1;
      const lastIndex = log.lastIndex + entries.length;
      log.append({ firstIndex, lastIndex, bytes: encode(firstIndex, entries) });
      await syncLog(log);
    }
    await log.close();
    await directory.close();
    return world;
  }

  /** Another directory with the same files: much quicker than to make one durably. */
  async copy(): Promise<DataWorld> {
    const path = await mkdtemp(join(tmpdir(), "raft-offline-"));
    const world = new DataWorld(path, this.runtime, this.#voterCount);
    await cp(this.path, world.path, { recursive: true });
    return world;
  }

  /** The path of the segment that starts with `firstIndex`. */
  segment(firstIndex = 1): string {
    return `${this.path}/log/${segmentName(firstIndex)}`;
  }

  /** Writes a snapshot of `index`, and returns its path. */
  async writeSnapshot(index: number, chunks: readonly Uint8Array[]): Promise<string> {
    const directory = await openDataDirectory(this.runtime, { path: this.path, nodeId: 1 });
    const snapshots = await directory.openSnapshots();
    const { instanceId } = directory.identity;
    const { meta } = await snapshots.write({
      snapshotId: "5".repeat(32),
      clusterId: CLUSTER_ID,
      lastIncludedIndex: index,
      lastIncludedTerm: 1,
      logTimeMs: index * 10,
      configurationIndex: 1,
      configuration: configurationOf(instanceId, this.#voterCount),
    }, chunks.values());
    await snapshots.close();
    await directory.close();
    const name = `${String(index).padStart(20, "0")}-${meta.snapshotId}.snapshot`;
    return `${this.path}/snapshots/${name}`;
  }

  /** Changes one file. */
  async change(path: string, body: (bytes: Uint8Array) => Uint8Array | void): Promise<void> {
    const bytes = new Uint8Array(await readFile(path));
    await writeFile(path, body(bytes) ?? bytes);
  }

  /** Flips bits of one byte of a file. */
  flip(path: string, offset: number, mask = 0x10): Promise<void> {
    return this.change(path, (bytes) => void (bytes[offset]! ^= mask));
  }

  /** Removes the directory. */
  dispose(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

/** The data directory that a released version has left, and what must be found in it. */
import assert from "node:assert/strict";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import type { Log } from "../../src/log/log.ts";
import { recordEnd, recordHeader, recordPayload } from "../../src/log/record.ts";
import { crc32 } from "../../src/runtime/checksum.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { CommandGate } from "../../src/state_machine/command_gate.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import { readRange } from "../../src/testing/log_contract.ts";
import { EntryKind } from "../../src/types.ts";
import { decodeKvResult, encodeKvQuery } from "../../src/wire/kv_codec.ts";

/** Where the fixture of the first version lies, below the root. */
export const FIXTURE_V1 = "tests/testdata/formats/v1";

/** The node whose directory it is. */
export const FIXTURE_NODE_ID = 1;

/** The size of the segments in it. */
export const FIXTURE_SEGMENT_BYTES = 64 * 1024;

/** Opens the data directory at `path` and describes everything in it, as plain data. */
export async function describeDirectory(runtime: Runtime, path: string): Promise<unknown> {
  const directory = await openDataDirectory(runtime, { path, nodeId: FIXTURE_NODE_ID });
  const hardState = await directory.openHardState();
  const log = await directory.openLog({ segmentBytes: FIXTURE_SEGMENT_BYTES });
  const snapshots = await directory.openSnapshots();
  const { latest } = snapshots;
  assert.ok(latest !== null, "there is no snapshot");
  const gate = new CommandGate(new KeyValueStore());
  await gate.restoreSnapshot(snapshots.state(latest));
  const restored = describeState(gate);
  const entries = await describeEntries(log, { gate, after: latest.meta.lastIncludedIndex });
  // Fields that came later are not part of what the fixture holds.
  const { formatVersion, clusterId, clusterName, nodeId, instanceId } = directory.identity;
  const { born, members, removed } = directory.identity;
  const described = {
    identity: { formatVersion, clusterId, clusterName, nodeId, instanceId, born, members, removed },
    hardState: hardState.state,
    segments: await runtime.files.readDirectory(`${path}/log`),
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    termRuns: log.recovery.termRuns,
    entries,
    snapshot: latest,
    stateOfSnapshot: restored,
    stateAtTheEnd: describeState(gate),
  };
  for (const part of [log, hardState, snapshots, directory]) await part.close();
  return JSON.parse(JSON.stringify(described));
}

/** Every entry in a line; those behind the snapshot are applied. */
async function describeEntries(
  log: Log,
  { gate, after }: { readonly gate: CommandGate; readonly after: number },
): Promise<string[]> {
  const { bytes } = await readRange(log, log.firstIndex, log.lastIndex);
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset = recordEnd(bytes, offset)) {
    const { index, term, timestampMs, kind } = recordHeader(bytes, offset);
    const payload = recordPayload(bytes, offset);
    const content = `${payload.length} bytes, ${crc32(payload).toString(16)}`;
    lines.push(`${index}: term ${term}, kind ${kind}, ${timestampMs} ms, ${content}`);
    if (index <= after) continue;
    const context = { index, term, logTimeMs: timestampMs };
    if (kind === EntryKind.command) gate.applyEntry(payload, context);
    if (kind === EntryKind.tick) gate.tick(context);
  }
  return lines;
}

/** Keys, leases, sessions and answers. */
function describeState(gate: CommandGate): unknown {
  const none = new Uint8Array(0);
  const list = decodeKvResult(gate.query(encodeKvQuery({
    ...{ type: "list", prefix: none, after: none, limit: 0, withValues: true },
  })));
  const leases = decodeKvResult(gate.query(encodeKvQuery({
    ...{ type: "leases", afterId: 0, limit: 0 },
  })));
  assert.ok(list.type === "list" && leases.type === "leases");
  const text = new TextDecoder();
  return {
    keys: list.items.map(({ key, value, revision }) =>
      `${text.decode(key)} at ${revision}: ${value.length} bytes, ${crc32(value).toString(16)}`
    ),
    leases: leases.leases,
    sessions: gate.sessionCount,
    answers: gate.answerCount,
  };
}

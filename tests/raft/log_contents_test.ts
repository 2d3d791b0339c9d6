/** What a core starts from, for every way in which a log and a snapshot can meet. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../src/errors.ts";
import type { Log } from "../../src/log/log.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import type { SnapshotMeta } from "../../src/log/snapshot_format.ts";
import { encodeEntry } from "../../src/raft/batch_encoder.ts";
import {
  checkNoGap,
  discardStaleLog,
  type LogContents,
  logContents,
} from "../../src/raft/log_contents.ts";
import { batchTimestampMs, createBatch } from "../../src/testing/log_batches.ts";
import { type Configuration, EntryKind, type Index, type Term } from "../../src/types.ts";
import { encodeConfiguration } from "../../src/wire/storage_codec.ts";
import { MemoryFiles } from "../log/memory_files.ts";
import { configuration, metaOf } from "../log/snapshot_world.ts";

/** A configuration with another address. */
function configurationAt(index: Index): Configuration {
  return {
    ...configuration,
    voters: configuration.voters.map((voter) => ({ ...voter, address: `at-${index}:1` })),
  };
}

/**
 * A log as it is found at a start: one entry for each term of `terms`, the first at `firstIndex`,
 * with configurations at the indexes of `configurations`.
 */
async function foundLog(
  firstIndex: Index,
  terms: readonly Term[],
  configurations: readonly Index[] = [],
): Promise<MemoryLog> {
  const log = new MemoryLog({ clock: new MemoryFiles().runtime.clock });
  if (firstIndex > 1) void log.truncatePrefix(firstIndex);
  terms.forEach((term, at) => {
    const index = firstIndex + at;
    const header = { firstIndex: index, term, timestampMs: batchTimestampMs(index) };
    const payload = encodeConfiguration(configurationAt(index));
    log.append(
      configurations.includes(index)
        ? encodeEntry(EntryKind.configuration, payload, header)
        : createBatch({ firstIndex: index, count: 1, term }),
    );
  });
  await new Promise((resolve) => log.sync(resolve));
  return log.crash();
}

/** A snapshot of term 3 whose configuration is that of `configurationIndex`. */
function snapshotAt(lastIncludedIndex: Index, configurationIndex: Index = 1): SnapshotMeta {
  const meta = metaOf(lastIncludedIndex);
  return { ...meta, configurationIndex, configuration: configurationAt(configurationIndex) };
}

/** What a core starts from at a node that was formed long ago. */
function contentsOf(log: Log, snapshot: SnapshotMeta | null): LogContents {
  return logContents(log, { snapshot, formation: null, isJoining: false, isOnDisk: true });
}

/** Empties `log` if it does not go on from the snapshot, and tells whether. */
async function isDiscarded(log: MemoryLog, snapshot: SnapshotMeta): Promise<boolean> {
  const firstBefore = log.firstIndex;
  const discarded = await discardStaleLog(log, snapshot);
  if (!discarded) assert.equal(log.firstIndex, firstBefore);
  return discarded;
}

describe("checkNoGap", () => {
  it("accepts a log that starts at its first entry, or at most behind the snapshot", async () => {
    checkNoGap(await foundLog(1, [1, 1]), null);
    checkNoGap(await foundLog(1, [1, 1]), snapshotAt(2));
    checkNoGap(await foundLog(11, [3]), snapshotAt(10));
    checkNoGap(await foundLog(5, [3]), snapshotAt(10));
  });

  it("refuses a log that starts behind a gap", async () => {
    const cases: [Log, SnapshotMeta | null][] = [
      [await foundLog(2, [1]), null],
      [await foundLog(12, [3]), snapshotAt(10)],
    ];
    for (const [log, snapshot] of cases) {
      assert.throws(() => checkNoGap(log, snapshot), BadDataError);
    }
  });
});

describe("discardStaleLog", () => {
  it("keeps a log that holds the last entry of the snapshot, or starts behind it", async () => {
    assert.equal(await isDiscarded(await foundLog(1, [1, 2, 3]), snapshotAt(3)), false);
    assert.equal(await isDiscarded(await foundLog(2, [3, 3, 4]), snapshotAt(3)), false);
    assert.equal(await isDiscarded(await foundLog(4, [3, 4]), snapshotAt(3)), false);
    assert.equal(await isDiscarded(await foundLog(4, []), snapshotAt(3)), false);
  });

  it("trap 44: empties a log that ends before the snapshot", async () => {
    for (
      const found of [await foundLog(1, [1, 1]), await foundLog(1, []), await foundLog(5, [3])]
    ) {
      const log = found as MemoryLog;
      assert.equal(await isDiscarded(log, snapshotAt(9)), true);
      assert.deepEqual([log.firstIndex, log.lastIndex], [10, 9]);
      // It is durable, and the next start finds nothing to do.
      assert.equal(await isDiscarded(log.crash(), snapshotAt(9)), false);
    }
  });

  it("trap 43, trap 44: empties a log with another entry where the snapshot ends", async () => {
    for (const terms of [[1, 1, 2, 2, 2], [1, 1, 4, 4], [1, 1, 2]]) {
      const log = await foundLog(1, terms);
      assert.equal(await isDiscarded(log, snapshotAt(3)), true, terms.join(" "));
      assert.deepEqual([log.firstIndex, log.lastIndex], [4, 3]);
    }
  });
});

describe("logContents", () => {
  it("is the whole log where there is no snapshot", async () => {
    const log = await foundLog(1, [1, 1, 2], [1, 3]);
    assert.deepEqual(contentsOf(log, null), {
      baseIndex: 0,
      baseTerm: 0,
      lastIndex: 3,
      commitIndex: 0,
      lastTimestampMs: batchTimestampMs(3),
      termRuns: [{ term: 1, firstIndex: 1 }, { term: 2, firstIndex: 3 }],
      configurations: [1, 3].map((index) => ({ index, configuration: configurationAt(index) })),
    });
  });

  it("has the first entry held as its base where the prefix was removed", async () => {
    const log = await foundLog(5, [2, 2, 3, 3, 3, 4]);
    const { baseIndex, baseTerm, commitIndex, termRuns } = contentsOf(log, snapshotAt(8));
    assert.deepEqual({ baseIndex, baseTerm, commitIndex }, {
      baseIndex: 5,
      baseTerm: 2,
      commitIndex: 8,
    });
    assert.deepEqual(termRuns, [
      { term: 2, firstIndex: 6 },
      { term: 3, firstIndex: 7 },
      { term: 4, firstIndex: 10 },
    ]);
  });

  it("has a single entry as its base", async () => {
    const log = await foundLog(8, [3]);
    const { baseIndex, baseTerm, lastIndex, termRuns } = contentsOf(log, snapshotAt(8));
    assert.deepEqual({ baseIndex, baseTerm, lastIndex, termRuns }, {
      baseIndex: 8,
      baseTerm: 3,
      lastIndex: 8,
      termRuns: [],
    });
  });

  it("has the snapshot as its base where the log starts behind it", async () => {
    const log = await foundLog(9, [3, 5]);
    const { baseIndex, baseTerm, termRuns } = contentsOf(log, snapshotAt(8));
    assert.deepEqual({ baseIndex, baseTerm, termRuns }, {
      baseIndex: 8,
      baseTerm: 3,
      termRuns: [{ term: 3, firstIndex: 9 }, { term: 5, firstIndex: 10 }],
    });
  });

  it("keeps the base of a log that still starts at 1", async () => {
    const log = await foundLog(1, [1, 1, 3, 3], [1]);
    const { baseIndex, baseTerm, termRuns } = contentsOf(log, snapshotAt(3));
    assert.deepEqual({ baseIndex, baseTerm }, { baseIndex: 0, baseTerm: 0 });
    assert.equal(termRuns[0]!.firstIndex, 1);
  });

  it("takes everything from the snapshot where the log was emptied", async () => {
    const log = await foundLog(1, [1, 1], [1, 2]);
    const snapshot = snapshotAt(8, 6);
    await discardStaleLog(log, snapshot);
    assert.deepEqual(contentsOf(log, snapshot), {
      baseIndex: 8,
      baseTerm: 3,
      lastIndex: 8,
      commitIndex: 8,
      lastTimestampMs: snapshot.logTimeMs,
      termRuns: [],
      configurations: [{ index: 6, configuration: configurationAt(6) }],
    });
  });

  it("refuses a log without a configuration, with the way out of where it lies", async () => {
    const log = await foundLog(1, []);
    for (const [isOnDisk, fix] of [[true, /raft recover rejoin/], [false, /in memory/]] as const) {
      assert.throws(
        () => logContents(log, { snapshot: null, formation: null, isJoining: false, isOnDisk }),
        (error) => error instanceof BadDataError && fix.test(error.fix.join()),
      );
    }
  });

  it("trap 35: has the snapshot's configuration, and only those of the log behind it", async () => {
    const log = await foundLog(4, [2, 2, 3, 3, 4, 4], [5, 8]);
    const { configurations } = contentsOf(log, snapshotAt(6, 5));
    assert.deepEqual(configurations.map(({ index }) => index), [5, 8]);
    assert.deepEqual(configurations[0]!.configuration, configurationAt(5));
  });
});

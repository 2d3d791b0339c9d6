/**
 * A damaged data directory that is set up anew for its node to rejoin, for crashes at every call to
 * the disk. Whoever finds that this was cut short runs it again, as the refusal says.
 */
import assert from "node:assert/strict";
import { BadDataError } from "../../src/errors.ts";
import { type DataDirectory, openDataDirectory } from "../../src/log/data_directory.ts";
import { rejoinDirectory } from "../../src/log/rejoin_directory.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import type { CrashOperation } from "../../src/testing/crash_points.ts";
import { bindingTo, SOUND_ENTRIES, writeDamagedLog } from "./damaged_log.ts";
import { DATA_PATH } from "./simulated_log_machine.ts";
import { metaOf, stateOf } from "./snapshot_world.ts";

const DIRECTORY = { path: DATA_PATH, nodeId: 4, segmentBytes: 64 * 1024 };
const OLD = { term: 5, entries: "damaged", snapshotIndex: 2 };
/** What is good of it: all but the last of its four entries. */
const KEPT = { ...OLD, entries: SOUND_ENTRIES };
const META = { ...metaOf(OLD.snapshotIndex), lastIncludedTerm: OLD.term, configurationIndex: 1 };

/** Opens it as a node does at its start, or completes what was cut short and opens it then. */
async function start(runtime: Runtime): Promise<DataDirectory> {
  try {
    return await openDataDirectory(runtime, DIRECTORY);
  } catch (error) {
    assert.ok(error instanceof BadDataError);
    assert.match(error.message, /raft recover rejoin was cut short in it/);
    await rejoinDirectory(runtime, { ...DIRECTORY, isNeeded: false });
    return await openDataDirectory(runtime, DIRECTORY);
  }
}

/** Which instance it is, what it has promised, what its log holds, and what was put aside. */
async function describe(runtime: Runtime, directory: DataDirectory): Promise<string> {
  const { instanceId, replaces, born } = directory.identity;
  const hardState = await directory.openHardState();
  const { currentTerm } = hardState.state;
  await hardState.close();
  const entries = await lastIndexOf(directory);
  const snapshots = await directory.openSnapshots();
  const snapshotIndex = snapshots.latest?.meta.lastIncludedIndex ?? 0;
  await snapshots.close();
  const aside = `${DATA_PATH}/replaced-${replaces.at(-1)}`;
  const kept = replaces.length === 0 ? [] : [
    ...await runtime.files.readDirectory(aside),
    ...await runtime.files.readDirectory(
      `${aside}/log`,
    ),
  ].filter((name) => /^hard_state$|^identity$|segment$/.test(name));
  const stored = { term: currentTerm, entries, snapshotIndex };
  return JSON.stringify({ instanceId, replaces, born, stored, kept });
}

/** The last entry of the log, or that it is damaged. */
async function lastIndexOf(directory: DataDirectory): Promise<number | string> {
  try {
    const log = await directory.openLog({ segmentBytes: DIRECTORY.segmentBytes });
    const { lastIndex } = log;
    await log.close();
    return lastIndex;
  } catch (error) {
    assert.ok(error instanceof BadDataError, String(error));
    return "damaged";
  }
}

/** Until it is done, the old directory or the new one; from then on the new one. */
export const rejoining: CrashOperation = {
  name: "set up a damaged directory anew",
  prepare: async (runtime) => {
    const directory = await openDataDirectory(runtime, DIRECTORY);
    const hardState = await directory.openHardState();
    await hardState.save({ currentTerm: OLD.term, votedFor: 1 });
    await hardState.close();
    await writeDamagedLog(runtime, { directory, term: OLD.term });
    const snapshots = await directory.openSnapshots();
    const meta = { ...META, configuration: bindingTo(directory.identity) };
    await snapshots.write(meta, stateOf(OLD.snapshotIndex)[Symbol.iterator]());
    await snapshots.close();
    const { clusterId } = META;
    await directory.saveIdentity({ ...directory.identity, clusterId, born: true });
    await directory.close();
  },
  run: async (runtime, promise) => {
    let replaced = "";
    promise(() => replaced);
    const { identity } = await rejoinDirectory(runtime, { ...DIRECTORY, isNeeded: true });
    replaced = identity.replaces.at(-1) ?? assert.fail("nobody was replaced");
  },
  recover: async (runtime) => {
    const directory = await start(runtime);
    return async () => {
      const found = await describe(runtime, directory);
      await directory.close();
      return found;
    };
  },
  check: (found, replaced) => {
    const { instanceId, replaces, born, stored, kept } = JSON.parse(found);
    const isOld = replaces.length === 0;
    if (replaced !== "") assert.deepEqual(replaces, [replaced], "it is not the old one again");
    assert.ok(!replaces.includes(instanceId), "a new instance");
    assert.equal(born, isOld, "the old one is born, and the new one has no vote yet");
    // The new one has all of the old one that is good, and nothing of the old one is gone.
    assert.deepEqual(stored, isOld ? OLD : KEPT);
    assert.deepEqual(kept, isOld ? [] : ["hard_state", "identity", "00000000000000000001.segment"]);
  },
  goOn: async (runtime) => {
    const directory = await start(runtime);
    const hardState = await directory.openHardState();
    await hardState.save({ currentTerm: hardState.state.currentTerm + 1, votedFor: 2 });
    await hardState.close();
    const found = await describe(runtime, directory);
    await directory.close();
    return found;
  },
};

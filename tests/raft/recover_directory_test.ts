/** A node of a cluster without a quorum becomes the start of another one, whatever cuts that. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError, RefusedError } from "../../src/errors.ts";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { syncLog } from "../../src/log/sync_log.ts";
import { recoverDirectory, type RecoverOutcome } from "../../src/raft/recover_directory.ts";
import { encodeEntry } from "../../src/raft/batch_encoder.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { type Configuration, EntryKind } from "../../src/types.ts";
import { decodeConfiguration, encodeConfiguration } from "../../src/wire/storage_codec.ts";
import { LogMachine } from "../log/simulated_log_machine.ts";
import { hex, joinHex, metaOf, stateOf } from "../log/snapshot_world.ts";
import { TRY_EVERY } from "../sampling.ts";

const PATH = "/data/node";
const OLD = "0".repeat(31) + "1";
const SEGMENT_BYTES = 64 * 1024;
const LAST = 14;

/** Three voters, of which node 2 has the data directory of these tests. */
function threeVoters(instanceId: string): Configuration {
  const voters = [1, 2, 3].map((id) => ({
    id,
    address: `node-${id}:7238`,
    instanceId: id === 2 ? instanceId : String(id).repeat(32),
  }));
  return { voters, votersOld: [], learners: [], promotions: [] };
}

/** Makes the directory of a member that took a snapshot of index 10 and has entries up to 14. */
async function makeMember(runtime: Runtime, hasSnapshot: boolean): Promise<void> {
  const options = { path: PATH, nodeId: 2, clusterName: "blue", segmentBytes: SEGMENT_BYTES };
  const directory = await openDataDirectory(runtime, options);
  const { identity } = directory;
  const configuration = threeVoters(identity.instanceId);
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  const payload = encodeConfiguration(configuration);
  const first = { firstIndex: 1, term: 1, timestampMs: 1 };
  log.append(encodeEntry(EntryKind.configuration, payload, first));
  log.append(createBatch({ firstIndex: 2, count: LAST - 1, term: 3 }));
  await syncLog(log);
  await log.close();
  const hardState = await directory.openHardState();
  await hardState.save({ currentTerm: 5, votedFor: 3 });
  await hardState.close();
  if (hasSnapshot) {
    const store = await directory.openSnapshots();
    const meta = { ...metaOf(10), clusterId: OLD, configurationIndex: 1, configuration };
    await store.write(meta, stateOf(10)[Symbol.iterator]());
    await store.close();
  }
  const members = configuration.voters;
  await directory.saveIdentity({ ...identity, clusterId: OLD, born: true, members });
  await directory.close();
}

/** Adds two voters to what was recovered. */
async function growAgain(
  runtime: Runtime,
): Promise<{ directory: { clusterId: string }; configuration: Configuration }> {
  const directory = await openDataDirectory(runtime, { path: PATH, nodeId: 2 });
  const { clusterId, instanceId } = directory.identity;
  const configuration = threeVoters(instanceId);
  const hardState = await directory.openHardState();
  await hardState.save({ currentTerm: 9, votedFor: 2 });
  await hardState.close();
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  const at = { firstIndex: log.lastIndex + 1, term: 9, timestampMs: 1 };
  log.append(encodeEntry(EntryKind.configuration, encodeConfiguration(configuration), at));
  await syncLog(log);
  await log.close();
  await directory.close();
  return { directory: { clusterId }, configuration };
}

function recover(runtime: Runtime, confirm = OLD): Promise<RecoverOutcome> {
  return recoverDirectory(runtime, {
    path: PATH,
    nodeId: 2,
    confirm,
    segmentBytes: SEGMENT_BYTES,
  });
}

/** What a node finds that starts in the directory: the old member, a refusal, or the new one. */
async function look(runtime: Runtime, hasSnapshot: boolean): Promise<"old" | "refused" | string> {
  const opened = openDataDirectory(runtime, { path: PATH, nodeId: 2 });
  const directory = await opened.catch((error) => {
    assert.ok(error instanceof BadDataError);
    assert.match(error.message, /raft recover apply was cut short in it/);
    assert.match(error.fix[0]!, /--data \/data\/node --id 2 --confirm 0{31}1$/);
    return null;
  });
  if (directory === null) return "refused";
  const { identity } = directory;
  const { clusterId, instanceId } = identity;
  const isOld = clusterId === OLD;
  const alone = {
    voters: [{ id: 2, address: "node-2:7238", instanceId }],
    votersOld: [],
    learners: [],
    promotions: [],
  };
  assert.deepEqual(identity.members, isOld ? threeVoters(instanceId).voters : alone.voters);
  assert.deepEqual(identity.formerClusterIds, isOld ? [] : [OLD]);
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  assert.equal(log.lastIndex, isOld ? LAST : LAST + 1);
  const { configurations, termRuns } = log.recovery;
  const last = decodeConfiguration(configurations.at(-1)!.payload);
  assert.deepEqual(last, isOld ? threeVoters(instanceId) : alone);
  await log.close();
  const hardState = await directory.openHardState();
  const { currentTerm } = hardState.state;
  if (isOld) assert.equal(currentTerm, 5);
  else assert.deepEqual([termRuns.at(-1)!.term, hardState.state.votedFor], [currentTerm, 2]);
  if (!isOld) assert.ok(currentTerm > 5, `term ${currentTerm} follows the old one`);
  await hardState.close();
  const store = await directory.openSnapshots();
  const { latest } = store;
  assert.equal(latest !== null, hasSnapshot);
  if (latest !== null) {
    assert.equal(latest.meta.clusterId, clusterId);
    assert.deepEqual(latest.meta.configuration, isOld ? threeVoters(instanceId) : alone);
    assert.equal(await joinHex(store.state(latest)), stateOf(10).map(hex).join(""));
  }
  await store.close();
  await directory.close();
  return isOld ? "old" : clusterId;
}

interface CrashPoint {
  readonly call: number;
  readonly kind: "crash-before" | "crash-after" | "kill";
  readonly hasSnapshot: boolean;
  readonly seen: Set<string>;
}

/** Recovers with a crash at some call, looks, and runs it again; true where none came. */
async function tryCrash({ call, kind, hasSnapshot, seen }: CrashPoint): Promise<boolean> {
  const machine = new LogMachine(`recover ${call} ${kind} ${hasSnapshot}`);
  await machine.start();
  const runtime = machine.runtime!;
  await machine.run(() => makeMember(runtime, hasSnapshot));
  const at = machine.disk.callCount + call;
  if (kind === "kill") machine.killAtCall(at);
  else machine.disk.faults.onCall = ({ number }) => number === at ? kind : "ok";
  let reported: string | null = null;
  const isComplete = await machine.run(async () => {
    reported = (await recover(runtime)).clusterId;
  });
  machine.disk.faults.onCall = null;
  const next = kind === "kill" ? machine.restartProcess() : machine.reboot();
  let clusterId = "";
  await machine.run(async () => {
    const found = await look(next, hasSnapshot);
    seen.add(found.length === 32 ? "new" : found);
    if (reported !== null) assert.equal(found, reported);
    const outcome = await recover(next);
    assert.equal(outcome.wasDone, found.length === 32);
    clusterId = await look(next, hasSnapshot);
    assert.equal(clusterId, outcome.clusterId);
  });
  const last = machine.reboot();
  await machine.run(async () => assert.equal(await look(last, hasSnapshot), clusterId));
  return isComplete;
}

/** Runs `body` on a machine whose directory is that of a member. */
async function onMember(body: (runtime: Runtime) => Promise<void>): Promise<void> {
  const machine = new LogMachine("member");
  await machine.start();
  const runtime = machine.runtime!;
  await machine.run(async () => {
    await makeMember(runtime, true);
    await body(runtime);
  });
}

describe("recoverDirectory", () => {
  for (const hasSnapshot of [true, false]) {
    for (const kind of ["crash-before", "crash-after", "kill"] as const) {
      const what = `${kind} at every call, ${hasSnapshot ? "with" : "without"} a snapshot`;
      it(`trap 49: is of the old cluster, of the new one, or refused: ${what}`, async () => {
        const seen = new Set<string>();
        let calls = 0;
        for (let isComplete = false; !isComplete;) {
          calls += TRY_EVERY;
          isComplete = await tryCrash({ call: calls, kind, hasSnapshot, seen });
        }
        assert.ok(calls > 40, `only ${calls} calls`);
        assert.deepEqual(seen, new Set(["old", "refused", "new"]));
      });
    }
  }

  it("says what is given up, and changes nothing without the name of the cluster", () =>
    onMember(async (runtime) => {
      for (const confirm of ["", "green", "f".repeat(32)]) {
        await assert.rejects(recover(runtime, confirm), (error: Error) => {
          assert.ok(error instanceof RefusedError);
          const why = error.why.join("\n");
          assert.match(why, /its last entry is 14, of term 3; what the others have behind it is/);
          assert.match(why, /voters: 1, 2, 3; all but node 2 are locked out for good/);
          assert.match(error.fix[1]!, new RegExp(`raft recover apply .* --confirm ${OLD}$`));
          return true;
        });
        assert.equal(await look(runtime, true), "old");
      }
    }));

  it("tells what it did, and what it is when it was done before", () =>
    onMember(async (runtime) => {
      const outcome = await recover(runtime);
      const { clusterId } = outcome;
      const expected = {
        clusterId,
        clusterName: "blue",
        formerClusterId: OLD,
        lastIndex: 14,
        lastTerm: 3,
        lockedOut: [1, 3],
        wasDone: false,
      };
      assert.deepEqual(outcome, expected);
      const again = await recover(runtime);
      assert.deepEqual([again.wasDone, again.clusterId], [true, clusterId]);
      await assert.rejects(recover(runtime, clusterId), (error: Error) => {
        assert.ok(error instanceof RefusedError);
        assert.match(error.message, /node 2 is a quorum of its cluster by itself/);
        return true;
      });
    }));

  it("takes the name of the cluster as well, once: it outlives the recovery", () =>
    onMember(async (runtime) => {
      const { formerClusterId } = await recover(runtime, "blue");
      assert.equal(formerClusterId, OLD);
      const { directory, configuration } = await growAgain(runtime);
      await assert.rejects(recover(runtime, "blue"), (error: Error) => {
        assert.ok(error instanceof RefusedError);
        assert.match(error.message, /--confirm blue .* wants its id, as it was recovered before/);
        return true;
      });
      assert.equal(configuration.voters.length, 3);
      const again = await recover(runtime, directory.clusterId);
      assert.equal(again.formerClusterId, directory.clusterId);
    }));

  it("refuses a directory that is none, and makes none", async () => {
    const machine = new LogMachine("nothing");
    await machine.start();
    const runtime = machine.runtime!;
    await machine.run(async () => {
      await assert.rejects(recover(runtime), BadDataError);
      await assert.rejects(runtime.files.readDirectory(PATH));
    });
  });
});

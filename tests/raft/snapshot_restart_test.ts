/**
 * A node that is started again from its snapshot: state, answers, log and configuration are those
 * of before, at whatever call to the disk it was cut off; what does not fit together is refused.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../src/errors.ts";
import { Raft } from "../../src/raft/raft.ts";
import type { RaftOptions } from "../../src/raft/raft_options.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { makeRequestId } from "../../src/state_machine/request_id.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../../src/wire/kv_codec.ts";
import { DATA_PATH, LogMachine } from "../log/simulated_log_machine.ts";
import { TRY_EVERY } from "../sampling.ts";

const SNAPSHOTS = `${DATA_PATH}/snapshots`;
const SETTINGS = { snapshotEvery: 20, trailingEntries: 5 };

/** Starts a cluster of one, and waits until it leads. */
async function startNode(runtime: Runtime, options: Partial<RaftOptions> = {}): Promise<Raft> {
  const raft = await Raft.start(runtime, {
    nodeId: 1,
    dataPath: DATA_PATH,
    listen: { host: "one", port: 7238 },
    formation: { kind: "bootstrap" },
    stateMachine: new KeyValueStore(),
    segmentBytes: 64 * 1024,
    ...SETTINGS,
    ...options,
  });
  await raft.ready("leader");
  return raft;
}

/** The id of the `number`th command. */
function idOf(number: number): Uint8Array {
  return makeRequestId(1, new Uint8Array(10).fill(number));
}

/** Adds 1 to a counter; the values are long, so that the log fills segments. */
function put(raft: Raft, number: number): ReturnType<Raft["propose"]> {
  const command = encodeKvCommand({
    type: "put",
    key: new TextEncoder().encode(`key ${number % 7}`),
    value: new Uint8Array(4_000).fill(number),
    condition: { type: "none" },
    returnPrevious: false,
  });
  return raft.propose(command, idOf(number));
}

/** Everything that the store of a node holds. */
async function stateOf(raft: Raft): Promise<unknown> {
  const { result } = await raft.query(encodeKvQuery({
    type: "list",
    prefix: new Uint8Array(0),
    after: new Uint8Array(0),
    limit: 0,
    withValues: true,
  }));
  return decodeKvResult(result);
}

/** A machine whose node has written `count` commands and stopped. */
async function stoppedMachine(count: number): Promise<{ machine: LogMachine; state: unknown }> {
  const machine = new LogMachine(`restart ${count}`);
  await machine.start();
  let state: unknown = null;
  await machine.run(async () => {
    const raft = await startNode(machine.runtime!);
    for (let number = 1; number <= count; number += 1) await put(raft, number);
    state = await stateOf(raft);
    await raft.stop();
  });
  return { machine, state };
}

/** The name of the one snapshot of a machine. */
function snapshotName(machine: LogMachine): string {
  const names = machine.disk.list(SNAPSHOTS).filter((name) => name.endsWith(".snapshot"));
  assert.equal(names.length, 1, names.join(", "));
  return names[0]!;
}

describe("a node with a snapshot", () => {
  it("trap 46, trap 52: starts with its state, its answers and its log", async () => {
    const { machine, state } = await stoppedMachine(110);
    const runtime = machine.reboot();
    await machine.run(async () => {
      const raft = await startNode(runtime);
      const before = raft.status();
      assert.ok(before.snapshotIndex > 80, `the snapshot is of ${before.snapshotIndex}`);
      assert.ok(before.firstIndex > 16, `the log starts at ${before.firstIndex}`);
      assert.ok(before.firstIndex <= before.snapshotIndex - 4, "the trailing entries are there");
      assert.deepEqual(await stateOf(raft), state);
      // The first command is in the snapshot only, the last one in the log only.
      for (const number of [1, 110]) {
        const outcome = await put(raft, number);
        assert.ok(outcome.duplicate, `command ${number} was applied again`);
      }
      assert.deepEqual(await stateOf(raft), state);
      assert.equal((await put(raft, 111)).duplicate, false);
      await raft.stop();
    });
  });

  it("trap 35: starts with the configuration, whose entry is no longer in the log", async () => {
    const { machine } = await stoppedMachine(110);
    const runtime = machine.reboot();
    await machine.run(async () => {
      const raft = await startNode(runtime);
      const { configurationIndex, members } = raft.status();
      assert.equal(configurationIndex, 1);
      assert.deepEqual(members.map(({ id, address }) => ({ id, address })), [
        { id: 1, address: "one:7238" },
      ]);
      await raft.stop();
    });
  });

  it("trap 44, trap 49: recovers from a loss of power at any call to the disk", async () => {
    let calls = 0;
    for (let isComplete = false; !isComplete; calls += 3 + 2 * (TRY_EVERY - 1)) {
      const { machine } = await stoppedMachine(37);
      const first = machine.disk.callCount;
      const runtime = machine.reboot();
      machine.disk.faults.onCall = ({ number }) =>
        number === first + calls + 1 ? (calls % 2 === 0 ? "crash-after" : "crash-before") : "ok";
      let acknowledged = 37;
      isComplete = await machine.run(async () => {
        const raft = await startNode(runtime, { trailingEntries: 0 });
        for (let number = 38; number <= 45; number += 1) {
          await put(raft, number);
          acknowledged = number;
        }
        await raft.triggerSnapshot();
        await raft.stop();
      });
      machine.disk.faults.onCall = null;
      const next = machine.reboot();
      await machine.run(async () => {
        const raft = await startNode(next);
        for (let number = 1; number <= acknowledged; number += 1) {
          assert.ok((await put(raft, number)).duplicate, `${number} is lost, call ${calls}`);
        }
        await raft.stop();
      });
    }
    assert.ok(calls > 60, `only ${calls} calls`);
  });
});

describe("a node whose snapshot and log do not fit together", () => {
  /** Starts a node and fails unless it refuses its data, with a way out. */
  async function refuses(machine: LogMachine, wanted: RegExp): Promise<void> {
    const runtime = machine.reboot();
    await machine.run(async () => {
      await assert.rejects(startNode(runtime), (error: Error) => {
        assert.ok(error instanceof BadDataError, String(error));
        assert.match(error.message, wanted);
        assert.ok(error.fix.length > 0, "no way out");
        return true;
      });
    });
  }

  it("does not start without the snapshot that its log goes on from", async () => {
    const { machine } = await stoppedMachine(110);
    const name = snapshotName(machine);
    const runtime = machine.reboot();
    await machine.run(async () => {
      await runtime.files.remove(`${SNAPSHOTS}/${name}`);
      await runtime.files.syncDirectory(SNAPSHOTS);
    });
    await refuses(
      machine,
      /starts at index \d+, and there is no snapshot: the entries from index 1/,
    );
  });

  it("does not start on a damaged snapshot, and changes nothing", async () => {
    const { machine } = await stoppedMachine(110);
    const path = `${SNAPSHOTS}/${snapshotName(machine)}`;
    const names = machine.disk.list(`${DATA_PATH}/log`);
    machine.disk.corrupt({ path, offset: 5_000, mask: 4 });
    await refuses(machine, /Cannot trust the snapshot in ".*" at offset \d+/);
    assert.deepEqual(machine.disk.list(`${DATA_PATH}/log`), names);
    machine.disk.corrupt({ path, offset: 5_000, mask: 4 });
    const runtime = machine.reboot();
    await machine.run(async () => {
      const raft = await startNode(runtime);
      assert.ok((await put(raft, 110)).duplicate);
      await raft.stop();
    });
  });

  it("does not start on the snapshot of another cluster", async () => {
    const { machine } = await stoppedMachine(30);
    const { machine: other } = await stoppedMachine(60);
    const name = snapshotName(other);
    const bytes = other.disk.content(`${SNAPSHOTS}/${name}`)!;
    const runtime = machine.reboot();
    await machine.run(async () => {
      const file = await runtime.files.open(`${SNAPSHOTS}/${name}`, "write");
      file.write([bytes], 0);
      await new Promise((resolve) => file.sync(resolve));
      await runtime.files.syncDirectory(SNAPSHOTS);
    });
    await refuses(machine, /belongs to cluster/);
  });
});

/** What a node with a damaged directory keeps of it: all that is provably good, nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import {
  NoRoomToKeepError,
  rejoinDirectory,
  type RejoinOptions,
} from "../../src/log/rejoin_directory.ts";
import type { SnapshotMeta } from "../../src/log/snapshot_format.ts";
import { snapshotName } from "../../src/log/snapshot_names.ts";
import type { SoundParts } from "../../src/log/sound_parts.ts";
import { UnitKind } from "../../src/log/unit.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { createBatch, readBatch } from "../../src/testing/log_batches.ts";
import { readRange, syncLog } from "../../src/testing/log_contract.ts";
import type { Configuration, Index, InstanceId, Term } from "../../src/types.ts";
import { bindingTo, configurationBatch } from "./damaged_log.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";
import { hex, joinHex, metaOf, stateOf } from "./snapshot_world.ts";

const DIRECTORY = { path: DATA_PATH, nodeId: 1, segmentBytes: 64 * 1024 };
/** The cluster of `metaOf`, and the term of its snapshots. */
const CLUSTER = "c".repeat(32);
const SNAPSHOT_TERM = 3;
const HARD_STATE = { currentTerm: 7, votedFor: 2 };
/** How a unit starts. */
const UNIT = 0x756e6974;
/** Entries are this large, so that three fill a segment. */
const PAYLOAD_BYTES = 20_000;

/** What a member has stored before it is damaged; each entry is a unit. */
interface Stored {
  readonly firstIndex?: Index;
  readonly terms: readonly Term[];
  readonly snapshots?: readonly SnapshotMeta[];
  readonly deviatesSince?: Index;
  /** What is configured at the index, for this instance; at index 1 the node, unless told. */
  readonly configurations?: (instanceId: InstanceId) => Readonly<Record<Index, Configuration>>;
}

/** The directory of another node, or another cluster. */
const ANOTHER = { nodeId: 1, instanceId: "ee".repeat(16) };

/** A directory that is set up anew. */
class RejoiningDirectory {
  readonly machine = new LogMachine("sound parts");

  static async create(stored: Stored): Promise<RejoiningDirectory> {
    const directory = new RejoiningDirectory();
    await directory.machine.start();
    await directory.#run((runtime) => store(runtime, stored));
    return directory;
  }

  /** Flips a bit of the entry with this index, or of the header of its segment. */
  damage(index: Index, where: "entry" | "header" = "entry"): void {
    const { disk } = this.machine;
    for (const name of disk.list(`${DATA_PATH}/log`)) {
      const path = `${DATA_PATH}/log/${name}`;
      const content = disk.content(path)!;
      const view = new DataView(content.buffer, content.byteOffset, content.length);
      for (let at = 0; at + 64 <= content.length; at += 64) {
        const isUnit = view.getUint32(at) === UNIT && content[at + 56] === UnitKind.records &&
          view.getUint32(at + 24, true) === index;
        if (!isUnit) continue;
        const offset = where === "header" ? 20 : at + 200;
        disk.corrupt({ path, offset, mask: 4 });
        return;
      }
    }
    assert.fail(`no unit starts with index ${index}`);
  }

  damageFile(path: string, offset: number): void {
    this.machine.disk.corrupt({ path: `${DATA_PATH}/${path}`, offset, mask: 4 });
  }

  async rejoin(options: Partial<RejoinOptions> = {}): Promise<SoundParts> {
    const { kept } = await this.#run((runtime) =>
      rejoinDirectory(runtime, { ...DIRECTORY, isNeeded: true, ...options })
    );
    return kept ?? assert.fail("nothing was done");
  }

  /** What the node finds then: term and vote, its snapshot, and its entries with their terms. */
  found(): Promise<string> {
    return this.#run(describeDirectory);
  }

  async #run<Result>(body: (runtime: Runtime) => Promise<Result>): Promise<Result> {
    const results: Result[] = [];
    const runtime = this.machine.runtime ?? this.machine.reboot();
    await this.machine.run(async () => void results.push(await body(runtime)));
    return results[0]!;
  }
}

async function store(runtime: Runtime, stored: Stored): Promise<void> {
  const { firstIndex = 1, terms, snapshots = [], deviatesSince = 0 } = stored;
  const directory = await openDataDirectory(runtime, DIRECTORY);
  const own = bindingTo(directory.identity);
  const { configurations = () => ({ 1: own }) } = stored;
  const configured: Readonly<Record<Index, Configuration>> = configurations(
    directory.identity.instanceId,
  );
  const hardState = await directory.openHardState();
  await hardState.save(HARD_STATE);
  await hardState.close();
  const log = await directory.openLog({ segmentBytes: DIRECTORY.segmentBytes });
  if (firstIndex > 1) await log.truncatePrefix(firstIndex);
  for (const [at, term] of terms.entries()) {
    const index = firstIndex + at;
    const configuration = configured[index];
    const entry = { firstIndex: index, count: 1, term, payloadBytes: PAYLOAD_BYTES };
    log.append(
      configuration === undefined
        ? createBatch(entry)
        : configurationBatch(configuration, { index, term }),
    );
    await syncLog(log);
  }
  await log.close();
  for (const meta of snapshots) {
    // One store keeps the newest only; what a crash leaves may be more.
    const snapshotStore = await directory.openSnapshots();
    const bound = { configurationIndex: 1, configuration: own };
    const state = stateOf(meta.lastIncludedIndex)[Symbol.iterator]();
    await snapshotStore.write({ ...meta, ...bound }, state);
    await snapshotStore.close();
  }
  const identity = { ...directory.identity, clusterId: CLUSTER, born: true, deviatesSince };
  await directory.saveIdentity(identity);
  await directory.close();
}

async function describeDirectory(runtime: Runtime): Promise<string> {
  const directory = await openDataDirectory(runtime, DIRECTORY);
  const hardState = await directory.openHardState();
  const { currentTerm, votedFor } = hardState.state;
  await hardState.close();
  const snapshots = await directory.openSnapshots();
  const { latest } = snapshots;
  if (latest !== null) {
    const wanted = stateOf(latest.meta.lastIncludedIndex).map(hex).join("");
    assert.equal(await joinHex(snapshots.state(latest)), wanted);
  }
  await snapshots.close();
  const log = await directory.openLog({ segmentBytes: DIRECTORY.segmentBytes });
  const { firstIndex, lastIndex } = log;
  const entries = lastIndex < firstIndex
    ? []
    : readBatch(await readRange(log, firstIndex, lastIndex));
  await log.close();
  await directory.close();
  return `term ${currentTerm}, vote ${votedFor}, ` +
    `snapshot ${latest?.meta.lastIncludedIndex ?? 0}, from ${firstIndex}: ` +
    entries.map(({ index, term }) => `${index}/${term}`).join(" ");
}

/** Ten entries, of which the snapshot's last one has the term of snapshots. */
const TERMS = [1, 1, 2, 3, 3, 3, 4, 4, 5, 5];

describe("what a damaged directory keeps", () => {
  it("the log up to the first damage, term and vote; and nothing behind it", async () => {
    const directory = await RejoiningDirectory.create({ terms: TERMS });
    directory.damage(5);
    directory.damage(9);
    const kept = await directory.rejoin();
    assert.equal(await directory.found(), "term 7, vote 2, snapshot 0, from 1: 1/1 2/1 3/2 4/3");
    const { snapshotIndex, lastIndex, damage } = kept;
    assert.deepEqual([snapshotIndex, lastIndex], [0, 4]);
    assert.equal(damage?.file, "00000000000000000005.segment");
    // What was kept is whole: all of it is kept again.
    assert.deepEqual((await directory.rejoin()).lastIndex, 4);
  });

  it("the newest whole snapshot and the log behind it, whatever is wrong before", async () => {
    const directory = await RejoiningDirectory.create({ terms: TERMS, snapshots: [metaOf(6)] });
    directory.damage(2);
    directory.damage(9);
    assert.deepEqual((await directory.rejoin()).lastIndex, 8);
    assert.equal(await directory.found(), "term 7, vote 2, snapshot 6, from 7: 7/4 8/4");
  });

  it("a snapshot alone where the log does not go on from it", async () => {
    const stale = TERMS.map((term) => Math.min(term, SNAPSHOT_TERM - 1));
    const cases: [string, Stored, (directory: RejoiningDirectory) => void][] = [
      ["it ends before", { terms: TERMS.slice(0, 3), snapshots: [metaOf(6)] }, () => {}],
      ["another term", { terms: stale, snapshots: [metaOf(6)] }, () => {}],
      ["its entry is damaged", { terms: TERMS, snapshots: [metaOf(6)] }, (one) => one.damage(6)],
      [
        "the segment with its entry is lost",
        { terms: TERMS, snapshots: [metaOf(6)] },
        (one) => one.damage(6, "header"),
      ],
      ["a gap", { firstIndex: 8, terms: [4, 4], snapshots: [metaOf(6)] }, () => {}],
    ];
    for (const [name, stored, harm] of cases) {
      const directory = await RejoiningDirectory.create(stored);
      harm(directory);
      const { snapshotIndex, lastIndex } = await directory.rejoin();
      assert.deepEqual([snapshotIndex, lastIndex], [6, 6], name);
      assert.equal(await directory.found(), "term 7, vote 2, snapshot 6, from 7: ", name);
    }
  });

  it("no snapshot that is damaged, or of a cluster that was given up", async () => {
    const other = { ...metaOf(6), clusterId: "d".repeat(32) };
    for (const meta of [metaOf(6), other]) {
      const whole = await RejoiningDirectory.create({ terms: TERMS, snapshots: [meta] });
      if (meta !== other) {
        whole.damageFile(`snapshots/${snapshotName({ ...meta, state: "snapshot" })}`, 40);
      }
      assert.equal((await whole.rejoin()).snapshotIndex, 0);
      assert.match(await whole.found(), /snapshot 0, from 1: .* 10\/5$/);
      const cut = await RejoiningDirectory.create({
        ...{ firstIndex: 7, terms: [4, 4], snapshots: [meta] },
      });
      if (meta !== other) {
        cut.damageFile(`snapshots/${snapshotName({ ...meta, state: "snapshot" })}`, 40);
      }
      assert.match((await cut.rejoin()).reason, /does not begin with the first entry/);
      assert.equal(await cut.found(), "term 7, vote 2, snapshot 0, from 1: ");
    }
  });

  it("the term of the last entry at least, where no hard state can be read", async () => {
    const directory = await RejoiningDirectory.create({ terms: TERMS });
    for (const offset of [20, 4096 + 20]) directory.damageFile("hard_state", offset);
    await directory.rejoin();
    assert.match(await directory.found(), /^term 5, vote 0, snapshot 0, from 1: .* 10\/5$/);
  });

  it("nothing of a log whose last configuration is not of its directory", async () => {
    const nobody = bindingTo({ ...ANOTHER, nodeId: 2 });
    const cases: [RegExp, NonNullable<Stored["configurations"]>][] = [
      [/index 1 in its log names another data directory for node 1$/, () => ({
        1: bindingTo(ANOTHER),
      })],
      [/index 3 in its log names another data directory for node 1$/, (instanceId) => ({
        1: bindingTo({ nodeId: 1, instanceId }),
        3: bindingTo(ANOTHER),
      })],
      [/index 1 in its log does not name node 1$/, () => ({ 1: nobody })],
      [/index 1 in its log names no data directory for node 1$/, () => ({
        1: bindingTo({ nodeId: 1, instanceId: "" }),
      })],
      [/its log holds no configuration$/, () => ({})],
    ];
    for (const [reason, configurations] of cases) {
      const directory = await RejoiningDirectory.create({ terms: TERMS, configurations });
      directory.damage(9);
      const kept = await directory.rejoin();
      assert.match(kept.reason, reason);
      assert.equal(kept.lastIndex, 0);
      assert.equal(await directory.found(), "term 7, vote 2, snapshot 0, from 1: ");
    }
  });

  it("a snapshot alone where the log behind it is of another directory", async () => {
    const cases: [RegExp, NonNullable<Stored["configurations"]>][] = [
      [/index 1 in its log names another data directory for node 1$/, () => ({
        1: bindingTo(ANOTHER),
      })],
      [/index 8 in its log names another data directory for node 1$/, (instanceId) => ({
        1: bindingTo({ nodeId: 1, instanceId }),
        8: bindingTo(ANOTHER),
      })],
      [/holds no configuration at index 1, and its snapshot does$/, () => ({})],
    ];
    for (const [reason, configurations] of cases) {
      const stored = { terms: TERMS, snapshots: [metaOf(6)], configurations };
      const directory = await RejoiningDirectory.create(stored);
      const kept = await directory.rejoin();
      assert.match(kept.reason, reason);
      assert.deepEqual([kept.snapshotIndex, kept.lastIndex], [6, 6]);
      assert.equal(await directory.found(), "term 7, vote 2, snapshot 6, from 7: ");
    }
  });

  it("a log with older instances of the node before its own", async () => {
    const configurations = (instanceId: InstanceId) => ({
      1: bindingTo(ANOTHER),
      4: bindingTo({ nodeId: 1, instanceId }),
    });
    const directory = await RejoiningDirectory.create({ terms: TERMS, configurations });
    directory.damage(9);
    assert.equal((await directory.rejoin()).lastIndex, 8);
    assert.equal((await directory.rejoin()).lastIndex, 8);
  });

  it("nothing of a state that deviates, nor where that is asked for, but the term", async () => {
    const stored = { terms: TERMS, snapshots: [metaOf(6)] };
    const deviating = await RejoiningDirectory.create({ ...stored, deviatesSince: 5 });
    assert.match((await deviating.rejoin()).reason, /differ/);
    const unwanted = await RejoiningDirectory.create(stored);
    assert.equal((await unwanted.rejoin({ keepsNothing: true })).lastIndex, 0);
    for (const directory of [deviating, unwanted]) {
      assert.equal(await directory.found(), "term 7, vote 2, snapshot 0, from 1: ");
    }
  });

  it("is refused before anything is changed where there is no room to copy", async () => {
    const directory = await RejoiningDirectory.create({ terms: TERMS });
    const { disk } = directory.machine;
    disk.faults.capacityBytes = disk.usedBytes + 128 * 1024;
    const before = disk.list(DATA_PATH);
    await assert.rejects(
      directory.rejoin(),
      (error) => error instanceof NoRoomToKeepError && error.fix.join().includes("--keep-nothing"),
    );
    assert.deepEqual(disk.list(DATA_PATH).filter((name) => name !== "lock.1"), before);
    assert.equal((await directory.rejoin({ keepsNothing: true })).lastIndex, 0);
  });
});

/**
 * Which of the survivors of a cluster to go on with, and what may be lost: compared with a search
 * through everything that a lost majority may have held, and read from real directories.
 */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { describe, it } from "node:test";
import { hasQuorum } from "../../../src/consensus/quorum.ts";
import { HardStateFile } from "../../../src/log/hard_state_file.ts";
import { readIdentity, writeIdentity } from "../../../src/log/identity_file.ts";
import {
  planRecovery,
  readSurvivor,
  type RecoveryPlan,
  type Survivor,
  votersOf,
} from "../../../src/log/offline/survivors.ts";
import type { Configuration, Member, NodeId } from "../../../src/types.ts";
import type { Identity } from "../../../src/wire/storage_codec.ts";
import { DataWorld, putEntry } from "../../cli/offline/data_world.ts";

function instanceOf(id: NodeId): string {
  return `${id}`.repeat(32);
}

function membersOf(ids: readonly NodeId[]): Member[] {
  return ids.map((id) => ({ id, address: `n${id}:1`, instanceId: instanceOf(id) }));
}

function configurationOf(
  voters: readonly NodeId[],
  votersOld: readonly NodeId[] = [],
): Configuration {
  const members = { voters: membersOf(voters), votersOld: membersOf(votersOld) };
  return { ...members, learners: [], promotions: [] };
}

/** A directory of node `id` that is whole, and of three voters. */
function survivor(id: NodeId, other: Partial<Survivor> = {}): Survivor {
  return {
    path: `d${id}`,
    identity: { nodeId: id, instanceId: instanceOf(id) } as Identity,
    term: 5,
    votedFor: 0,
    lastIndex: 10,
    lastTerm: 5,
    snapshotIndex: 0,
    configuration: { index: 1, configuration: configurationOf([1, 2, 3]) },
    problems: [],
    excluded: null,
    isInUse: false,
    ...other,
  };
}

/** What a plan says, in short. */
function outcome({ keep, hasQuorum, mayLose, missing }: RecoveryPlan) {
  return { keep: keep?.identity.nodeId ?? null, hasQuorum, mayLose, missing };
}

/** All subsets of some nodes. */
function subsets(ids: readonly NodeId[]): NodeId[][] {
  return ids.reduce<NodeId[][]>((all, id) => [...all, ...all.map((set) => [...set, id])], [[]]);
}

describe("planRecovery", () => {
  it("keeps the log that ends with the latest term, however short, then the longest", () => {
    const short = survivor(1, { lastTerm: 6, lastIndex: 3 });
    const long = survivor(2, { lastTerm: 5, lastIndex: 300 });
    const longer = survivor(3, { lastTerm: 6, lastIndex: 4 });
    assert.equal(planRecovery([long, short]).keep, short);
    assert.equal(planRecovery([short, long]).keep, short);
    assert.equal(planRecovery([short, longer, long]).keep, longer);
  });

  it("goes on with none that is damaged, excluded, or without a configuration", () => {
    const best = { lastTerm: 9, lastIndex: 99 };
    const sound = survivor(1);
    for (
      const fault of [{ problems: ["bad"] }, { excluded: "it was removed" }, {
        configuration: null,
      }]
    ) {
      const plan = planRecovery([survivor(2, { ...best, ...fault }), sound]);
      assert.deepEqual(outcome(plan), { ...outcome(planRecovery([sound])), keep: 1 });
      assert.deepEqual(plan.missing, [2, 3]);
      assert.deepEqual(outcome(planRecovery([survivor(2, fault)])), {
        keep: null,
        hasQuorum: false,
        mayLose: true,
        missing: [],
      });
    }
  });

  it("finds out about 1 of 3, 2 of 3, and 2 of 4", () => {
    assert.deepEqual(outcome(planRecovery([survivor(2)])), {
      keep: 2,
      hasQuorum: false,
      mayLose: true,
      missing: [1, 3],
    });
    assert.deepEqual(outcome(planRecovery([survivor(1), survivor(3)])), {
      keep: 1,
      hasQuorum: true,
      mayLose: false,
      missing: [2],
    });
    const configuration = { index: 1, configuration: configurationOf([1, 2, 3, 4]) };
    assert.deepEqual(
      outcome(planRecovery([survivor(1, { configuration }), survivor(2, { configuration })])),
      { keep: 1, hasQuorum: false, mayLose: false, missing: [3, 4] },
      "every majority of four has one of any two in it",
    );
  });

  it("takes a wiped directory under an old id for none of the voters", () => {
    const wiped = survivor(2, { identity: { nodeId: 2, instanceId: instanceOf(8) } as Identity });
    assert.deepEqual(outcome(planRecovery([survivor(1), wiped])), {
      keep: 1,
      hasQuorum: false,
      mayLose: true,
      missing: [2, 3],
    });
  });

  it("says what may be lost as a search through all quorums does", () => {
    let plans = 0;
    for (const [voters, old] of [[[1, 2, 3], []], [[1, 2, 3, 4], []], [[1, 2, 3], [3, 4, 5]]]) {
      const configuration = configurationOf(voters!, old!);
      const ids = votersOf(configuration);
      assert.deepEqual(ids, [...new Set([...voters!, ...old!])].sort((a, b) => a - b));
      const quorums = subsets(ids).filter((set) =>
        hasQuorum(configuration, (id) => set.includes(id))
      );
      for (const given of subsets(ids)) {
        if (given.length === 0) continue;
        const stored = { index: 1, configuration };
        const plan = planRecovery(given.map((id) => survivor(id, { configuration: stored })));
        const isOutside = (set: readonly NodeId[]) => set.every((id) => !given.includes(id));
        assert.deepEqual(
          { mayLose: plan.mayLose, hasQuorum: plan.hasQuorum, missing: plan.missing },
          {
            mayLose: quorums.some(isOutside),
            hasQuorum: quorums.some((set) => set.every((id) => given.includes(id))),
            missing: ids.filter((id) => !given.includes(id)),
          },
          `${given} of ${voters} and ${old}`,
        );
        plans += 1;
      }
    }
    assert.equal(plans, 7 + 15 + 31);
  });
});

describe("readSurvivor", () => {
  const read = (world: DataWorld) => readSurvivor(world.runtime, world.path);

  it("says what a sound directory holds, and that it is in use", async () => {
    const world = await DataWorld.create([[putEntry("a", "1")], [putEntry("b", "2")]]);
    const found = await read(world);
    assert.deepEqual(
      [found.term, found.votedFor, found.lastIndex, found.lastTerm, found.snapshotIndex],
      [1, 1, 3, 1, 0],
    );
    assert.deepEqual([found.problems, found.excluded, found.isInUse], [[], null, false]);
    assert.equal(found.configuration?.index, 1);
    const lock = await world.runtime.files.lock(`${world.path}/lock`);
    assert.equal((await read(world)).isInUse, true);
    await lock.release();
    await world.dispose();
  });

  it("counts a snapshot that is ahead of the log", async () => {
    const world = await DataWorld.create([[putEntry("a", "1")]]);
    await world.writeSnapshot(9, [Uint8Array.of(1)]);
    const found = await read(world);
    assert.deepEqual([found.lastIndex, found.lastTerm, found.snapshotIndex], [9, 1, 9]);
    await world.dispose();
  });

  it("says what is wrong with each part, and trusts the log up to there alone", async () => {
    const template = await DataWorld.create([[putEntry("a", "1")], [putEntry("b", "2")]]);
    const cases: readonly (readonly [(world: DataWorld) => Promise<void>, RegExp])[] = [
      [(world) => world.flip(world.segment(), 512 + 70), /the checksum/],
      [(world) => rm(`${world.path}/hard_state`), /hard_state/],
      [
        (world) => world.change(`${world.path}/hard_state`, () => new Uint8Array(8192)),
        /both copies of ".*hard_state" are bad/,
      ],
      [(world) => rm(`${world.path}/log`, { recursive: true }), /log/],
      [
        async (world) => {
          const path = await world.writeSnapshot(2, [new Uint8Array(700)]);
          await world.flip(path, 700);
        },
        /snapshot/,
      ],
      [
        async (world) => {
          await HardStateFile.create(world.runtime, `${world.path}/hard_state`);
        },
        /its term is 0, and that of its last entry 1/,
      ],
    ];
    for (const [harm, wanted] of cases) {
      const world = await template.copy();
      await harm(world);
      const { problems, lastIndex } = await read(world);
      assert.match(problems.join("\n"), wanted);
      assert.ok(lastIndex <= 3);
      assert.equal(planRecovery([await read(world)]).keep, null);
      await world.dispose();
    }
    await template.dispose();
  });

  it("excludes who was removed, never took part, or was recovered in part", async () => {
    const cases = [
      [{ removed: true }, /it was removed/],
      [{ born: false }, /never took part/],
      [{ recovery: { clusterId: "d".repeat(32), instanceId: instanceOf(4) } }, /cut short in it/],
    ] as const;
    const template = await DataWorld.create();
    for (const [change, wanted] of cases) {
      const world = await template.copy();
      const { runtime, path } = world;
      await writeIdentity(runtime, path, { ...await readIdentity(runtime, path), ...change });
      const found = await read(world);
      assert.match(found.excluded ?? "", wanted);
      assert.deepEqual(found.problems, []);
      await world.dispose();
    }
    await template.dispose();
  });
});

/** What a node remembers of its promises to leaders, for its next start. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RaftError } from "../../src/errors.ts";
import { allowPromises, notePromises, owedMsOf } from "../../src/raft/promises.ts";
import type { RaftTiming } from "../../src/raft/raft_options.ts";
import { decodeSum } from "../state_machine/counter_machine.ts";
import { type MemberNode, MembershipWorld } from "./membership_world.ts";
import { DriverClock } from "./driver_world.ts";

type Directory = Parameters<typeof allowPromises>[0];
type Note = number | null;

/** A directory that is in memory. */
function directoryWith(promiseMs: Note): Directory & { saves: Note[] } {
  const directory = {
    identity: { promiseMs } as Directory["identity"],
    saves: [] as Note[],
    saveIdentity: (identity: Directory["identity"]): Promise<void> => {
      directory.identity = identity;
      directory.saves.push(identity.promiseMs);
      return Promise.resolve();
    },
  };
  return directory;
}

function timing(leaseReads: boolean, electionTimeoutMs = 1_000): RaftTiming {
  return { heartbeatMs: 100, electionTimeoutMs, leaseReads };
}

/** What a lease read at a node finds, or null where it has no lease. */
async function leaseRead(world: MembershipWorld, { raft }: MemberNode): Promise<number | null> {
  try {
    const asked = raft!.query(new Uint8Array(0), { consistency: "lease", maxAgeMs: 0 });
    return decodeSum((await world.result(asked)).result);
  } catch (error) {
    assert.ok(error instanceof RaftError, `${error}`);
    return null;
  }
}

describe("promises", () => {
  it("a longer promise than noted is noted before the node takes part", async () => {
    for (
      const [before, timed, saves, warnings] of [
        [0, timing(true), [1_000], 0],
        [null, timing(true), [1_000], 0],
        [1_000, timing(true), [], 0],
        [1_000, timing(true, 2_500.7), [2_500], 0],
        [1_000, timing(true, 100_000), [65_535], 0],
        [20_000, timing(true), [], 1],
        [20_000, timing(false), [], 1],
        [0, timing(false), [], 0],
        [null, timing(false), [], 0],
      ] as const
    ) {
      const directory = directoryWith(before);
      const warned: string[] = [];
      await allowPromises(directory, timed, { warn: (message) => void warned.push(message) });
      assert.deepEqual([directory.saves, warned.length], [saves, warnings]);
    }
  });

  it("a node waits for what may last: what was noted, and an election timeout at least", () => {
    const waits = [0, null, 1_000, 300, 20_000].map((promiseMs) =>
      owedMsOf({ promiseMs }, { electionTimeoutMs: 1_000 })
    );
    assert.deepEqual(waits, [0, 1_000, 1_000, 1_000, 20_000]);
  });

  it("the note gets shorter when that is over, unless the node stopped", async () => {
    for (
      const [before, leaseReads, stops, owedMs, wanted] of [
        [null, false, false, 1_000, [0]],
        [1_000, false, false, 1_000, [0]],
        [20_000, false, false, 20_000, [0]],
        [20_000, true, false, 20_000, [1_000]],
        [20_000, true, true, 20_000, []],
        [1_000, true, false, 1_000, []],
        [0, false, false, 1_000, []],
      ] as const
    ) {
      const clock = new DriverClock();
      const noted: number[] = [];
      notePromises({
        ...timing(leaseReads),
        clock,
        identity: { promiseMs: before },
        members: { promisesAtMost: (promiseMs) => void noted.push(promiseMs) },
        stopped: stops ? Promise.resolve() : new Promise(() => {}),
      });
      await clock.pass(owedMs - 1);
      assert.deepEqual(noted, []);
      await clock.pass(2);
      assert.deepEqual(noted, wanted);
    }
  });

  it("a node that was killed before that waits for an election timeout", async () => {
    const world = await MembershipWorld.grown("early", 3);
    for (const id of [1, 2, 3]) world.kill(id);
    for (const id of [1, 2, 3]) world.start(id, { formation: { kind: "existing" } });
    await world.pass(500);
    for (const id of [1, 2, 3]) world.kill(id);
    assert.equal(world.leader, null);
  });

  for (const leaseReads of [true, false]) {
    const how = leaseReads ? "with" : "without";
    it(`no shorter timeout ends a promise of an earlier life, ${how} lease reads`, async () => {
      const promised = { leaseReads: true, electionTimeoutMs: 8_000 };
      const world = await MembershipWorld.grown("shorter", 3, promised);
      const old = world.leader!;
      await world.result(old.raft!.propose(Uint8Array.of(1)));
      await world.pass(500);
      assert.equal(await leaseRead(world, old), 1);
      const others = [1, 2, 3].filter((id) => id !== old.id);
      world.cut(old.id, others);
      const startMs = world.world.scheduler.nowMs;
      // Twice: what is owed is not forgotten at the second start either.
      for (let life = 1; life <= 2; life += 1) {
        for (const id of others) world.kill(id);
        for (const id of others) {
          const formation = { kind: "existing" } as const;
          world.start(id, { formation, leaseReads, electionTimeoutMs: 1_000 });
        }
        await world.pass(1_500);
      }
      const leads = () => others.some((id) => world.node(id).raft?.status().role === "leader");
      await world.until(leads);
      const tookMs = world.world.scheduler.nowMs - startMs;
      assert.ok(tookMs > 1_500 + 8_000, `it took ${tookMs} ms`);
      assert.ok(tookMs < 1_500 + 8_000 + 3_000, `it took ${tookMs} ms`);
      const next = world.node(
        others.find((id) => world.node(id).raft!.status().role === "leader")!,
      );
      await world.result(next.raft!.propose(Uint8Array.of(1)));
      assert.equal(await leaseRead(world, old), null);
      // Once it is over, it is not owed any more.
      await world.pass(500);
      world.cut(old.id, others, true);
      await world.pass(2_000);
      for (const id of others) world.kill(id);
      for (const id of others) {
        world.start(id, { formation: { kind: "existing" }, leaseReads, electionTimeoutMs: 1_000 });
      }
      world.kill(old.id);
      await world.until(leads, 4_000);
    });
  }
});

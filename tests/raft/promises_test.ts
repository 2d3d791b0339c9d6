/** What a node remembers of its promises to leaders, for its next start. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allowPromises, notePromises } from "../../src/raft/promises.ts";
import { MembershipWorld } from "./membership_world.ts";
import { DriverClock } from "./driver_world.ts";

type Directory = Parameters<typeof allowPromises>[0];

/** A directory that is in memory. */
function directoryWith(promisesNothing: boolean): Directory & { saves: boolean[] } {
  const directory = {
    identity: { promisesNothing } as Directory["identity"],
    saves: [] as boolean[],
    saveIdentity: (identity: Directory["identity"]): Promise<void> => {
      directory.identity = identity;
      directory.saves.push(identity.promisesNothing);
      return Promise.resolve();
    },
  };
  return directory;
}

describe("promises", () => {
  it("a node with lease reads takes back that it promises nothing", async () => {
    for (
      const [before, leaseReads, saves] of [
        [true, true, [false]],
        [false, true, []],
        [true, false, []],
      ] as const
    ) {
      const directory = directoryWith(before);
      await allowPromises(directory, leaseReads);
      assert.deepEqual(directory.saves, saves);
    }
  });

  it("without them it notes so after an election timeout, unless it stopped", async () => {
    for (
      const [leaseReads, stops, wanted] of [
        [false, false, 1],
        [true, false, 0],
        [false, true, 0],
      ] as const
    ) {
      const clock = new DriverClock();
      let count = 0;
      notePromises({
        clock,
        leaseReads,
        electionTimeoutMs: 1000,
        members: { promisesNothing: () => void (count += 1) },
        stopped: stops ? Promise.resolve() : new Promise(() => {}),
      });
      await clock.pass(999);
      assert.equal(count, 0);
      await clock.pass(2);
      assert.equal(count, wanted);
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
});

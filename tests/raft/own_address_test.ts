/** A node sets its own address where nobody else could, and leaves it alone everywhere else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Consensus } from "../../src/consensus/consensus.ts";
import { ChangeInProgressError, NotLeaderError } from "../../src/errors.ts";
import type { Logger } from "../../src/observability/logger.ts";
import type { DriverLoop } from "../../src/raft/driver_loop.ts";
import { OwnAddress } from "../../src/raft/own_address.ts";
import type { Configuration, Member } from "../../src/types.ts";
import { DriverClock } from "./driver_world.ts";

const RETRY_MS = 50;

function memberAt(id: number, address: string): Member {
  return { id, address, instanceId: "ab".repeat(16) };
}

function configurationOf(...voters: readonly Member[]): Configuration {
  return { voters, votersOld: [], learners: [], promotions: [] };
}

/** Node 1, started at "n1:1", and the changes that it asks for. */
class Addressed {
  readonly clock = new DriverClock();
  isLeader = true;
  /** What becomes of the next changes; they are done where nothing is said. */
  readonly outcomes: Error[] = [];
  readonly asked: unknown[] = [];
  readonly lines: string[] = [];
  readonly own: OwnAddress;
  configuration: Configuration;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    // deno-lint-ignore no-this-alias
    const world = this;
    const consensus: Pick<Consensus, "nodeId" | "isLeader" | "configuration"> = {
      nodeId: 1,
      get isLeader() {
        return world.isLeader;
      },
      get configuration() {
        return world.configuration;
      },
    };
    const driver = { changeMembership: (request: unknown) => this.#change(request) };
    this.own = new OwnAddress({
      clock: this.clock,
      consensus: consensus as Consensus,
      driver: () => driver as unknown as DriverLoop,
      address: () => "n1:1",
      retryMs: RETRY_MS,
      logger: { info: (text: string) => void this.lines.push(text) } as Logger,
    });
  }

  async #change(request: unknown): Promise<void> {
    this.asked.push(request);
    const error = this.outcomes.shift();
    if (error !== undefined) throw error;
    this.configuration = configurationOf(memberAt(1, "n1:1"));
  }
}

describe("OwnAddress", () => {
  it("is set by the only member, which was restored or has moved", async () => {
    for (const before of ["", "elsewhere:9"]) {
      const world = new Addressed(configurationOf(memberAt(1, before)));
      world.own.check();
      await world.clock.pass(0);
      const change = { action: "setAddress", id: 1, address: "n1:1", instanceId: "" };
      assert.deepEqual(world.asked, [{ changes: [change], force: false }]);
      assert.equal(world.lines.length, 1);
      world.own.check();
      assert.equal(world.asked.length, 1, "it is right now");
    }
  });

  it("is left alone where it is right, by others, and where it is for the operator", () => {
    const right = new Addressed(configurationOf(memberAt(1, "n1:1")));
    const other = new Addressed(configurationOf(memberAt(2, "")));
    const follower = new Addressed(configurationOf(memberAt(1, "")));
    follower.isLeader = false;
    const moved = new Addressed(configurationOf(memberAt(1, "elsewhere:9"), memberAt(2, "n2:1")));
    for (const world of [right, other, follower, moved]) {
      world.own.check();
      assert.deepEqual(world.asked, []);
    }
  });

  it("is set among several members where none is known", () => {
    const world = new Addressed(configurationOf(memberAt(1, ""), memberAt(2, "n2:1")));
    world.own.check();
    assert.equal(world.asked.length, 1);
  });

  it("is asked for once at a time, and again while another change is under way", async () => {
    const world = new Addressed(configurationOf(memberAt(1, "")));
    world.outcomes.push(new ChangeInProgressError("nothing is committed yet"));
    world.own.check();
    world.own.check();
    await world.clock.pass(0);
    assert.equal(world.asked.length, 1);
    await world.clock.pass(RETRY_MS - 1);
    assert.equal(world.asked.length, 1);
    await world.clock.pass(1);
    assert.equal(world.asked.length, 2);
    await world.clock.pass(0);
    assert.equal(world.lines.length, 1);
  });

  it("waits for the next election where it leads no longer", async () => {
    const world = new Addressed(configurationOf(memberAt(1, "")));
    world.outcomes.push(new NotLeaderError(null, null));
    world.own.check();
    await world.clock.pass(0);
    await world.clock.pass(10 * RETRY_MS);
    assert.equal(world.asked.length, 1);
    world.own.check();
    assert.equal(world.asked.length, 2);
  });
});

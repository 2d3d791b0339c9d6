/**
 * A node that was taken in and removed before any leader reached it: nobody dials it any more, and
 * it knows nobody to dial. It asks again, and is told, unless a place was made for it meanwhile.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeniedError } from "../../src/errors.ts";
import { readIdentity } from "../../src/log/identity_file.ts";
import { change, type MemberNode, MembershipWorld, membersSeen } from "./membership_world.ts";

const REMOVAL = { action: "remove", id: 2, address: "", instanceId: "" } as const;

/** A leader, and node 2 that it has taken in and never reached. */
class OrphanWorld extends MembershipWorld {
  static async unreached(): Promise<OrphanWorld> {
    const world = new OrphanWorld("orphan");
    // One entry a message: a node reads its removal before it reads that it is back.
    world.start(1, { formation: { kind: "bootstrap" }, appendBytesMax: 1 });
    await world.settled([1]);
    const node = world.start(2);
    await world.until(() => /takes this node in/.test(node.text));
    world.cut(2, [1]);
    await world.pass(3_000);
    assert.equal(node.raft!.status().lastIndex, 0);
    assert.equal(membersSeen(world.node(1)), "[[1],[2]]");
    return world;
  }

  async write(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      await this.result(this.leader!.raft!.propose(new Uint8Array(200_000)));
    }
  }

  /** Whether the disk of node 2 says that it was removed. */
  async isRemoved(): Promise<boolean> {
    const { removed } = await this.result(readIdentity(this.node(2).machine.runtime!, "/data"));
    return removed;
  }
}

function checkTold({ ended, failure }: MemberNode): void {
  assert.ok(ended?.error instanceof DeniedError, String(ended?.error));
  assert.match(failure, /Node 2 was removed from its cluster .*with an empty data directory/);
}

describe("a node that was taken in and removed before it was reached", () => {
  it("is told when it is reached, stops, and stays so", async () => {
    const world = await OrphanWorld.unreached();
    await world.change(REMOVAL);
    await world.pass(5_000);
    world.cut(2, [1], true);
    await world.until(() => world.node(2).ended !== null);
    checkTold(world.node(2));
    assert.equal(await world.isRemoved(), true);
    const again = world.start(2);
    await world.until(() => again.ended !== null);
    checkTold(again);
    assert.equal(membersSeen(world.node(1)), "[[1],[]]", "nobody has added it again");
  });

  it("is told when it is started again", async () => {
    const world = await OrphanWorld.unreached();
    world.kill(2);
    await world.change(REMOVAL);
    world.cut(2, [1], true);
    const node = world.start(2);
    await world.until(() => node.ended !== null);
    checkTold(node);
    assert.equal(membersSeen(world.node(1)), "[[1],[]]");
  });

  for (const isDown of [false, true]) {
    const how = isDown ? "started again" : "as it runs";
    it(`takes a place that was made for it, ${how}`, async () => {
      const world = await OrphanWorld.unreached();
      if (isDown) world.kill(2);
      await world.write(2);
      await world.change(REMOVAL);
      await world.write(2);
      await world.change(change("add", 2));
      world.cut(2, [1], true);
      if (isDown) world.start(2);
      await world.settled([1, 2]);
      await world.works([1, 2]);
      assert.equal(world.node(2).ended, null, "its removal is of an earlier membership");
      // Nor when it reads its log anew.
      world.start(2);
      await world.settled([1, 2]);
    });
  }

  it("stops where another directory has its id now", async () => {
    const world = await OrphanWorld.unreached();
    await world.change(REMOVAL);
    await world.change({ ...change("add", 2), instanceId: "f".repeat(32) });
    world.cut(2, [1], true);
    await world.until(() => world.node(2).ended !== null);
    assert.match(world.node(2).failure, /is a member with another data directory/);
  });

  it("joins where it is a member still: that it asks changes nothing", async () => {
    const world = await OrphanWorld.unreached();
    const { configurationIndex } = world.leader!.raft!.status();
    await world.pass(5_000);
    world.cut(2, [1], true);
    await world.until(() => (world.node(2).text.match(/takes this node in/g) ?? []).length === 2);
    assert.equal(world.leader!.raft!.status().configurationIndex, configurationIndex);
    await world.settled([1, 2]);
    await world.works([1, 2]);
  });
});

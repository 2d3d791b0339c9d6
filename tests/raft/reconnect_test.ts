/** What a follower is sent that connects to its leader again: what it lacks, and nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { NodeId } from "../../src/types.ts";
import { MembershipWorld } from "./membership_world.ts";

const ENTRY_BYTES = 4_000;

/** Three nodes whose logs hold 100 entries of 4,000 bytes, and what node 3 is sent. */
class ReconnectWorld extends MembershipWorld {
  /** The bytes of messages that were sent to node 3. */
  sentBytes = 0;

  static async filled(seed: string): Promise<ReconnectWorld> {
    const world = new ReconnectWorld(seed);
    world.world.network.faults.frameFault = ({ to, bytes }) => {
      if (to === "node-3") world.sentBytes += bytes.length;
      return { kind: "deliver" };
    };
    world.start(1, { formation: { kind: "bootstrap" } });
    await world.settled([1]);
    for (const id of [2, 3]) world.start(id);
    await world.settled([1, 2, 3]);
    await world.write(100);
    await world.settled([1, 2, 3]);
    return world;
  }

  async write(count: number): Promise<void> {
    const leader = this.leader!.raft!;
    for (let i = 0; i < count; i += 1) {
      await this.result(leader.propose(new Uint8Array(ENTRY_BYTES)));
    }
  }

  async lead(id: NodeId): Promise<void> {
    if (this.leader?.id !== id) {
      await this.result(this.leader!.raft!.transferLeadership(id));
    }
    await this.until(() => this.leader?.id === id);
  }
}

describe("a follower that connects again", () => {
  for (const leadsNext of [1, 2]) {
    const who = leadsNext === 1 ? "the leader that it knew" : "another leader";
    it(`is sent what it lacks by ${who}`, async () => {
      for (const lackedCount of [0, 5]) {
        const world = await ReconnectWorld.filled(`reconnect-${leadsNext}`);
        await world.lead(1);
        world.kill(3);
        await world.write(lackedCount);
        await world.lead(leadsNext);
        await world.pass(2_000);
        world.sentBytes = 0;
        world.start(3);
        await world.settled([1, 2, 3]);
        await world.pass(1_000);
        const lackedBytes = lackedCount * ENTRY_BYTES;
        assert.ok(world.sentBytes >= lackedBytes, `${world.sentBytes} bytes`);
        assert.ok(world.sentBytes < lackedBytes + 20_000, `${world.sentBytes} bytes`);
      }
    });
  }
});

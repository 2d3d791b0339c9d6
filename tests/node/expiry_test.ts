/** What expires in a cluster of whole nodes: by log time, whatever the clocks of the day say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyValueClient } from "../../src/client/key_value_client.ts";
import { CountingWorld, PEERS } from "../client/counting_world.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A cluster that serves, and what a test asks it. */
async function start(seed: number): Promise<{ run: CountingWorld; store: KeyValueClient }> {
  const run = new CountingWorld(seed);
  await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
  await run.run(3_000);
  return { run, store: new KeyValueClient(run.client) };
}

describe("expiry", () => {
  it("removes a key on every node after its time, without anybody writing", async () => {
    const { run, store } = await start(11);
    await run.settle(store.put("short", "1", { lifetime: { type: "ttl", ttlMs: 2_000 } }));
    await run.settle(store.put("long", "1", { lifetime: { type: "ttl", ttlMs: 60_000 } }));
    const isFound = async (key: string): Promise<boolean> =>
      (await run.settle(store.get(key))).found;
    await run.run(1_500);
    assert.ok(await isFound("short"), "not too early");
    const before = (await run.settle(run.client.status())).lastIndex;
    await run.run(1_000);
    assert.ok(!await isFound("short"));
    assert.ok(await isFound("long"));
    const after = (await run.settle(run.client.status())).lastIndex;
    assert.equal(after, before + 1, "one tick, and nothing else was written");
    for (const { address } of PEERS) {
      const read = store.get("short", { endpoint: address, consistency: "stale" });
      assert.equal((await run.settle(read)).found, false, address);
    }
    run.client.close();
  });

  it("trap 52: clocks of the day that jump by a day change nothing", async () => {
    const { run, store } = await start(12);
    const lease = await run.settle(store.grantLease(10_000));
    const lifetime = { type: "lease", leaseId: lease.id } as const;
    await run.settle(store.put("leased", "1", { lifetime }));
    await run.settle(store.put("timed", "1", { lifetime: { type: "ttl", ttlMs: 10_000 } }));
    const jumps = [DAY_MS, -2 * DAY_MS, 30 * DAY_MS];
    run.machines.forEach((machine, i) => machine.clock.stepWall(jumps[i]!));
    await run.run(8_000);
    const keys = async (): Promise<string[]> => {
      const { items } = await run.settle(store.list());
      return items.map(({ key }) => new TextDecoder().decode(key));
    };
    assert.deepEqual(await keys(), ["leased", "timed"]);
    await run.run(3_000);
    assert.deepEqual(await keys(), []);
    run.client.close();
  });

  it("time stands still between leaders, and expiry goes on under the next", async () => {
    const { run, store } = await start(13);
    await run.settle(store.put("timed", "1", { lifetime: { type: "ttl", ttlMs: 8_000 } }));
    const session = await run.settle(run.client.openSession({ sessionTimeoutMs: 8_000 }));
    const first = await run.leader();
    const others = PEERS.filter(({ id }) => id !== first.id);
    // No quorum for much longer than the time to live: nobody may have seen it pass.
    for (const { id } of others) run.machines[id - 1]!.crash("kill");
    await run.run(60_000);
    first.machine.crash("kill");
    await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
    await run.leader();
    assert.ok((await run.settle(store.get("timed"))).found, "log time stood still");
    await run.settle(session.propose(new Uint8Array(0), { timeoutMs: 5_000 }));
    await run.run(9_000);
    assert.ok(!(await run.settle(store.get("timed"))).found);
    run.client.close();
  });
});

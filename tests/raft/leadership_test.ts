/** What a driver does for leadership: hand it over, rest reads on it, and give it up. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { RaftError } from "../../src/errors.ts";
import { CommandGate } from "../../src/state_machine/command_gate.ts";
import { accepted, appendEntries, vote } from "../../src/testing/core_messages.ts";
import { metaOf } from "../log/snapshot_world.ts";
import { CounterMachine } from "../state_machine/counter_machine.ts";
import { DriverWorld, ELECTION_TIMEOUT_MS } from "./driver_world.ts";

/** The replication session of members from the first configuration on, which is entry 1. */
const SESSION = 1;

/** Node 1 as the leader of three in term 2, its no-op committed and applied. */
async function startLeader(promiseMs = 0): Promise<DriverWorld> {
  const world = await new DriverWorld({ voters: 3, promiseMs }).start();
  await world.expire("election");
  await world.receive(2, vote({ term: 2, preVote: true }));
  await world.saved();
  await world.receive(2, vote({ term: 2 }));
  await world.synced();
  await acknowledge(world);
  assert.equal(world.driver.appliedIndex, 2);
  world.takeEvents();
  return world;
}

/** Both followers have the whole log. */
async function acknowledge(world: DriverWorld, readSequence = 0, promiseMs = 0): Promise<void> {
  const { term, lastIndex: matchIndex } = world.consensus;
  const answer = { term, matchIndex, session: SESSION };
  for (const id of [2, 3]) {
    await world.receive(id, accepted({ ...answer, readSequence, promiseMs }));
  }
}

/** A heartbeat of node 2 as the leader of a later term. */
function heartbeatOf2(term: number): AppendEntriesRequest {
  return appendEntries({ term, prevLogIndex: 2, prevLogTerm: 2 });
}

function codeOf(error: unknown): string {
  assert.ok(error instanceof RaftError);
  return `${error.code} ${error.applied}`;
}

describe("leadership transfer by a driver", () => {
  it("asks the target, takes no commands, and tells who leads", async () => {
    const world = await startLeader();
    const transfer = world.driver.transferLeadership(null);
    const other = world.driver.transferLeadership(null);
    await world.clock.settle();
    assert.deepEqual(world.takeEvents(), ["send timeoutNow of term 2 to 2"]);
    const proposal = world.propose();
    await world.clock.settle();
    assert.equal(codeOf(world.errorOf(proposal)), "transfer_under_way no");
    await world.receive(2, heartbeatOf2(3));
    await world.saved();
    assert.deepEqual(await transfer, { leaderId: 2, term: 3 });
    assert.deepEqual(await other, { leaderId: 2, term: 3 }, "it shares the one under way");
  });

  it("says why it failed, and whether anything is known of it", async () => {
    const world = await startLeader();
    const silent = world.driver.transferLeadership(3);
    await world.clock.settle();
    await world.expire("transfer");
    assert.equal(codeOf(await silent.catch((error) => error)), "refused no");
    const unknown = world.driver.transferLeadership(9);
    await world.clock.settle();
    assert.match((await unknown.catch((error) => error)).message, /to node 9: it is not a voter/);
    const waiting = world.driver.transferLeadership(2);
    await world.clock.settle();
    world.driver.stop();
    assert.equal(codeOf(await waiting.catch((error) => error)), "shutdown no");
    const late = world.driver.transferLeadership(2);
    assert.equal(codeOf(await late.catch((error) => error)), "shutdown no");
  });

  it("drains: refuses what is new, and resolves once what it took is answered", async () => {
    const world = await startLeader();
    const taken = world.propose();
    await world.clock.settle();
    let isDrained = false;
    void world.driver.drain().then(() => isDrained = true);
    const late = world.propose();
    await world.clock.settle();
    assert.deepEqual([isDrained, codeOf(world.errorOf(late))], [false, "shutdown no"]);
    await world.synced();
    await acknowledge(world);
    assert.deepEqual([isDrained, "outcome" in world.endings.get(taken)!], [true, true]);
  });

  it("drains: a query that waited for a snapshot may be the last of all", async () => {
    const world = await new DriverWorld({ voters: 3 }).start();
    let restore = () => {};
    const allowed = new Promise<void>((resolve) => restore = resolve);
    world.snapshotState = async function* () {
      await allowed;
      for (const chunks = new CommandGate(new CounterMachine()).takeSnapshot();;) {
        const { done, value } = chunks.next();
        if (done === true) return;
        yield value;
      }
    };
    const meta = {
      ...metaOf(9),
      lastIncludedTerm: 1,
      configurationIndex: 1,
      configuration: world.consensus.configuration,
    };
    const source = { stored: { meta, totalBytes: 100 }, from: 2, startMs: 0 };
    world.driver.input({ type: "snapshotReceived", snapshot: meta, source });
    await world.clock.settle();
    const query = world.query("stale");
    let isDrained = false;
    void world.driver.drain().then(() => isDrained = true);
    await world.clock.settle();
    assert.deepEqual([isDrained, world.queryEndings.has(query)], [false, false]);
    restore();
    await world.clock.settle();
    assert.deepEqual([isDrained, world.queryEndings.get(query)], [true, "answered"]);
    assert.equal(world.driver.appliedIndex, 9);
  });
});

describe("lease reads by a driver", () => {
  it("answers without a message while the promises last, then asks a quorum", async () => {
    const world = await startLeader(ELECTION_TIMEOUT_MS);
    await world.expire("heartbeat");
    await acknowledge(world, 1, ELECTION_TIMEOUT_MS);
    world.takeEvents();
    const first = world.query("lease");
    assert.equal(world.queryEndings.get(first), "answered", "in the call itself");
    await world.clock.settle();
    assert.deepEqual(world.takeEvents(), []);
    // No timer runs meanwhile, as in a process that stands still.
    world.clock.atMs += ELECTION_TIMEOUT_MS;
    const late = world.query("lease");
    assert.equal(world.queryEndings.has(late), false);
    await world.clock.settle();
    const confirmation = [2, 3].map((to) => `send appendEntriesRequest of term 2 to ${to}`);
    assert.deepEqual(world.takeEvents(), confirmation);
  });

  it("trap 41: waits until everything committed is applied", async () => {
    const world = await startLeader(ELECTION_TIMEOUT_MS);
    await world.expire("heartbeat");
    await acknowledge(world, 1, ELECTION_TIMEOUT_MS);
    world.propose();
    await world.clock.settle();
    await acknowledge(world, 1, ELECTION_TIMEOUT_MS);
    assert.deepEqual([world.consensus.commitIndex, world.driver.appliedIndex], [3, 2]);
    const query = world.query("lease");
    assert.equal(world.queryEndings.has(query), false, "entry 3 is not durable here");
    await world.synced();
    assert.equal(world.queryEndings.get(query), "answered");
  });

  it("trap 42: uses no lease during a transfer", async () => {
    const world = await startLeader(ELECTION_TIMEOUT_MS);
    await world.expire("heartbeat");
    await acknowledge(world, 1, ELECTION_TIMEOUT_MS);
    void world.driver.transferLeadership(2);
    await world.clock.settle();
    const query = world.query("lease");
    assert.equal(world.queryEndings.has(query), false);
  });
});

describe("a driver whose storage stalls", () => {
  it("trap 50: gives leadership up, answers what waits as unknown, and is silent", async () => {
    const world = await startLeader();
    const proposal = world.propose();
    await world.clock.settle();
    // The others answer all the time, so the leader would lead on for ever.
    for (let round = 0; round < 19; round += 1) {
      await world.clock.pass(ELECTION_TIMEOUT_MS / 10);
      for (const id of [2, 3]) {
        await world.receive(id, accepted({ term: 2, matchIndex: 2, session: SESSION }));
      }
    }
    assert.equal(world.consensus.isLeader, true);
    world.takeEvents();
    await world.clock.pass(ELECTION_TIMEOUT_MS / 10);
    assert.equal(world.consensus.isLeader, false);
    assert.equal(codeOf(world.errorOf(proposal)), "leadership_lost unknown");
    assert.ok(world.takeEvents().includes("send timeoutNow of term 2 to 2"));
    await world.clock.pass(10 * ELECTION_TIMEOUT_MS);
    assert.deepEqual(world.takeEvents(), [], "no heartbeat, no election");
    await world.synced();
    await world.clock.pass(3 * ELECTION_TIMEOUT_MS);
    assert.match(world.takeEvents().join(), /preVote requestVoteRequest/);
  });
});

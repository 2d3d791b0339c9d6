/**
 * The order of effects, as consensus/effects.ts writes it down: nothing of a record before its hard
 * state is durable, no acknowledgement before the sync. The core is the real one; every door to the
 * world writes down what passes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  AppendEntriesRequest,
  RequestVoteRequest,
  RequestVoteResponse,
} from "../../src/consensus/messages.ts";
import { NoQuorumError, StorageError } from "../../src/errors.ts";
import type { ReceivedRecords } from "../../src/raft/message_intake.ts";
import { createBatch, readBatch } from "../../src/testing/log_batches.ts";
import { EntryKind } from "../../src/types.ts";
import { DriverWorld, ELECTION_TIMEOUT_MS } from "./driver_world.ts";

function voteRequest(term: number, preVote = false): RequestVoteRequest {
  return {
    type: "requestVoteRequest",
    term,
    lastLogIndex: 100,
    lastLogTerm: term - 1,
    preVote,
    leadershipTransfer: false,
  };
}

function vote(term: number, preVote = false): RequestVoteResponse {
  return { type: "requestVoteResponse", term, voteGranted: true, preVote };
}

/** Entries of a leader, or a heartbeat. */
function appendEntries(
  term: number,
  options: { readonly prevLogIndex: number; readonly prevLogTerm: number; readonly count: number },
): AppendEntriesRequest {
  const { prevLogIndex, prevLogTerm, count } = options;
  const firstIndex = prevLogIndex + 1;
  const batch = createBatch({ firstIndex, count, term, kind: EntryKind.noop, payloadBytes: 0 });
  const source: ReceivedRecords = {
    firstIndex,
    bytes: batch.bytes,
    offsets: Array.from({ length: count }, (_, i) => 40 * i),
  };
  const entries = {
    firstIndex,
    lastIndex: batch.lastIndex,
    termRuns: [{ term, firstIndex }],
    configurations: [],
    source,
  };
  return {
    type: "appendEntriesRequest",
    term,
    prevLogIndex,
    prevLogTerm,
    leaderCommit: 0,
    readSequence: 0,
    session: 1,
    provenToken: 0,
    entries: count === 0 ? null : entries,
  };
}

function start(oldTerm?: number, voters = 3): Promise<DriverWorld> {
  return new DriverWorld({ voters, ...(oldTerm === undefined ? {} : { oldTerm }) }).start();
}

/** Node 1 as the leader of three in term 2, its no-op durable. */
async function startLeader(): Promise<DriverWorld> {
  const world = await start();
  await world.expire("election");
  await world.receive(2, vote(2, true));
  await world.saved();
  await world.receive(2, vote(2));
  await world.synced();
  assert.equal(world.consensus.isLeader, true);
  world.takeEvents();
  return world;
}

describe("effect order", () => {
  it("trap 3: a vote goes out only when it is durable", async () => {
    const world = await start();
    await world.receive(2, voteRequest(5));
    assert.deepEqual(world.takeEvents(), ["save term 5 vote 2"]);
    await world.saved();
    assert.deepEqual(world.takeEvents(), ["send requestVoteResponse of term 5 to 2"]);
  });

  it("trap 3: a refusal that names a new term waits until it is durable", async () => {
    const world = await start(3);
    await world.receive(2, { ...voteRequest(9), lastLogTerm: 1 });
    assert.deepEqual(world.takeEvents(), ["save term 9 vote 0"]);
    await world.saved();
    assert.deepEqual(world.takeEvents(), ["send requestVoteResponse of term 9 to 2"]);
  });

  it("trap 3: a candidate asks once its own vote is durable, a pre-vote at once", async () => {
    const world = await start();
    await world.expire("election");
    assert.deepEqual(world.takeEvents(), [
      "send preVote requestVoteRequest of term 2 to 2",
      "send preVote requestVoteRequest of term 2 to 3",
    ]);
    await world.receive(3, vote(2, true));
    assert.deepEqual(world.takeEvents(), ["save term 2 vote 1"]);
    await world.saved();
    assert.deepEqual(world.takeEvents(), [
      "send requestVoteRequest of term 2 to 2",
      "send requestVoteRequest of term 2 to 3",
    ]);
  });

  it("trap 4: entries of a new term come behind the hard state, answers behind sync", async () => {
    const world = await start();
    await world.receive(2, appendEntries(4, { prevLogIndex: 1, prevLogTerm: 1, count: 2 }));
    assert.deepEqual(world.takeEvents(), ["save term 4 vote 0"]);
    assert.equal(world.log.lastIndex, 1);
    await world.saved();
    assert.deepEqual(world.takeEvents(), ["append 2 to 3", "sync"]);
    await world.synced();
    assert.deepEqual(world.takeEvents(), ["send appendEntriesResponse of term 4 to 2"]);
  });

  it("trap 3: while a hard state is being saved, nothing that comes is acted upon", async () => {
    const world = await start();
    await world.receive(2, voteRequest(5));
    world.takeEvents();
    await world.receive(3, voteRequest(6));
    await world.receive(3, appendEntries(6, { prevLogIndex: 1, prevLogTerm: 1, count: 1 }));
    const proposal = world.propose();
    await world.clock.settle();
    assert.deepEqual(world.takeEvents(), []);
    assert.equal(world.endings.size, 0);
    await world.saved();
    const [first, second, ...others] = world.takeEvents();
    assert.equal(first, "send requestVoteResponse of term 5 to 2");
    assert.match(second!, /^save term 6 vote [03]$/);
    assert.deepEqual(others, []);
    await world.saved();
    assert.equal(world.errorOf(proposal).code, "not_leader");
  });

  it("trap 23: a follower acknowledges what is durable, a heartbeat no more", async () => {
    const world = await start(2);
    await world.receive(2, appendEntries(2, { prevLogIndex: 4, prevLogTerm: 2, count: 1 }));
    assert.deepEqual(world.takeEvents(), ["append 5 to 5", "sync"]);
    await world.receive(2, appendEntries(2, { prevLogIndex: 5, prevLogTerm: 2, count: 1 }));
    assert.deepEqual(world.takeEvents(), ["append 6 to 6", "sync"]);
    await world.synced();
    const answers = world.takeEvents();
    assert.ok(answers.length > 0, "nothing was acknowledged");
    assert.deepEqual([...new Set(answers)], ["send appendEntriesResponse of term 2 to 2"]);
  });

  it("a conflict is truncated before the entries that replace it are appended", async () => {
    const world = await start(2);
    await world.receive(2, appendEntries(3, { prevLogIndex: 2, prevLogTerm: 2, count: 3 }));
    await world.saved();
    assert.deepEqual(world.takeEvents(), [
      "save term 3 vote 0",
      "truncate after 2",
      "append 3 to 5",
      "sync",
    ]);
    const batch = await world.log.read({ firstIndex: 1, lastIndex: 5, bytesMax: 1e6 });
    assert.deepEqual(readBatch(batch).map(({ term }) => term), [1, 2, 3, 3, 3]);
  });

  it("a leader sends its entries before its own sync, and counts itself after it", async () => {
    const world = await startLeader();
    await world.receive(2, {
      type: "appendEntriesResponse",
      accepted: true,
      term: 2,
      matchIndex: 2,
      readSequence: 0,
      session: 1,
      promiseMs: 0,
      storageFull: false,
      ageToken: 0,
    });
    world.takeEvents();
    const proposal = world.propose();
    await world.clock.settle();
    const events = world.takeEvents();
    assert.deepEqual(events.slice(0, 1), ["append 3 to 3"]);
    const sentAt = events.indexOf("send appendEntriesRequest of term 2 to 2");
    assert.ok(sentAt > 0 && sentAt < events.indexOf("sync"), events.join(", "));
    await world.receive(2, {
      type: "appendEntriesResponse",
      accepted: true,
      term: 2,
      matchIndex: 3,
      readSequence: 0,
      session: 1,
      promiseMs: 0,
      storageFull: false,
      ageToken: 0,
    });
    assert.equal(world.endings.size, 0, "trap 24: the leader's own copy is not durable");
    await world.synced();
    const ending = world.endings.get(proposal)!;
    assert.ok("outcome" in ending);
    assert.deepEqual([ending.outcome.index, ending.outcome.term], [3, 2]);
  });

  it("trap 24: a cluster of one applies nothing before its sync", async () => {
    const world = await start(undefined, 1);
    await world.expire("election");
    assert.deepEqual(world.takeEvents(), ["save term 2 vote 1"]);
    const early = world.propose();
    await world.saved();
    assert.deepEqual(world.takeEvents(), ["append 2 to 2", "sync"]);
    assert.equal(world.machine.contexts.length, 0);
    await world.synced();
    await world.synced();
    assert.ok("outcome" in world.endings.get(early)!);
    assert.deepEqual(world.machine.contexts.map(({ index }) => index), [3]);
  });
});

describe("a driver loop that fails", () => {
  it("fails queries that come while a save hangs, so that another node is asked", async () => {
    const world = await start();
    await world.receive(2, voteRequest(5));
    assert.ok(world.hardState.isSaving);
    const query = world.query();
    await world.clock.pass(2 * ELECTION_TIMEOUT_MS);
    const ending = world.queryEndings.get(query);
    assert.ok(ending instanceof NoQuorumError, `the query ended with ${ending}`);
    await world.saved();
  });

  it("says nothing of a record whose save failed, and answers everybody", async () => {
    const world = await start();
    const refused = world.propose();
    world.driver.input({ type: "message", from: 2, message: voteRequest(5) });
    await world.clock.settle();
    const waiting = world.propose();
    const query = world.query();
    assert.deepEqual(world.takeEvents(), ["save term 5 vote 2"]);
    await world.saved(new StorageError("Cannot write the hard state"));
    assert.deepEqual(world.takeEvents(), []);
    assert.deepEqual(world.failures.map(({ message }) => message), ["Cannot write the hard state"]);
    assert.equal(world.errorOf(refused).applied, "no");
    assert.equal(world.errorOf(waiting).code, "shutdown");
    assert.ok(world.queryEndings.has(query));
    await world.receive(2, voteRequest(6));
    assert.deepEqual(world.takeEvents(), []);
  });

  it("does nothing of a record when stopped during the save, answers everybody", async () => {
    const world = await start();
    const refused = world.propose();
    world.driver.input({ type: "message", from: 2, message: voteRequest(5) });
    await world.clock.settle();
    world.takeEvents();
    world.driver.stop();
    await world.saved();
    assert.deepEqual(world.takeEvents(), []);
    assert.equal(world.errorOf(refused).applied, "no");
    assert.deepEqual(world.failures, []);
  });

  it("stopped while its first election is saved, answers what came with it", async () => {
    const world = await start(undefined, 1);
    const proposal = world.propose();
    await world.expire("election");
    assert.deepEqual(world.takeEvents(), ["save term 2 vote 1"]);
    world.driver.stop();
    await world.saved();
    assert.deepEqual(world.takeEvents(), []);
    assert.equal(world.log.lastIndex, 1);
    assert.equal(world.errorOf(proposal).applied, "no");
  });

  it("trap 47, trap 50: stops when a sync fails; what it held is unknown", async () => {
    const world = await startLeader();
    const logged = world.propose();
    await world.clock.settle();
    const waiting = world.propose();
    await world.clock.settle();
    world.takeEvents();
    world.log.failNextSync(new StorageError("Cannot sync"));
    await world.synced();
    assert.deepEqual(world.failures.map(({ message }) => message), ["Cannot sync"]);
    assert.equal(world.errorOf(logged).applied, "unknown");
    assert.equal(world.errorOf(waiting).applied, "no");
    await world.clock.pass(10 * ELECTION_TIMEOUT_MS);
    assert.deepEqual(world.takeEvents(), ["send timeoutNow of term 2 to 2"], "no retry");
    assert.equal(world.failures.length, 1);
  });

  it("stops when the log takes no entries", async () => {
    const world = await startLeader();
    const proposal = world.propose();
    world.appendFault = new StorageError("No space is left");
    await world.clock.settle();
    assert.deepEqual(world.failures.map(({ message }) => message), ["No space is left"]);
    assert.equal(world.errorOf(proposal).applied, "unknown");
    const events = ["append 3 to 3", "send timeoutNow of term 2 to 2"];
    assert.deepEqual(world.takeEvents(), events, "nothing was sent of it");
  });

  it("refuses what comes after it stopped", async () => {
    const world = await startLeader();
    world.driver.stop();
    const proposal = world.propose();
    const query = world.query();
    assert.equal(world.errorOf(proposal).code, "shutdown");
    assert.ok(world.queryEndings.has(query));
    assert.equal(world.clock.waiting, 0, "a timer is left");
  });

  it("applies nothing after it stopped, also what it was reading", async () => {
    const world = await start(2);
    world.reading = () => world.driver.stop();
    const heartbeat = appendEntries(2, { prevLogIndex: 4, prevLogTerm: 2, count: 0 });
    await world.receive(2, { ...heartbeat, leaderCommit: 4 });
    assert.equal(world.driver.appliedIndex, 0);
    assert.deepEqual(world.failures, []);
  });
});

describe("a driver loop that loses leadership", () => {
  it("ancestor A10: answers its proposals as unknown at once, and no foreign entry", async () => {
    const world = await startLeader();
    const proposal = world.propose();
    await world.clock.settle();
    await world.receive(3, appendEntries(3, { prevLogIndex: 2, prevLogTerm: 2, count: 1 }));
    assert.equal(world.endings.size, 0);
    await world.saved();
    assert.equal(world.errorOf(proposal).code, "leadership_lost");
    assert.equal(world.errorOf(proposal).applied, "unknown");
  });
});

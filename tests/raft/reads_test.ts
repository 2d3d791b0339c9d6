/** Linearizable queries wait for a confirmation that began after them, and never for ever. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type RaftError, ShutdownError } from "../../src/errors.ts";
import { READS_WAITING_MAX } from "../../src/limits.ts";
import { type Query, Reads } from "../../src/raft/reads.ts";
import { DriverClock } from "./driver_world.ts";

const ELECTION_TIMEOUT_MS = 1_000;
const FIRST_READ_ID = 70_000;

/** A queue with a clock and an applied index in the hands of a test. */
class ReadsWorld {
  readonly clock = new DriverClock();
  appliedIndex = 10;
  readonly served: number[] = [];
  readonly failures = new Map<number, RaftError>();
  readonly reads: Reads;
  #next = 0;

  constructor() {
    this.reads = new Reads({
      clock: this.clock,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      firstReadId: FIRST_READ_ID,
      serve: (query) => this.served.push(query.requestId),
      appliedIndex: () => this.appliedIndex,
    });
  }

  /** Asks so many queries, numbered from 0 on. */
  add(count = 1): void {
    for (let i = 0; i < count; i += 1) this.reads.add(this.makeQuery());
  }

  /** A query that was not handed over. */
  makeQuery(): Query {
    const requestId = this.#next;
    this.#next += 1;
    return {
      query: new Uint8Array(0),
      requestId,
      askedAtMs: this.clock.atMs,
      sink: {
        queryAnswered: () => assert.fail("serve answers"),
        queryFailed: (id, error) => {
          assert.equal(id, requestId);
          assert.ok(!this.failures.has(id), `query ${id} was answered twice`);
          this.failures.set(id, error);
        },
      },
    };
  }

  /** Confirms a read. */
  confirm(readId: number, readIndex: number): void {
    this.reads.outcome({ readId, readIndex });
  }

  /** Tells that a read was not confirmed. */
  deny(readId: number, reason: "no_leader" | "lost"): void {
    this.reads.outcome({ readId, readIndex: null, reason });
  }
}

describe("Reads", () => {
  it("asks once for all queries of a turn", () => {
    const world = new ReadsWorld();
    assert.deepEqual([world.reads.isDue, world.reads.isEmpty], [false, true]);
    world.add(3);
    assert.deepEqual([world.reads.isDue, world.reads.isEmpty], [true, false]);
    assert.equal(world.reads.ask(), FIRST_READ_ID);
    assert.deepEqual([world.reads.isDue, world.reads.isEmpty], [false, false]);
    world.confirm(FIRST_READ_ID, 10);
    assert.deepEqual(world.served, [0, 1, 2]);
    assert.equal(world.reads.isEmpty, true);
  });

  it("trap 41: serves a query only when the confirmed index is applied", () => {
    const world = new ReadsWorld();
    world.add(2);
    world.confirm(world.reads.ask(), 12);
    assert.deepEqual(world.served, []);
    world.add(1);
    world.confirm(world.reads.ask(), 13);
    world.appliedIndex = 11;
    world.reads.applied();
    assert.deepEqual(world.served, []);
    world.appliedIndex = 12;
    world.reads.applied();
    assert.deepEqual(world.served, [0, 1]);
    world.appliedIndex = 13;
    world.reads.applied();
    assert.deepEqual(world.served, [0, 1, 2]);
  });

  it("trap 40: a query that comes during a confirmation waits for the next one", () => {
    const world = new ReadsWorld();
    world.add();
    const first = world.reads.ask();
    world.add();
    assert.equal(world.reads.isDue, false);
    world.confirm(first, 10);
    assert.deepEqual(world.served, [0]);
    assert.equal(world.reads.isDue, true);
    world.confirm(world.reads.ask(), 10);
    assert.deepEqual(world.served, [0, 1]);
  });

  it("trap 40: an outcome of another read, or a second one, serves nobody", () => {
    const world = new ReadsWorld();
    world.confirm(FIRST_READ_ID, 5);
    world.add();
    const readId = world.reads.ask();
    world.confirm(readId - 1, 10);
    world.confirm(readId + 1, 10);
    assert.deepEqual(world.served, []);
    world.confirm(readId, 10);
    world.confirm(readId, 10);
    assert.deepEqual(world.served, [0]);
  });

  it("asks again, before later queries, when leadership was lost under it", () => {
    const world = new ReadsWorld();
    world.add(2);
    world.deny(world.reads.ask(), "lost");
    world.add();
    assert.deepEqual([world.failures.size, world.reads.isDue], [0, true]);
    const again = world.reads.ask();
    assert.equal(again, FIRST_READ_ID + 1, "read ids are not used twice");
    world.confirm(again, 10);
    assert.deepEqual(world.served, [0, 1, 2]);
  });

  it("fails at once where no leader is known", () => {
    const world = new ReadsWorld();
    world.add(2);
    world.deny(world.reads.ask(), "no_leader");
    assert.deepEqual([...world.failures.keys()], [0, 1]);
    assert.equal(world.failures.get(0)!.code, "no_quorum");
    assert.equal(world.failures.get(0)!.applied, "no");
    assert.match(world.failures.get(0)!.message, /no leader is known to this node/);
  });

  it("asks again after an election timeout, and fails after two", () => {
    const world = new ReadsWorld();
    world.add();
    const first = world.reads.ask();
    world.clock.atMs += ELECTION_TIMEOUT_MS - 1;
    world.reads.expire();
    assert.equal(world.reads.isDue, false);
    world.clock.atMs += 1;
    world.reads.expire();
    assert.deepEqual([world.reads.isDue, world.failures.size], [true, 0]);
    world.add();
    const second = world.reads.ask();
    world.confirm(first, 10);
    assert.deepEqual(world.served, [], "a late answer to what was given up confirms nothing");
    world.clock.atMs += ELECTION_TIMEOUT_MS;
    world.reads.expire();
    assert.deepEqual([...world.failures.keys()], [0], "the younger query has time left");
    assert.match(world.failures.get(0)!.message, /no quorum confirmed .* within 2000 ms/);
    world.confirm(second, 10);
    world.confirm(world.reads.ask(), 10);
    assert.deepEqual(world.served, [1]);
  });

  it("keeps a confirmed query for five election timeouts, then says what it waits for", () => {
    const world = new ReadsWorld();
    world.add();
    world.confirm(world.reads.ask(), 11);
    assert.equal(world.reads.isEmpty, false);
    world.clock.atMs += ELECTION_TIMEOUT_MS;
    world.add();
    world.confirm(world.reads.ask(), 12);
    world.clock.atMs += 4 * ELECTION_TIMEOUT_MS - 1;
    world.reads.expire();
    assert.equal(world.failures.size, 0);
    world.clock.atMs += 1;
    world.reads.expire();
    assert.deepEqual([...world.failures.keys()], [0]);
    assert.equal(world.failures.get(0)!.code, "no_quorum");
    assert.match(world.failures.get(0)!.message, /entry 11 was not applied here within 5000 ms/);
    world.appliedIndex = 12;
    world.reads.applied();
    assert.deepEqual([world.served, world.failures.size], [[1], 1]);
    assert.equal(world.reads.isEmpty, true);
  });

  it("serves a query that needs no confirmation at once, or when its index is applied", () => {
    const world = new ReadsWorld();
    world.reads.addConfirmed(world.makeQuery(), 10);
    assert.deepEqual(world.served, [0]);
    world.reads.addConfirmed(world.makeQuery(), 11);
    assert.deepEqual(world.served, [0]);
    world.appliedIndex = 11;
    world.reads.applied();
    assert.deepEqual(world.served, [0, 1]);
  });

  it("trap 30: refuses more confirmed queries than the queue holds", () => {
    const world = new ReadsWorld();
    for (let i = 0; i <= READS_WAITING_MAX; i += 1) {
      world.reads.addConfirmed(world.makeQuery(), 11);
    }
    assert.deepEqual([...world.failures.keys()], [READS_WAITING_MAX]);
    assert.equal(world.failures.get(READS_WAITING_MAX)!.code, "overloaded");
  });

  it("trap 30: refuses more queries than the queue holds", () => {
    const world = new ReadsWorld();
    world.add(READS_WAITING_MAX);
    world.reads.ask();
    world.add(READS_WAITING_MAX + 1);
    assert.deepEqual([...world.failures.keys()], [2 * READS_WAITING_MAX]);
    const error = world.failures.get(2 * READS_WAITING_MAX)!;
    assert.deepEqual([error.code, error.applied], ["overloaded", "no"]);
  });

  it("answers everything when the node stops: waiting, asked and confirmed", () => {
    const world = new ReadsWorld();
    world.add();
    world.confirm(world.reads.ask(), 99);
    world.add();
    world.reads.ask();
    world.add();
    world.reads.failAll(() => new ShutdownError("The node is stopping"));
    assert.deepEqual([...world.failures.keys()], [0, 1, 2]);
    assert.equal(world.reads.isEmpty, true);
    world.appliedIndex = 99;
    world.reads.applied();
    assert.deepEqual(world.served, []);
  });

  it("nothing is served while a snapshot replaces the state, confirmed or stale", () => {
    const world = new ReadsWorld();
    const stale: string[] = [];
    const query = (requestId: number): Query => ({
      query: new Uint8Array(0),
      requestId,
      askedAtMs: world.clock.atMs,
      sink: {
        queryAnswered: () => assert.fail("serve answers"),
        queryFailed: (id, { code }) => stale.push(`${id} ${code}`),
      },
    });
    const serve = ({ requestId }: Query) => stale.push(`${requestId} served`);
    world.appliedIndex = -1;
    world.add();
    world.reads.outcome({ readId: world.reads.ask(), readIndex: 5 });
    world.reads.addStale(query(7), serve);
    assert.deepEqual([world.served, stale], [[], []]);
    world.appliedIndex = 20;
    world.reads.restored();
    assert.deepEqual([world.served, stale], [[0], ["7 served"]]);
    world.appliedIndex = -1;
    world.reads.addStale(query(8), serve);
    world.reads.failAll(() => new ShutdownError("The node stops"));
    assert.deepEqual(stale, ["7 served", "8 shutdown"]);
  });
});

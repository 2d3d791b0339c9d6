/**
 * Queries that wait: for leadership to be confirmed, then for the confirmed index to be applied.
 * All queries of a turn share one confirmation, and those that come while it is under way share the
 * next.
 *
 * @module
 */
import { NoQuorumError, type RaftError } from "../errors.ts";
import { OverloadedError } from "../errors.ts";
import { READS_WAITING_MAX } from "../limits.ts";
import type { ReadOutcome } from "../consensus/effects.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Index, NodeId } from "../types.ts";

/** How a query was answered. The object may be reused after the call that passes it. */
export interface QueryOutcome {
  readonly servedBy: NodeId;
  /** The last index applied when it was answered. */
  readonly index: Index;
  /** Milliseconds since a leader was heard, for a stale read; else 0. */
  readonly ageMs: number;
  readonly result: Uint8Array;
}

/** Takes the answer of a query: exactly one call for each `requestId`. */
export interface QuerySink {
  /** The query was answered. */
  queryAnswered(requestId: number, outcome: QueryOutcome): void;
  /** It was not answered. */
  queryFailed(requestId: number, error: RaftError): void;
}

/** A query, and who waits for its answer. */
export interface Query {
  readonly query: Uint8Array;
  readonly sink: QuerySink;
  readonly requestId: number;
  /** When it was asked, on the monotonic clock. */
  readonly askedAtMs: number;
}

/** What the queue works with. */
export interface ReadsOptions {
  readonly clock: Clock;
  /**
   * A confirmation that takes longer is asked for again; twice as long, and the query fails. What
   * is confirmed may wait five times as long for its entries.
   */
  readonly electionTimeoutMs: number;
  /** Unique since the node started and unlikely to be one of an earlier run. */
  readonly firstReadId: number;
  /** Answers a query from the state as it is. */
  readonly serve: (query: Query) => void;
  /** The last entry applied, or -1 while the state may not be asked. */
  readonly appliedIndex: () => Index;
}

/**
 * How many election timeouts a confirmed query waits for its entries: a node may have to catch up.
 */
const CONFIRMED_ELECTION_TIMEOUTS = 5;

/** The linearizable queries of one node. */
export class Reads {
  readonly #options: ReadsOptions;
  /** Queries in #confirmed. */
  #confirmedCount = 0;
  #nextReadId: number;
  #waiting: Query[] = [];
  #asked: { readonly readId: number; readonly queries: Query[]; readonly atMs: number } | null =
    null;
  /** Need no confirmation, and wait until the state may be asked. */
  #stale: { readonly query: Query; readonly serve: (query: Query) => void }[] = [];
  /** Confirmed, by ascending index. */
  #confirmed: { readonly readIndex: Index; readonly queries: Query[]; readonly atMs: number }[] =
    [];

  /** Creates an empty queue. */
  constructor(options: ReadsOptions) {
    this.#options = options;
    this.#nextReadId = options.firstReadId;
  }

  /** Whether queries wait for the next confirmation, and none is under way. */
  get isDue(): boolean {
    return this.#asked === null && this.#waiting.length > 0;
  }

  /** Whether anything waits at all. */
  get isEmpty(): boolean {
    return this.#asked === null && this.#waiting.length === 0 && this.#confirmed.length === 0 &&
      this.#stale.length === 0;
  }

  /** Takes a query, or answers that the queue is full. */
  add(query: Query): void {
    if (this.#waiting.length >= READS_WAITING_MAX) {
      const message = `Cannot take the query as ${this.#waiting.length} wait for confirmation`;
      query.sink.queryFailed(query.requestId, new OverloadedError(message));
      return;
    }
    this.#waiting.push(query);
  }

  /** Has `serve` answer a query that needs no confirmation, as soon as the state may be asked. */
  addStale(query: Query, serve: (query: Query) => void): void {
    if (this.#options.appliedIndex() >= 0) serve(query);
    else if (this.#stale.length < READS_WAITING_MAX) this.#stale.push({ query, serve });
    else {
      const message = `Cannot take the query as ${this.#stale.length} wait for a snapshot`;
      query.sink.queryFailed(query.requestId, new OverloadedError(message));
    }
  }

  /** Takes a query that needs no confirmation: it may be served once `readIndex` is applied. */
  addConfirmed(query: Query, readIndex: Index): void {
    if (readIndex <= this.#options.appliedIndex()) return this.#options.serve(query);
    if (this.#confirmedCount >= READS_WAITING_MAX) {
      const message = `Cannot take the query as ${this.#confirmedCount} wait to be served`;
      query.sink.queryFailed(query.requestId, new OverloadedError(message));
      return;
    }
    this.#confirm(readIndex, [query]);
  }

  /** Starts a confirmation for everything that waits, and returns its id for the core. */
  ask(): number {
    const readId = this.#nextReadId;
    this.#nextReadId += 1;
    this.#asked = { readId, queries: this.#waiting, atMs: this.#options.clock.nowMs() };
    this.#waiting = [];
    return readId;
  }

  /** The core confirmed a read, or could not. */
  outcome(outcome: ReadOutcome): void {
    const asked = this.#asked;
    if (asked === null || asked.readId !== outcome.readId) return;
    this.#asked = null;
    if (outcome.readIndex !== null) {
      this.#confirm(outcome.readIndex, asked.queries);
      this.applied();
    } else if (outcome.reason === "no_leader") {
      fail(asked.queries, "no leader is known to this node");
    } else {
      // Leadership changed under it: ask again, whoever leads now.
      this.#waiting = [...asked.queries, ...this.#waiting];
    }
  }

  /** Serves what the applied index allows. */
  applied(): void {
    while (this.#confirmed.length > 0) {
      if (this.#confirmed[0]!.readIndex > this.#options.appliedIndex()) return;
      const { queries } = this.#confirmed.shift()!;
      this.#confirmedCount -= queries.length;
      for (const query of queries) this.#options.serve(query);
    }
  }

  /** Serves what waited for a snapshot to be restored. */
  restored(): void {
    for (const { query, serve } of this.#stale.splice(0)) serve(query);
    this.applied();
  }

  /** Gives up a confirmation that takes too long, and queries that have waited too long. */
  expire(): void {
    const { clock, electionTimeoutMs } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#asked !== null && nowMs - this.#asked.atMs >= electionTimeoutMs) {
      this.#waiting = [...this.#asked.queries, ...this.#waiting];
      this.#asked = null;
    }
    this.#expireConfirmed(nowMs);
    const isOld = (query: Query) => nowMs - query.askedAtMs >= 2 * electionTimeoutMs;
    const old = this.#waiting.filter(isOld);
    if (old.length === 0) return;
    this.#waiting = this.#waiting.filter((query) => !isOld(query));
    fail(old, `no quorum confirmed the leader within ${2 * electionTimeoutMs} ms`);
  }

  /** Answers everything with an error. */
  failAll(error: () => RaftError): void {
    const queries = [
      ...this.#confirmed.flatMap((read) => read.queries),
      ...(this.#asked?.queries ?? []),
      ...this.#waiting,
      ...this.#stale.map(({ query }) => query),
    ];
    this.#stale = [];
    this.#confirmed = [];
    this.#confirmedCount = 0;
    this.#asked = null;
    this.#waiting = [];
    for (const query of queries) query.sink.queryFailed(query.requestId, error());
  }

  #confirm(readIndex: Index, queries: Query[]): void {
    this.#confirmed.push({ readIndex, queries, atMs: this.#options.clock.nowMs() });
    this.#confirmedCount += queries.length;
  }

  /** What is confirmed waits for entries, which may never come where the leader is gone. */
  #expireConfirmed(nowMs: number): void {
    const { electionTimeoutMs, appliedIndex } = this.#options;
    const waitMs = CONFIRMED_ELECTION_TIMEOUTS * electionTimeoutMs;
    while (this.#confirmed.length > 0 && nowMs - this.#confirmed[0]!.atMs >= waitMs) {
      const { queries, readIndex } = this.#confirmed.shift()!;
      this.#confirmedCount -= queries.length;
      fail(
        queries,
        `entry ${readIndex} was not applied here within ${waitMs} ms: the last is ` +
          `${appliedIndex()}`,
      );
    }
  }
}

function fail(queries: readonly Query[], why: string): void {
  for (const query of queries) {
    query.sink.queryFailed(query.requestId, new NoQuorumError(`Cannot serve the read: ${why}`));
  }
}

/**
 * Answers queries from the state as it is.
 *
 * @module
 */
import type { RaftError } from "../errors.ts";
import type { CommandGate } from "../state_machine/command_gate.ts";
import type { Index, LogTimeMs, NodeId } from "../types.ts";
import type { Consistency } from "../wire/client_messages.ts";
import type { DriverLoop } from "./driver_loop.ts";
import { staleReadError } from "./freshness.ts";
import type { Query } from "./reads.ts";

/** How fresh a query must be. */
export interface QueryFreshness {
  readonly consistency: Consistency;
  /** For a stale read: the oldest state that is good enough, in milliseconds; 0 for any. */
  readonly maxAgeMs: number;
}

/** How fresh a query is unless told otherwise. */
export const LINEARIZABLE: QueryFreshness = { consistency: "linearizable", maxAgeMs: 0 };

/** Asked for by a caller that wants to know when it would be answered, and no more. */
export const READ_POINT: Uint8Array = new Uint8Array(0);

/** What queries are answered from. */
export interface QueryServerOptions {
  readonly nodeId: NodeId;
  readonly gate: CommandGate;
  readonly appliedIndex: () => Index;
  readonly logTimeMs: () => LogTimeMs;
}

/** The queries of one node. */
export class QueryServer {
  readonly #options: QueryServerOptions;
  #refusal: RaftError | null = null;

  /** Creates the server. */
  constructor(options: QueryServerOptions) {
    this.#options = options;
  }

  /** Why no query is answered any more; null where they are. */
  get refusal(): RaftError | null {
    return this.#refusal;
  }

  /** The state is not to be trusted: every query is answered with this error from now on. */
  refuse(error: RaftError): void {
    this.#refusal = error;
  }

  /** Answers a query that is confirmed, or whose state is `ageMs` old. */
  serve(query: Query, ageMs = 0): void {
    if (this.#refusal !== null) {
      query.sink.queryFailed(query.requestId, this.#refusal);
      return;
    }
    const { nodeId, gate, appliedIndex, logTimeMs } = this.#options;
    query.sink.queryAnswered(query.requestId, {
      servedBy: nodeId,
      index: appliedIndex(),
      ageMs,
      result: query.query === READ_POINT
        ? READ_POINT
        : gate.query(query.query, { logTimeMs: logTimeMs() }),
    });
  }

  /** Answers a query from the state of a node where that is fresh enough: `maxAgeMs`, 0 for any. */
  serveStale(
    query: Query,
    driver: Pick<DriverLoop, "contact" | "staleQuery">,
    maxAgeMs: number,
  ): void {
    driver.staleQuery(query, () => {
      const ageMs = Math.ceil(driver.contact.stateAgeMs);
      const isFresh = ageMs !== Infinity && (maxAgeMs === 0 || ageMs <= maxAgeMs);
      if (isFresh) this.serve(query, ageMs);
      else query.sink.queryFailed(query.requestId, staleReadError(ageMs, maxAgeMs));
    });
  }
}

/**
 * A `Raft` as the backend of the service that answers clients.
 *
 * @module
 */
import type { Raft } from "../raft/raft.ts";
import type { LogTimeMs } from "../types.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import type {
  ClientAnswerSink,
  ClientBackend,
  LeaderHint,
  NodeStatus,
  QueryFreshness,
} from "./client_backend.ts";

/** Hands requests on. */
export class RaftBackend implements ClientBackend {
  readonly #raft: () => Raft;

  /** Creates a backend on the node that `raft` returns once it listens. */
  constructor(raft: () => Raft) {
    this.#raft = raft;
  }

  /** Takes a command. */
  propose(
    commandId: Uint8Array,
    command: Uint8Array,
    sink: ClientAnswerSink,
    requestId: number,
  ): void {
    this.#raft().proposeTo(commandId, command, sink, requestId);
  }

  /** Takes a query. */
  query(
    query: Uint8Array,
    freshness: QueryFreshness,
    sink: ClientAnswerSink,
    requestId: number,
  ): void {
    this.#raft().queryTo(query, freshness, sink, requestId);
  }

  /** What the node knows now. */
  status(): NodeStatus {
    return this.#raft().status();
  }

  /** Accepts or refuses a client. */
  helloReply(hello: Hello): HelloReply {
    return this.#raft().helloReply(hello);
  }

  /** The leader, as the node knows it. */
  leader(): LeaderHint | null {
    return this.#raft().leader;
  }

  /** The log time of the node. */
  logTimeMs(): LogTimeMs {
    return this.#raft().logTimeMs;
  }
}

/**
 * A `Raft` as the backend of the service that answers clients.
 *
 * @module
 */
import { InternalError } from "../client/client_errors.ts";
import { RaftError, RefusedError, StorageError } from "../errors.ts";
import { isDiskFull } from "../log/no_room_error.ts";
import type { SnapshotReader } from "../log/snapshot_store.ts";
import type { Raft } from "../raft/raft.ts";
import type { Index, LogTimeMs, NodeId, Term } from "../types.ts";
import type { ChangeMembershipRequest, Consistency } from "../wire/client_messages.ts";
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

  /** Changes the members. */
  changeMembership(
    request: Omit<ChangeMembershipRequest, "type" | "requestId">,
  ): Promise<{ readonly configurationIndex: Index }> {
    return this.#raft().changeMembership(request);
  }

  /** Hands leadership over. */
  transferLeadership(
    target: NodeId | null,
  ): Promise<{ readonly leaderId: NodeId; readonly term: Term }> {
    return this.#raft().transferLeadership(target);
  }

  /** Takes a snapshot; the node goes on without it where that fails. */
  async triggerSnapshot(): Promise<{ readonly index: Index }> {
    const { meta } = await typed(this.#raft().triggerSnapshot(), this.#raft().nodeId);
    return { index: meta.lastIncludedIndex };
  }

  /** Opens a snapshot for somebody who saves it elsewhere. */
  openSnapshot(consistency: Consistency): Promise<SnapshotReader> {
    return typed(this.#raft().openSnapshot(consistency), this.#raft().nodeId);
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

/** A client is told what went wrong with a disk too; the node goes on. */
async function typed<Result>(taken: Promise<Result>, nodeId: NodeId): Promise<Result> {
  try {
    return await taken;
  } catch (error) {
    if (error instanceof RaftError) throw error;
    if (error instanceof StorageError && isDiskFull(error.cause)) {
      throw new RefusedError(
        `Cannot take a snapshot as node ${nodeId} has no room for it: the node goes on without`,
        [error.message],
        {
          cause: error,
          fix: [`free room on the disk of node ${nodeId}, or enlarge it; then try again`],
        },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new InternalError(`Cannot take a snapshot: ${reason}`, "no", { cause: error });
  }
}

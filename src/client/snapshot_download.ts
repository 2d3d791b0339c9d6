/**
 * A snapshot of a node on its way here, over a connection of its own: so it is one snapshot from
 * its first byte to its last, or an error. A few pieces are asked for ahead, and no more before
 * they were taken: a slow taker slows the node's sending, and neither side holds much.
 *
 * @module
 */
import { assert } from "../assert.ts";
import {
  DeniedError,
  NoQuorumError,
  OverloadedError,
  ShutdownError,
  UnreachableError,
} from "../errors.ts";
import type { RaftError } from "../errors.ts";
import { BACKUP_READS_AHEAD, SNAPSHOT_SEND_BYTES_MAX } from "../limits.ts";
import type { Runtime, TlsOptions } from "../runtime/runtime.ts";
import type { Address, ClusterId, Index, NodeId, SnapshotId, Term } from "../types.ts";
import type {
  ClientAnswer,
  Consistency,
  ErrorAnswer,
  SnapshotDataAnswer,
} from "../wire/client_messages.ts";
import { answerError } from "./answer_error.ts";
import { ClientConnection } from "./client_connection.ts";
import { InternalError } from "./client_errors.ts";
import type { OutgoingRequest, SendFailure } from "./connection_request.ts";

/** How long a node that lives may take to answer with a piece, in milliseconds. */
const PIECE_TIMEOUT_MS = 30_000;

/** Where a snapshot is taken from. */
export interface SnapshotDownloadOptions {
  readonly address: Address;
  readonly clusterId: ClusterId | "";
  readonly clusterName: string;
  readonly tls?: TlsOptions;
  /** Whether it must hold what was acknowledged before; else, stale, what the node has applied. */
  readonly consistency: Consistency;
}

/** The snapshot that a node has opened. */
export interface SnapshotSource {
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly clusterId: ClusterId;
  readonly snapshotId: SnapshotId;
  /** The last entry that it covers. */
  readonly index: Index;
  /** The term of that entry. */
  readonly term: Term;
  /** The length of its file. */
  readonly totalBytes: number;
}

/** See the comment of this module. */
export class SnapshotDownload {
  /** What is on its way. */
  readonly source: SnapshotSource;
  readonly #link: Link;

  private constructor(link: Link, source: SnapshotSource) {
    this.#link = link;
    this.source = source;
  }

  /**
   * Connects, and has the node take and open a snapshot; waits for that as long as the node lives.
   *
   * @throws {RaftError} If it cannot.
   */
  static async open(runtime: Runtime, options: SnapshotDownloadOptions): Promise<SnapshotDownload> {
    const link = new Link(runtime, options);
    try {
      const { consistency } = options;
      const message = { type: "openSnapshot" as const, requestId: 0, consistency };
      const answer = await link.ask(message, Infinity);
      if (answer.type !== "snapshotOpened") throw unexpected(answer);
      const { type: _type, requestId: _id, ...opened } = answer;
      return new SnapshotDownload(link, { ...opened, address: options.address });
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /**
   * The bytes of the file, in order; to be drawn once. Ends with an error where the connection ends
   * before. What they are worth, who takes them verifies.
   */
  async *chunks(): AsyncGenerator<Uint8Array, void> {
    const { totalBytes } = this.source;
    const asked: Promise<SnapshotDataAnswer>[] = [];
    let askedBytes = 0;
    for (let at = 0; at < totalBytes;) {
      while (asked.length < BACKUP_READS_AHEAD && askedBytes < totalBytes) {
        const piece = this.#ask(askedBytes);
        // It is awaited later, perhaps never: then the first failure says it all.
        piece.catch(() => {});
        asked.push(piece);
        askedBytes += SNAPSHOT_SEND_BYTES_MAX;
      }
      const { offset, data } = await asked.shift()!;
      const wanted = Math.min(SNAPSHOT_SEND_BYTES_MAX, totalBytes - at);
      if (offset !== at || data.length !== wanted) {
        const what = `${data.length} bytes at ${offset}`;
        throw new InternalError(`Cannot use ${what}: want ${wanted} at ${at}`, "no");
      }
      at += data.length;
      yield data;
    }
    assert(asked.length === 0, () => `${asked.length} pieces were asked for in vain`);
  }

  /** Ends the connection; the node closes the snapshot. */
  close(): void {
    this.#link.close();
  }

  async #ask(offset: number): Promise<SnapshotDataAnswer> {
    const message = { type: "readSnapshot" as const, requestId: 0, offset };
    const answer = await this.#link.ask(message, PIECE_TIMEOUT_MS);
    if (answer.type !== "snapshotData") throw unexpected(answer);
    return answer;
  }
}

/** A connection for requests that are sent once. */
class Link {
  readonly #runtime: Runtime;
  readonly #address: Address;
  readonly #connection: ClientConnection;
  /** Why the connection ended. */
  #failure: SendFailure | null = null;

  constructor(runtime: Runtime, options: SnapshotDownloadOptions) {
    const { address, clusterId, clusterName, tls } = options;
    this.#runtime = runtime;
    this.#address = address;
    this.#connection = new ClientConnection(runtime, {
      address,
      clusterId,
      clusterName,
      ...(tls === undefined ? {} : { tls }),
      owner: {
        connectionOpened: () => {},
        connectionClosed: (failure) => this.#failure = failure,
      },
    });
  }

  /** Sends a request; rejects with what a refusal says, or with how the connection ended. */
  ask(message: OutgoingRequest, timeoutMs: number): Promise<ClientAnswer> {
    return new Promise((resolve, reject) => {
      const isSent = this.#connection.send({
        message,
        deadlineMs: this.#runtime.clock.nowMs() + timeoutMs,
        answered: (answer) => {
          if (answer.type === "errorAnswer") reject(refusal(answer));
          else resolve(answer);
        },
        failed: (failure) => reject(this.#lost(failure)),
      });
      const over = { kind: "lost", sent: false, reason: "the connection is over" } as const;
      if (!isSent) reject(this.#lost(this.#failure ?? over));
    });
  }

  close(): void {
    this.#connection.close();
  }

  #lost({ kind, reason }: SendFailure): RaftError {
    if (kind === "denied") return new DeniedError(`Refused by ${this.#address}: ${reason}`);
    const what = kind === "unreachable" ? "Cannot reach" : "Lost the connection to";
    return new UnreachableError(`${what} ${this.#address}: ${reason}`);
  }
}

function refusal(answer: ErrorAnswer): RaftError {
  const error = answerError(answer, {});
  if (error !== null) return error;
  if (answer.code === "overloaded") return new OverloadedError(answer.message);
  if (answer.code === "shutdown") return new ShutdownError(answer.message);
  return new NoQuorumError(answer.message);
}

function unexpected(answer: ClientAnswer): InternalError {
  return new InternalError(`Answered with a "${answer.type}"`, "no");
}

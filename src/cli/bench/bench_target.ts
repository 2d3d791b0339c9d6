/**
 * The operations of the benchmark on the client library. Commands are encoded here and results are
 * not decoded, so that one process can drive as much as a cluster takes.
 *
 * @module
 */
import { RaftClient } from "../../client/raft_client.ts";
import type { Consistency } from "../../wire/client_messages.ts";
import { encodeKvCommand, encodeKvQuery } from "../../wire/kv_codec.ts";
import { NO_CONDITION } from "../../wire/kv_messages.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { Address } from "../../types.ts";
import { benchKey } from "./bench_keys.ts";
import type { LoadSlot } from "./load_generator.ts";

/** How the target is reached. */
export interface BenchTargetOptions {
  readonly endpoints: readonly Address[];
  /** How many clients, each with connections of its own. */
  readonly clients: number;
  /** The time for each operation. */
  readonly timeoutMs: number;
  readonly consistency: Consistency;
  readonly maxAgeMs: number;
  readonly valueBytes: number;
  /** Called for each write that was acknowledged. */
  readonly onAcknowledged: ((keyNumber: number, index: number) => void) | null;
}

const LETTER_V = 118;

/** Puts and gets on several clients. */
export class BenchTarget {
  readonly #options: BenchTargetOptions;
  readonly #clients: RaftClient[];
  readonly #value: Uint8Array;

  /** Creates the clients; {@linkcode connect} dials. */
  constructor(runtime: Runtime, options: BenchTargetOptions) {
    const { endpoints, timeoutMs } = options;
    this.#options = options;
    this.#clients = Array.from(
      { length: options.clients },
      () => new RaftClient(runtime, { endpoints, timeoutMs }),
    );
    this.#value = new Uint8Array(options.valueBytes).fill(LETTER_V);
  }

  /** Finds the leader with every client, so that the measurement starts on open connections. */
  async connect(): Promise<void> {
    const { timeoutMs } = this.#options;
    await Promise.all(this.#clients.map((client) => client.leader({ timeoutMs })));
  }

  /** Writes key number `keyNumber`. */
  put(keyNumber: number, slot: LoadSlot): void {
    const { onAcknowledged } = this.#options;
    const command = encodeKvCommand({
      type: "put",
      key: benchKey(keyNumber),
      value: this.#value,
      condition: NO_CONDITION,
      returnPrevious: false,
    });
    const proposed = this.#clientOf(slot).propose(command);
    if (onAcknowledged === null) proposed.then(slot.succeeded, slot.failed);
    else {
      proposed.then(({ index }) => {
        onAcknowledged(keyNumber, index);
        slot.succeeded();
      }, slot.failed);
    }
  }

  /** Reads key number `keyNumber`. */
  get(keyNumber: number, slot: LoadSlot): void {
    const query = encodeKvQuery({ type: "get", key: benchKey(keyNumber) });
    this.#clientOf(slot).query(query, this.#options).then(slot.succeeded, slot.failed);
  }

  /** Closes every connection. */
  close(): void {
    for (const client of this.#clients) client.close();
  }

  #clientOf({ number }: LoadSlot): RaftClient {
    return this.#clients[number % this.#clients.length]!;
  }
}

import { RaftClient } from "../../../src/client/raft_client.ts";
import type { Runtime } from "../../../src/runtime/runtime.ts";
import { encodeGet, encodePlainPut } from "../../../src/wire/kv_hot_codec.ts";
import type { KeyValueAnswer, KeyValueConnection } from "../own_load.ts";

const TIMEOUT_MS = 60_000;

/** A client of this project's cluster whose gets are answered by one node, whoever leads. */
export class BoundClient implements KeyValueConnection {
  readonly #client: RaftClient;
  readonly #address: string;

  /** Creates it; nothing is dialed yet. */
  constructor(runtime: Runtime, address: string) {
    this.#client = new RaftClient(runtime, { endpoints: [address], timeoutMs: TIMEOUT_MS });
    this.#address = address;
  }

  /** Resolves when the node has answered. */
  async connected(): Promise<void> {
    await this.#client.status({ endpoint: this.#address });
  }

  /** Writes a key, at the leader. */
  put(key: Uint8Array, value: Uint8Array, { succeeded, failed }: KeyValueAnswer): void {
    this.#client.propose(encodePlainPut(key, value)).then(succeeded, failed);
  }

  /** Reads a key linearizably, at the node. */
  get(key: Uint8Array, valueBytes: number, { succeeded, failed }: KeyValueAnswer): void {
    this.#client.query(encodeGet(key), { endpoint: this.#address }).then(({ result }) => {
      if (result.length >= valueBytes) succeeded();
      else failed(new Error("The node did not find a key that was written"));
    }, failed);
  }

  /** What the node has now, without asking anybody else; resolves when it has answered. */
  async look(key: Uint8Array): Promise<void> {
    await this.#client.query(encodeGet(key), { consistency: "stale", endpoint: this.#address });
  }

  /** Ends the connection. */
  close(): void {
    this.#client.close();
  }
}

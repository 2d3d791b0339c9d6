import assert from "node:assert/strict";
import { type KeyValueClient, RaftError } from "../../../mod.ts";

/** What the cluster said of a write. */
interface Acknowledged {
  readonly value: string;
  readonly revision: number;
}

const decoder = new TextDecoder();

/**
 * Writes keys, each once and with a value of its own, until it is stopped, and records what the
 * cluster said of each. Afterwards `assertKept` compares all of it with what is there.
 */
export class KeyWriter {
  /** The writes that were answered, by key. */
  readonly acknowledged = new Map<string, Acknowledged>();
  /** The keys of writes that were refused as not applied. */
  readonly refused = new Set<string>();
  /** The keys of writes of unknown outcome. */
  readonly unknown = new Set<string>();
  readonly #store: KeyValueClient;
  readonly #prefix: string;
  #workers: Promise<void>[] = [];
  #isStopping = false;

  /** Starts at once: `count` writes are under way at any time, all keys begin with `prefix`. */
  constructor(store: KeyValueClient, { prefix, count }: { prefix: string; count: number }) {
    this.#store = store;
    this.#prefix = prefix;
    this.#workers = Array.from({ length: count }, (_, worker) => this.#work(worker));
  }

  /** Starts no more writes; resolves when those under way have their outcome. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  /**
   * Fails unless every write is as the cluster said: acknowledged ones there, refused ones not.
   *
   * @param endpoint The node to ask; whoever leads unless given.
   */
  async assertKept(store: KeyValueClient, endpoint?: string): Promise<void> {
    const found = new Map<string, Acknowledged>();
    const options = endpoint === undefined ? {} : { endpoint };
    for await (const { key, value, revision } of store.items(this.#prefix, options)) {
      found.set(decoder.decode(key), { value: decoder.decode(value), revision });
    }
    for (const [key, expected] of this.acknowledged) {
      assert.deepEqual(found.get(key), expected, `The acknowledged write of ${key} is lost`);
    }
    for (const key of this.refused) {
      assert.equal(found.has(key), false, `${key} is there, and was said not to be applied`);
    }
    const known = this.acknowledged.size + this.unknown.size;
    assert(found.size <= known, `Found ${found.size} keys, of ${known} that may be there`);
  }

  async #work(worker: number): Promise<void> {
    for (let number = 0; !this.#isStopping; number += 1) {
      const key = `${this.#prefix}${worker}/${number}`;
      const value = `${key} ${crypto.randomUUID()}`;
      try {
        const { revision } = await this.#store.put(key, value, { timeoutMs: 20_000 });
        this.acknowledged.set(key, { value, revision });
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        // The test is over, and closed the client.
        if (error.code === "shutdown") return;
        (error.applied === "no" ? this.refused : this.unknown).add(key);
      }
    }
  }
}

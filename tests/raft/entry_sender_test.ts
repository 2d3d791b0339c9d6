/** Entries that are read from storage, and what happens to the leadership meanwhile. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Input } from "../../src/consensus/input.ts";
import type { SendEntries } from "../../src/consensus/effects.ts";
import type { Message } from "../../src/consensus/messages.ts";
import type { Log, RecordBatch } from "../../src/log/log.ts";
import { EntrySender } from "../../src/raft/entry_sender.ts";
import { TailCache } from "../../src/raft/tail_cache.ts";
import type { Transport } from "../../src/transport/transport.ts";
import type { Term } from "../../src/types.ts";

const BATCH: RecordBatch = { firstIndex: 3, lastIndex: 4, bytes: new Uint8Array(96) };

const EFFECT: SendEntries = {
  to: 2,
  lastIndex: 4,
  message: {
    type: "appendEntriesRequest",
    term: 7,
    prevLogIndex: 2,
    prevLogTerm: 6,
    leaderCommit: 2,
    readSequence: 0,
    session: 0,
    provenToken: 0,
    entries: null,
  },
};

/** A sender of a leader of term 7 whose cache is empty: entries come from the log, when told to. */
class SenderWorld {
  readonly messages: Message[] = [];
  readonly inputs: Input[] = [];
  leadingTerm: Term | null = 7;
  readonly #read: Promise<RecordBatch>;
  #settle: (error: Error | undefined) => void = () => {};

  constructor() {
    this.#read = new Promise((resolve, reject) => {
      this.#settle = (error) => error === undefined ? resolve(BATCH) : reject(error);
    });
    const log = { firstIndex: 1, lastIndex: 4, read: () => this.#read };
    const transport = {
      isConnected: () => true,
      send: (_: number, message: Message) => void this.messages.push(message),
      flush: () => {},
    };
    const sender = new EntrySender({
      log: log as unknown as Log,
      cache: new TailCache(1),
      transport: transport as unknown as Transport,
      appendBytesMax: 1_000,
      leadingTerm: () => this.leadingTerm,
      sent: (input) => void this.inputs.push(input),
      failed: (error) => assert.fail(error),
    });
    sender.send(EFFECT);
    assert.deepEqual(this.messages, []);
  }

  /** The read is done, or fails. */
  async complete(error?: Error): Promise<void> {
    this.#settle(error);
    await this.#read.catch(() => {});
    await Promise.resolve();
  }
}

describe("EntrySender", () => {
  it("sends what it has read, and says how far that goes", async () => {
    const world = new SenderWorld();
    await world.complete();
    const [message] = world.messages;
    assert.ok(message?.type === "appendEntriesRequest");
    assert.deepEqual([message.entries?.firstIndex, message.entries?.lastIndex], [3, 4]);
    assert.deepEqual(world.inputs, [{ type: "sent", peer: 2, term: 7, lastIndex: 4, bytes: 96 }]);
  });

  it("sends nothing under a term that was over when the entries were read", async () => {
    for (const leadingTerm of [null, 9]) {
      const world = new SenderWorld();
      world.leadingTerm = leadingTerm;
      await world.complete();
      assert.deepEqual(world.messages, [], "the log may be another leader's by now");
      assert.equal(world.inputs.length, 1, "the core waits to hear that the send is over");
    }
  });

  it("takes no harm from a read that fails as the log was replaced", async () => {
    const world = new SenderWorld();
    world.leadingTerm = null;
    await world.complete(new Error("gone"));
    assert.deepEqual(world.inputs, [{ type: "sent", peer: 2, term: 7, lastIndex: 2, bytes: 0 }]);
  });
});

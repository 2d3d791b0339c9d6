/**
 * The built-in state machine: keys with values, revisions and conditions, in the order of the keys'
 * bytes. Commands, queries and answers are the messages of wire/kv_messages.ts.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { Index } from "../types.ts";
import { decodeKvCommand, decodeKvQuery, encodeKvResult } from "../wire/kv_codec.ts";
import type { KvCommand, KvQuery, KvResult } from "../wire/kv_messages.ts";
import { applyKeyValueCommand, invalidResult } from "./key_value_commands.ts";
import { answerKeyValueQuery } from "./key_value_queries.ts";
import { encodeKeyValueStore, restoreKeyValueStore } from "./key_value_snapshot.ts";
import { KeyValueTable } from "./key_value_table.ts";
import type { ApplyContext, StateMachine } from "./state_machine.ts";

// The texts say nothing of where the bytes are wrong: answers are replicated state, and builds that
// explain a fault in other words must not differ in it.
const UNKNOWN_COMMAND: KvResult = invalidResult("The command cannot be decoded");
const UNKNOWN_QUERY: KvResult = invalidResult("The query cannot be decoded");

/**
 * The key-value store.
 *
 * @example
 * ```ts
 * import { decodeKvResult, encodeKvCommand } from "../wire/kv_codec.ts";
 * import { NO_CONDITION } from "../wire/kv_messages.ts";
 * import { KeyValueStore } from "./key_value_store.ts";
 *
 * const store = new KeyValueStore();
 * const put = encodeKvCommand({
 *   type: "put",
 *   key: new TextEncoder().encode("color"),
 *   value: new TextEncoder().encode("red"),
 *   condition: NO_CONDITION,
 *   returnPrevious: false,
 * });
 * const answer = store.apply(put, { index: 7, term: 1, logTimeMs: 0 });
 * console.log(decodeKvResult(answer)); // { type: "put", revision: 7, created: true, … }
 * ```
 */
export class KeyValueStore implements StateMachine {
  #table = new KeyValueTable();
  /** The index of the last command that was applied, whatever it was answered. */
  #revision: Index = 0;

  /** How many keys there are. */
  get keyCount(): number {
    return this.#table.count;
  }

  /** Applies a command; see {@linkcode StateMachine.apply}. */
  apply(bytes: Uint8Array, context: ApplyContext): Uint8Array {
    const revision = this.#revision = context.index;
    let command: KvCommand;
    try {
      command = decodeKvCommand(bytes);
    } catch (error) {
      if (error instanceof ProtocolError) return encodeKvResult(UNKNOWN_COMMAND);
      throw error;
    }
    return encodeKvResult(applyKeyValueCommand(this.#table, { command, revision }));
  }

  /** Answers a query; see {@linkcode StateMachine.query}. */
  query(bytes: Uint8Array): Uint8Array {
    let query: KvQuery;
    try {
      query = decodeKvQuery(bytes);
    } catch (error) {
      if (error instanceof ProtocolError) return encodeKvResult(UNKNOWN_QUERY);
      throw error;
    }
    return encodeKvResult(answerKeyValueQuery(this.#table, { query, revision: this.#revision }));
  }

  /** The state as it is now; see {@linkcode StateMachine.takeSnapshot}. */
  takeSnapshot(): Iterator<Uint8Array, void> {
    return encodeKeyValueStore(this.#table.view(), this.#revision);
  }

  /** Replaces the state; where it rejects, the state is as before. */
  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { table, revision } = await restoreKeyValueStore(chunks);
    this.#table = table;
    this.#revision = revision;
  }
}

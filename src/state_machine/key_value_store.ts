/**
 * The built-in state machine: keys with values, revisions and conditions, in the order of the keys'
 * bytes, and leases that expire keys. Commands, queries and answers are the messages of
 * wire/kv_messages.ts.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { Index, LogTimeMs } from "../types.ts";
import {
  decodeKvCommand,
  decodeKvQuery,
  encodeKvResult,
  isNewerKvCommand,
} from "../wire/kv_codec.ts";
import { type PlainPut, readPlainPut } from "../wire/kv_hot_codec.ts";
import type { KvCommand, KvQuery, KvResult } from "../wire/kv_messages.ts";
import { UnknownMemberError } from "../wire/message_check.ts";
import { fromByteString } from "./byte_string.ts";
import { finishHash, HASH_SEED, hashInteger } from "./content_hash.ts";
import { applyKeyValueCommand, applyPlainPut } from "./key_value_commands.ts";
import { invalidResult } from "./key_value_lease_commands.ts";
import { KeyValueLeases } from "./key_value_leases.ts";
import { answerKeyValueQuery } from "./key_value_queries.ts";
import { encodeKeyValueStore, restoreKeyValueStore } from "./key_value_snapshot.ts";
import { KeyValueTable } from "./key_value_table.ts";
import { newerCommandError } from "./newer_command_error.ts";
import type { ApplyContext, QueryContext, StateHash, StateMachine } from "./state_machine.ts";

// The texts say nothing of where the bytes are wrong: answers are replicated state, and builds that
// explain a fault in other words must not differ in it.
const UNKNOWN_COMMAND: KvResult = invalidResult("The command cannot be decoded");
const NEWER_COMMAND = "This version of the program does not know the command";
/** Another one where the same state has another hash: see {@linkcode StateHash.version}. */
const HASH_VERSION = 2;
const AT_LAST_ENTRY: QueryContext = { logTimeMs: 0 };
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
  #data = { table: new KeyValueTable(), leases: new KeyValueLeases() };
  /** The index of the last command or tick that was applied, whatever it was answered. */
  #revision: Index = 0;
  /** Reused for every put. */
  readonly #place: PlainPut = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0 };
  readonly #removeKey = (key: string): void => {
    const { table } = this.#data;
    table.delete(table.find(fromByteString(key)));
  };

  /** How many keys there are. */
  get keyCount(): number {
    return this.#data.table.count;
  }

  /** How many leases there are. */
  get leaseCount(): number {
    return this.#data.leases.count;
  }

  /**
   * Applies a command; see {@linkcode StateMachine.apply}.
   *
   * @throws {BadDataError} If only a newer program knows the command: this node must stop.
   */
  apply(bytes: Uint8Array, context: ApplyContext): Uint8Array {
    const revision = this.#revision = context.index;
    this.#data.leases.advance(context.logTimeMs, this.#removeKey);
    const place = this.#place;
    if (readPlainPut(bytes, place)) {
      const answer = applyPlainPut(this.#data, { command: bytes, place, revision });
      if (answer !== null) return answer;
    }
    let command: KvCommand;
    try {
      command = decodeKvCommand(bytes);
    } catch (error) {
      if (error instanceof UnknownMemberError) {
        throw newerCommandError(revision, "a command of the key-value store");
      }
      if (error instanceof ProtocolError) return encodeKvResult(UNKNOWN_COMMAND);
      throw error;
    }
    return encodeKvResult(applyKeyValueCommand(this.#data, { command, revision }));
  }

  /** Keeps commands that only a newer program knows out of the log. */
  refusal(bytes: Uint8Array): string | null {
    return isNewerKvCommand(bytes) ? NEWER_COMMAND : null;
  }

  /** When the next key or lease expires; see {@linkcode StateMachine.nextDeadlineMs}. */
  nextDeadlineMs(): LogTimeMs | null {
    const deadlineMs = this.#data.leases.nextDeadlineMs;
    return deadlineMs === Infinity ? null : deadlineMs;
  }

  /** Removes what has expired; see {@linkcode StateMachine.tick}. */
  tick(context: ApplyContext): void {
    this.#revision = context.index;
    this.#data.leases.advance(context.logTimeMs, this.#removeKey);
  }

  /** Answers a query; see {@linkcode StateMachine.query}. */
  query(bytes: Uint8Array, context: QueryContext = AT_LAST_ENTRY): Uint8Array {
    let query: KvQuery;
    try {
      query = decodeKvQuery(bytes);
    } catch (error) {
      if (error instanceof ProtocolError) return encodeKvResult(UNKNOWN_QUERY);
      throw error;
    }
    const nowMs = Math.max(context.logTimeMs, this.#data.leases.nowMs);
    return encodeKvResult(
      answerKeyValueQuery(this.#data, { query, revision: this.#revision, nowMs }),
    );
  }

  /** A hash of all keys and leases; see {@linkcode StateMachine.stateHash}. */
  stateHash(): StateHash {
    const { table, leases } = this.#data;
    let hash = hashInteger(HASH_SEED, this.#revision);
    hash = hashInteger(hash, leases.nowMs);
    hash = hashInteger(hash, table.count);
    hash = hashInteger(hash, table.hash);
    hash = hashInteger(hash, leases.hash);
    return { version: HASH_VERSION, value: finishHash(hash) >>> 0 };
  }

  /** The state as it is now; see {@linkcode StateMachine.takeSnapshot}. */
  takeSnapshot(): Iterator<Uint8Array, void> {
    const { table, leases } = this.#data;
    const entries = table.view();
    const chunks = encodeKeyValueStore({
      entries,
      leases: leases.view(),
      nowMs: leases.nowMs,
      revision: this.#revision,
    });
    // A generator that was never started would not end the view.
    return {
      next: () => chunks.next(),
      return: () => {
        entries.close();
        return chunks.return();
      },
    };
  }

  /** Replaces the state; where it rejects, the state is as before. */
  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { table, leases, revision } = await restoreKeyValueStore(chunks);
    this.#data = { table, leases };
    this.#revision = revision;
  }
}

/**
 * The commands, queries and results of the built-in key-value state machine, as data. Keys are
 * 1 byte to KEY_BYTES_MAX, values 0 bytes to VALUE_BYTES_MAX; both are any bytes. A revision is the
 * index of the log entry that wrote, 0 for "never".
 *
 * @module
 */
import type { Index } from "../types.ts";

/** What must hold of a key for a command to take effect. */
export type KvCondition =
  | { readonly type: "none" }
  /** The key has this revision; 0: it does not exist. */
  | { readonly type: "revision"; readonly revision: Index }
  /** The key exists and holds exactly these bytes. */
  | { readonly type: "value"; readonly value: Uint8Array }
  | { readonly type: "absent" }
  | { readonly type: "present" };

/** No condition: the command always takes effect. */
export const NO_CONDITION: KvCondition = { type: "none" };

/** Sets a key. */
export interface KvPut {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly condition: KvCondition;
  /** Whether to answer with what the key held before. */
  readonly returnPrevious: boolean;
}

/** Removes a key. */
export interface KvDelete {
  readonly type: "delete";
  readonly key: Uint8Array;
  readonly condition: KvCondition;
}

/** Removes every key that starts with `prefix`, which may be empty. */
export interface KvDeletePrefix {
  readonly type: "deletePrefix";
  readonly prefix: Uint8Array;
  /** True to count and change nothing. */
  readonly dryRun: boolean;
}

/** Adds to a key that holds a decimal integer; a missing key counts as 0. */
export interface KvIncrement {
  readonly type: "increment";
  readonly key: Uint8Array;
  /** An integer within ±(2^53 − 1). */
  readonly amount: number;
}

/** What changes the state. */
export type KvCommand = KvPut | KvDelete | KvDeletePrefix | KvIncrement;

/** Reads one key. */
export interface KvGet {
  readonly type: "get";
  readonly key: Uint8Array;
}

/** Reads keys with a prefix, ascending byte by byte. */
export interface KvList {
  readonly type: "list";
  /** May be empty: every key. */
  readonly prefix: Uint8Array;
  /** Only keys greater than this one; empty for all. */
  readonly after: Uint8Array;
  /** The most items in the answer; 0 for the state machine's own limit. */
  readonly limit: number;
  /** Whether items carry values. */
  readonly withValues: boolean;
}

/** What reads the state. */
export type KvQuery = KvGet | KvList;

/** A key and what is known of it. */
export interface KvItem {
  /** Empty where the question named it. */
  readonly key: Uint8Array;
  /** Empty where it was not asked for. */
  readonly value: Uint8Array;
  /** The index that last wrote it. */
  readonly revision: Index;
  /** The index that created it. */
  readonly createRevision: Index;
  /** How often it was written since then, from 1 on. */
  readonly version: number;
}

/** The key was set. */
export interface KvPutResult {
  readonly type: "put";
  /** The revision that the key has now: the index of the command. */
  readonly revision: Index;
  /** True if it did not exist before. */
  readonly created: boolean;
  /** What it held before, where that was asked for and it existed; else null. */
  readonly previous: KvItem | null;
}

/** Keys were removed, or (dry run) would be. */
export interface KvDeleteResult {
  readonly type: "delete";
  /** The index of the command. */
  readonly revision: Index;
  /** How many, 0 where there were none. */
  readonly count: number;
}

/** The key was counted up or down. */
export interface KvIncrementResult {
  readonly type: "increment";
  /** The revision that the key has now: the index of the command. */
  readonly revision: Index;
  /** What it holds now, an integer within ±(2^53 − 1). */
  readonly value: number;
}

/** The condition did not hold and nothing was changed. */
export interface KvConditionFailed {
  readonly type: "conditionFailed";
  /** The revision of the key, 0 where it does not exist. */
  readonly revision: Index;
  /** What the key holds (its `key` is empty), or null where it does not exist. */
  readonly current: KvItem | null;
}

/** The command or query cannot be carried out: it changed nothing. */
export interface KvInvalid {
  readonly type: "invalid";
  /** Why, for people, such as an increment beyond 2^53 − 1 or of a value that is no integer. */
  readonly message: string;
}

/** One key. */
export interface KvGetResult {
  readonly type: "get";
  readonly found: boolean;
  /** The revision of the key; 0 where it was not found, and so are the next two. */
  readonly revision: Index;
  readonly createRevision: Index;
  readonly version: number;
  /** What it holds; empty where it was not found. */
  readonly value: Uint8Array;
}

/** Keys, ascending. */
export interface KvListResult {
  readonly type: "list";
  /** The last index that was applied when this was read. */
  readonly revision: Index;
  readonly items: readonly KvItem[];
  /** True if there is more behind the last item. */
  readonly more: boolean;
}

/** The answer to a command or a query. */
export type KvResult =
  | KvPutResult
  | KvDeleteResult
  | KvIncrementResult
  | KvConditionFailed
  | KvInvalid
  | KvGetResult
  | KvListResult;

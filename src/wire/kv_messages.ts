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

/** What lets a key go away by itself. */
export type KvLifetime =
  /** The key lives so many milliseconds of log time, from 1 on. */
  | { readonly type: "ttl"; readonly ttlMs: number }
  /** The key lives as long as this lease. */
  | { readonly type: "lease"; readonly leaseId: Index };

/** Sets a key. Whatever was to expire it before does so no more. */
export interface KvPut {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly condition: KvCondition;
  /** Whether to answer with what the key held before. */
  readonly returnPrevious: boolean;
  /** Until when the key lives; until it is deleted where this is missing. */
  readonly lifetime?: KvLifetime;
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

/** Creates a lease, whose id is the index of the command. */
export interface KvLeaseGrant {
  readonly type: "leaseGrant";
  /** How long it lives after each keep-alive, in milliseconds of log time, from 1 on. */
  readonly ttlMs: number;
}

/** Lets a lease live for its full time from now on. */
export interface KvLeaseKeepAlive {
  readonly type: "leaseKeepAlive";
  readonly leaseId: Index;
}

/** Ends a lease and removes its keys. */
export interface KvLeaseRevoke {
  readonly type: "leaseRevoke";
  readonly leaseId: Index;
}

/** A command about a lease that is there. */
export type KvLeaseChange = KvLeaseKeepAlive | KvLeaseRevoke;

/** What changes the state. */
export type KvCommand =
  | KvPut
  | KvDelete
  | KvDeletePrefix
  | KvIncrement
  | KvLeaseGrant
  | KvLeaseChange;

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

/** Reads one lease and its keys. */
export interface KvLeaseQuery {
  readonly type: "lease";
  readonly leaseId: Index;
  /** Only keys greater than this one; empty for all. */
  readonly after: Uint8Array;
  /** The most keys in the answer; 0 for the state machine's own limit. */
  readonly limit: number;
}

/** Reads the leases, ascending by id. */
export interface KvLeasesQuery {
  readonly type: "leases";
  /** Only those with a greater id; 0 for all. */
  readonly afterId: Index;
  /** The most leases in the answer; 0 for the state machine's own limit. */
  readonly limit: number;
}

/** What reads the state. */
export type KvQuery = KvGet | KvList | KvLeaseQuery | KvLeasesQuery;

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

/** A lease and what is known of it. */
export interface KvLease {
  /** The index of the command that granted it. */
  readonly id: Index;
  /** How long it lives after each keep-alive, in milliseconds of log time. */
  readonly ttlMs: number;
  /** How long it still lives unless it is kept alive; 0 where its end is due. */
  readonly remainingMs: number;
  /** How many keys belong to it. */
  readonly keyCount: number;
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

/** One lease: as it is now, or as the command left it. */
export interface KvLeaseResult {
  readonly type: "lease";
  /** The last index that was applied. */
  readonly revision: Index;
  readonly lease: KvLease;
  /** Its keys without their values, ascending; none in the answer to a command. */
  readonly items: readonly KvItem[];
  /** True if there are more behind the last item. */
  readonly more: boolean;
}

/** Leases, ascending by id. */
export interface KvLeasesResult {
  readonly type: "leases";
  /** The last index that was applied. */
  readonly revision: Index;
  readonly leases: readonly KvLease[];
  /** True if there are more behind the last one. */
  readonly more: boolean;
}

/** There is no such lease: nothing was changed. */
export interface KvLeaseNotFound {
  readonly type: "leaseNotFound";
  /** The last index that was applied. */
  readonly revision: Index;
  readonly leaseId: Index;
}

/** The answer to a command or a query. */
export type KvResult =
  | KvPutResult
  | KvDeleteResult
  | KvIncrementResult
  | KvConditionFailed
  | KvInvalid
  | KvGetResult
  | KvListResult
  | KvLeaseResult
  | KvLeasesResult
  | KvLeaseNotFound;

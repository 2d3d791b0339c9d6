/**
 * Takes snapshots of the state machine, each node on its own, and lets the log forget what they
 * cover.
 *
 * A snapshot begins between two stretches of entries that are applied, so that it is the state at
 * exactly one index. Taking the view costs next to nothing (copy on write); the store draws it in
 * short slices while commands go on being applied.
 *
 * A failure (a full disk, a state machine that throws) harms nothing: the log stays as it is, a
 * line says so, and the next try comes a while later.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { InvalidRequestError, ShutdownError } from "../errors.ts";
import {
  SNAPSHOT_BYTES_DEFAULT,
  SNAPSHOT_BYTES_LARGE,
  SNAPSHOT_EVERY_DEFAULT,
  TRAILING_ENTRIES_DEFAULT,
} from "../limits.ts";
import type { Log } from "../log/log.ts";
import type { SnapshotStore, StoredSnapshot } from "../log/snapshot_store.ts";
import type { Logger } from "../observability/logger.ts";
import type { SnapshotReadings } from "../observability/node_readings.ts";
import type { Clock, Random } from "../runtime/runtime.ts";
import type { CommandGate } from "../state_machine/command_gate.ts";
import type { ClusterId, Index } from "../types.ts";
import type { AppliedPosition } from "./apply_loop.ts";
import { randomHexId } from "./random_id.ts";

/** How long after a failure the next snapshot is tried by itself, in milliseconds. */
const RETRY_AFTER_MS = 60_000;

/** Where snapshots go, and when they are taken. */
export interface SnapshotSettings {
  readonly store: SnapshotStore;
  readonly clusterId: ClusterId;
  readonly logger: Logger;
  /** See the options of the same names in raft_options.ts. */
  readonly snapshotEvery?: number;
  readonly snapshotBytes?: number;
  readonly trailingEntries?: number;
}

/**
 * How many times as many entries as there are between two snapshots the log keeps for the sake of a
 * follower that is slow; one that is slower gets a snapshot.
 */
const SLOW_FOLLOWER_SNAPSHOTS = 10;

/** What a taker works with. */
export interface SnapshotTakerOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly gate: CommandGate;
  readonly snapshots: SnapshotSettings;
  /** What is in the state machine already. */
  readonly appliedPosition: AppliedPosition;
  /** Whether a snapshot of the leader's replaces the state, of which none may be taken then. */
  readonly isRestoring: () => boolean;
  /** How far the log may be compacted without harm to a follower that keeps up. */
  readonly compactableIndex: () => Index;
  /** Called when the log no longer holds the entries up to `index`. */
  readonly compacted: (index: Index) => void;
  /** Called when the log failed: it is unusable. */
  readonly failed: (error: Error) => void;
}

/** Somebody who asked for a snapshot. */
interface Waiter {
  readonly resolve: (snapshot: StoredSnapshot) => void;
  readonly reject: (error: Error) => void;
}

/** See the comment of this module. */
export class SnapshotTaker {
  readonly #options: SnapshotTakerOptions;
  readonly #everyEntries: number;
  readonly #everyBytes: number;
  /** How many of the entries that a snapshot covers stay in the log, for followers that lag. */
  readonly #trailingEntries: number;
  #position: AppliedPosition;
  /** What had been applied when the last snapshot was begun, taken or not. */
  #since: { readonly index: Index; readonly appliedBytes: number };
  #isTaking = false;
  #isStopped = false;
  #notBeforeMs = -Infinity;
  /** Those who want a snapshot that begins from now on. */
  #waiters: Waiter[] = [];
  readonly #counts = { taken: 0, takenSeconds: 0, failed: 0, lastFailed: false };

  /** Starts where the state machine stands. */
  constructor(options: SnapshotTakerOptions) {
    const { snapshotEvery, snapshotBytes, trailingEntries } = options.snapshots;
    this.#options = options;
    this.#everyEntries = snapshotEvery ?? SNAPSHOT_EVERY_DEFAULT;
    this.#everyBytes = snapshotBytes ?? SNAPSHOT_BYTES_DEFAULT;
    this.#trailingEntries = trailingEntries ?? TRAILING_ENTRIES_DEFAULT;
    assert(this.#everyEntries >= 1, () => `a snapshot every ${this.#everyEntries} entries`);
    assert(this.#trailingEntries >= 0, () => `${this.#trailingEntries} trailing entries`);
    this.#position = options.appliedPosition;
    this.#since = this.#position;
  }

  /** What became of the snapshots so far. */
  get readings(): Pick<SnapshotReadings, "taken" | "takenSeconds" | "failed" | "lastFailed"> {
    return { ...this.#counts };
  }

  /**
   * Notes how far the state machine is, between two stretches of entries; begins a snapshot where
   * one is due.
   */
  applied(position: AppliedPosition): void {
    this.#position = position;
    this.#beginForWaiters();
    if (this.#isTaking || this.#isStopped || !this.#isDue(position)) return;
    this.#begin();
  }

  /** A snapshot of the leader's replaced the state: the next one is due so much later. */
  restored(position: AppliedPosition): void {
    this.#position = position;
    this.#since = position;
    this.#beginForWaiters();
  }

  /**
   * Takes a snapshot of what is applied now, or tells the newest one if it is that.
   *
   * @throws {InvalidRequestError} If nothing is applied yet.
   * @throws {StorageError} If it could not be written.
   */
  trigger(): Promise<StoredSnapshot> {
    if (this.#isStopped) return Promise.reject(stopping());
    const { latest } = this.#options.snapshots.store;
    if (latest !== null && latest.meta.lastIncludedIndex >= this.#position.index) {
      return Promise.resolve(latest);
    }
    if (this.#position.index === 0) {
      const message = "Cannot take a snapshot as nothing was applied yet: want an entry";
      return Promise.reject(new InvalidRequestError(message));
    }
    return this.#wait();
  }

  /**
   * Takes a snapshot in the place of one that is of no use, also where nothing was applied since.
   *
   * @throws {StorageError} If it could not be written.
   */
  replace(unusable: StoredSnapshot): Promise<StoredSnapshot> {
    if (this.#isStopped) return Promise.reject(stopping());
    const { latest } = this.#options.snapshots.store;
    if (latest !== null && latest !== unusable) return Promise.resolve(latest);
    return this.#wait();
  }

  /** Begins nothing more; whoever waits is told. What is written ends with its store. */
  stop(): void {
    this.#isStopped = true;
    for (const { reject } of this.#waiters.splice(0)) reject(stopping());
  }

  #isDue({ index, appliedBytes }: AppliedPosition): boolean {
    const isDue = index - this.#since.index >= this.#everyEntries ||
      appliedBytes - this.#since.appliedBytes >= this.#everyBytes;
    return isDue && this.#pays(appliedBytes) && this.#options.clock.nowMs() >= this.#notBeforeMs;
  }

  /**
   * A large state is not written anew for a few entries: the log may grow as large as the last
   * snapshot before the next one, so that snapshots at most double what is written.
   */
  #pays(appliedBytes: number): boolean {
    const bytes = this.#options.snapshots.store.latest?.totalBytes ?? 0;
    if (bytes < SNAPSHOT_BYTES_LARGE) return true;
    return appliedBytes - this.#since.appliedBytes >= bytes;
  }

  #begin(): void {
    assert(!this.#isTaking, "a snapshot is being taken");
    this.#isTaking = true;
    const waiters = this.#waiters.splice(0);
    const { logger } = this.#options.snapshots;
    this.#take().then((snapshot) => {
      for (const { resolve } of waiters) resolve(snapshot);
    }, (cause) => {
      const error = cause instanceof Error ? cause : new Error("Cannot take it", { cause });
      for (const { reject } of waiters) reject(this.#isStopped ? stopping() : error);
      if (this.#isStopped) return;
      this.#notBeforeMs = this.#options.clock.nowMs() + RETRY_AFTER_MS;
      this.#counts.failed += 1;
      this.#counts.lastFailed = true;
      logger.error("Could not take a snapshot: the log stays as it is", { reason: error.message });
    }).then(() => {
      this.#isTaking = false;
      this.#beginForWaiters();
    });
  }

  /** Resolves to a snapshot that begins from now on. */
  #wait(): Promise<StoredSnapshot> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#beginForWaiters();
    });
  }

  #beginForWaiters(): void {
    if (this.#waiters.length === 0 || this.#isTaking || this.#isStopped) return;
    // They are served once the state is whole again.
    if (!this.#options.isRestoring()) this.#begin();
  }

  async #take(): Promise<StoredSnapshot> {
    const { clock, gate, random, snapshots } = this.#options;
    const { store, logger, clusterId } = snapshots;
    const { index, term, logTimeMs, appliedBytes, configuration } = this.#position;
    assert(configuration !== null, () => `no configuration was applied up to ${index}`);
    assert(configuration.index <= index, () => `configuration ${configuration.index} at ${index}`);
    this.#since = { index, appliedBytes };
    const startMs = clock.nowMs();
    const meta = {
      snapshotId: randomHexId(random),
      clusterId,
      lastIncludedIndex: index,
      lastIncludedTerm: term,
      logTimeMs,
      configurationIndex: configuration.index,
      configuration: configuration.configuration,
    };
    let snapshot: StoredSnapshot;
    try {
      snapshot = await store.write(meta, gate.takeSnapshot());
    } catch (error) {
      // One of the leader's that came meanwhile covers more.
      const { latest } = store;
      if (latest !== null && latest.meta.lastIncludedIndex > index) return latest;
      throw error;
    }
    const durationMs = Math.round(clock.nowMs() - startMs);
    this.#counts.taken += 1;
    this.#counts.takenSeconds += durationMs / 1000;
    this.#counts.lastFailed = false;
    logger.info("Took a snapshot", { index, bytes: snapshot.totalBytes, durationMs });
    await this.#compact(index);
    return snapshot;
  }

  /** Lets the log forget what is covered up to `index`, but for the trailing entries. */
  async #compact(index: Index): Promise<void> {
    const { log, compactableIndex, compacted, failed } = this.#options;
    const patience = index - SLOW_FOLLOWER_SNAPSHOTS * this.#everyEntries;
    const allowed = Math.max(compactableIndex(), patience);
    const firstIndexKept = Math.min(index - this.#trailingEntries, allowed) + 1;
    const before = log.firstIndex;
    if (this.#isStopped || firstIndexKept <= before) return;
    try {
      await log.truncatePrefix(firstIndexKept);
    } catch (error) {
      if (!this.#isStopped) failed(error as Error);
      return;
    }
    if (log.firstIndex > before && !this.#isStopped) compacted(log.firstIndex - 1);
  }
}

function stopping(): ShutdownError {
  return new ShutdownError("Cannot take a snapshot as the node is stopping");
}

/**
 * One consensus core with a log, a disk and timers that a test moves by hand. It performs effects
 * in the order that effects.ts writes down, and nothing happens before the test says so: a sync
 * completes, entries are fetched and timers fire when their method is called.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { Consensus } from "../consensus/consensus.ts";
import type {
  ChangeOutcome,
  Effects,
  ReadOutcome,
  Refusal,
  RoundPromised,
  RoundStarted,
  SendEntries,
  SendSnapshot,
  TransferOutcome,
} from "../consensus/effects.ts";
import type { Input, Timer } from "../consensus/input.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import type { InstallSnapshotRequest, Message } from "../consensus/messages.ts";
import { memberOf } from "../consensus/quorum.ts";
import type { Configuration, Index, InstanceId, NodeId, Term } from "../types.ts";
import {
  configurationOf,
  configurationsOf,
  type CoreEntry,
  type CoreSnapshot,
  entriesToAppend,
  sliceOf,
  termRunsOf,
} from "./core_log.ts";
import {
  type CoreStorage,
  durableEntry,
  emptyStorage,
  logIsObsolete,
  store,
  type StoredChange,
} from "./core_storage.ts";

interface UnsyncedRecord {
  readonly sequence: number;
  readonly changes: readonly StoredChange[];
}

/** A snapshot on its way, as one chunk. */
interface CoreSnapshotRequest extends InstallSnapshotRequest {
  readonly snapshot: CoreSnapshot;
}

/** Who is told what a node does. */
export interface CoreObserver {
  /** A message leaves the node. */
  sent(node: CoreNode, to: NodeId, message: Message): void;
  /** An entry was put into the log, not durable yet. */
  appended(node: CoreNode, index: Index): void;
  /** A snapshot replaced the log. */
  installed(node: CoreNode): void;
  /** Entries may be applied; they are, at once. */
  applied(node: CoreNode, index: Index): void;
  /** A read ended. */
  readEnded(node: CoreNode, outcome: ReadOutcome): void;
  /** An input was taken; what follows from it was not performed yet. */
  stepped(node: CoreNode, input: Input): void;
  /** All effects were performed: log and core agree. */
  performed(node: CoreNode): void;
}

/** How a node starts and how its driver behaves. */
export interface CoreNodeOptions {
  readonly id: NodeId;
  /** The name of its data directory; none, where ids are never used again, unless given. */
  readonly instanceId?: InstanceId;
  /** The configuration from before the first entry. */
  readonly configuration: Configuration;
  readonly storage?: Partial<CoreStorage>;
  /** A record's sync completes right after its messages were sent. */
  readonly syncsAtOnce?: boolean;
  /** Entries for a message, and snapshots, are fetched with the record that asks for them. */
  readonly fetchesAtOnce?: boolean;
  /** The most entries in one message. */
  readonly entriesPerMessageMax?: number;
  /** What it promises to a leader; 0, lease reads off, unless given. */
  readonly promiseMs?: number;
  readonly observer?: CoreObserver;
}

/** How far performing goes before the node crashes. */
export type CrashPoint = "hardState" | "logChanges";

/** A core and everything that its driver would own. */
export class CoreNode {
  readonly id: NodeId;
  instanceId: InstanceId;
  storage: CoreStorage;
  syncsAtOnce: boolean;
  fetchesAtOnce: boolean;
  entriesPerMessageMax: number;
  /** Whether its log has had a configuration with this directory. */
  hasJoined = false;
  /** The entries of the log, durable or not. */
  log: CoreEntry[];
  /** How many times each timer was armed; absent where it is not armed. */
  readonly timers = new Map<Timer, number>();
  /** Sends of entries that were not carried out. */
  fetches: SendEntries[] = [];
  /** Sends of snapshots that were not carried out. */
  snapshotSends: SendSnapshot[] = [];
  /** Snapshots that are being received. */
  receptions: CoreSnapshot[] = [];
  /** The last entry that is compacted. */
  baseIndex: Index;
  refusals: Refusal[] = [];
  reads: ReadOutcome[] = [];
  /** How changes of the members ended. */
  changes: ChangeOutcome[] = [];
  transfers: TransferOutcome[] = [];
  /** What a driver would keep of the rounds of confirmation. */
  roundsStarted: RoundStarted[] = [];
  roundPromised: RoundPromised | null = null;
  /** What left the node, oldest first, where no observer takes it. */
  outgoing: { to: NodeId; message: Message }[] = [];
  appliedIndex: Index = 0;
  #configuration: Configuration;
  readonly #observer: CoreObserver | null;
  #core: Consensus | null;
  #unsynced: UnsyncedRecord[] = [];
  readonly #promiseMs: number;
  #mayHavePromised = false;
  #armings = 0;
  #steppedWhilePerforming = false;

  /** Starts the node from its storage. */
  constructor(options: CoreNodeOptions) {
    this.id = options.id;
    this.instanceId = options.instanceId ?? "";
    this.storage = { ...emptyStorage(), ...options.storage };
    this.syncsAtOnce = options.syncsAtOnce ?? true;
    this.fetchesAtOnce = options.fetchesAtOnce ?? true;
    this.entriesPerMessageMax = options.entriesPerMessageMax ?? Infinity;
    this.#configuration = options.configuration;
    this.#observer = options.observer ?? null;
    this.log = [];
    this.baseIndex = 0;
    this.#promiseMs = options.promiseMs ?? 0;
    this.#core = this.#startCore();
    this.perform();
  }

  /** The core; the node must be up. */
  get core(): Consensus {
    assert(this.#core !== null, () => `node ${this.id} is down`);
    return this.#core;
  }

  /** Whether the node runs. */
  get isUp(): boolean {
    return this.#core !== null;
  }

  /** How many records of effects wait for their sync. */
  get unsyncedCount(): number {
    return this.#unsynced.length;
  }

  /** How many single changes of the log a crash may part. */
  get unsyncedChangeCount(): number {
    return this.#unsynced.reduce((sum, record) => sum + record.changes.length, 0);
  }

  /** The terms of the log, first entry first. */
  get terms(): Term[] {
    return this.log.map((entry) => entry.term);
  }

  /** Takes an input and performs what follows. */
  run(input: Input): void {
    this.step(input);
    this.perform();
  }

  /** Takes an input; its effects gather until {@linkcode perform}. */
  step(input: Input): void {
    if (input.type === "timer") this.timers.delete(input.timer);
    this.core.step(input);
    this.#steppedWhilePerforming = true;
    this.#observer?.stepped(this, input);
  }

  /** Takes a message and performs what follows. */
  receive(from: NodeId, message: Message): void {
    this.run({ type: "message", from, message });
  }

  /** Lets a timer expire, armed or not. */
  fire(timer: Timer): void {
    this.run({ type: "timer", timer });
  }

  /** Performs records of effects until nothing more follows from them. */
  perform(): void {
    do {
      this.#steppedWhilePerforming = false;
      this.#performRecord(this.core.takeEffects());
    } while (this.#steppedWhilePerforming);
    this.#observer?.performed(this);
  }

  /** Completes the oldest syncs, all unless told how many; nothing is performed. */
  stepSync(count = this.#unsynced.length): void {
    const records = this.#unsynced.splice(0, count);
    for (const record of records) store(this.storage, record.changes);
    // What has joined stays so, whatever becomes of the configuration that said it.
    if (this.#unsynced.length === 0) this.storage.hasJoined ||= this.hasJoined;
    const last = records[records.length - 1];
    if (last !== undefined) this.step({ type: "durable", sequence: last.sequence });
  }

  /** Completes the oldest syncs and performs what follows. */
  sync(count = this.#unsynced.length): void {
    this.stepSync(count);
    this.perform();
  }

  /** Carries out the oldest send of entries; with `isUnreachable`, nothing can be sent. */
  stepFetch(isUnreachable = false): void {
    const send = this.fetches.shift();
    assert(send !== undefined, () => `node ${this.id} has nothing to fetch`);
    this.#fetch(send, isUnreachable);
  }

  /**
   * Carries out the oldest send of a snapshot: one message, and no second attempt before the next
   * heartbeat. With `isUnreachable`, nothing is sent.
   */
  stepSnapshotSend(isUnreachable = false): void {
    const send = this.snapshotSends.shift();
    assert(send !== undefined, () => `node ${this.id} has no snapshot to send`);
    const { to, term, session } = send;
    const { snapshot } = this.storage;
    assert(snapshot !== null, () => `node ${this.id} has compacted entries without a snapshot`);
    if (!isUnreachable && this.core.isLeader && this.core.term === term) {
      const request: CoreSnapshotRequest = {
        type: "installSnapshotRequest",
        term,
        session,
        snapshotId: snapshot.snapshotId,
        lastIncludedIndex: snapshot.lastIncludedIndex,
        lastIncludedTerm: snapshot.lastIncludedTerm,
        totalBytes: 0,
        offset: 0,
        dataChecksum: 0,
        data: new Uint8Array(0),
        snapshot,
      };
      this.#send(to, request);
    }
    this.step({ type: "snapshotEnded", peer: to, term, session });
  }

  /** The oldest snapshot under way is here as a whole, and durable. */
  stepReception(): void {
    const snapshot = this.receptions.shift();
    assert(snapshot !== undefined, () => `node ${this.id} receives no snapshot`);
    const stored = this.storage.snapshot;
    if (stored === null || stored.lastIncludedIndex < snapshot.lastIncludedIndex) {
      this.storage.snapshot = snapshot;
    }
    this.step({ type: "snapshotReceived", snapshot, source: snapshot });
    this.step({ type: "snapshotRestored", index: snapshot.lastIncludedIndex });
  }

  /** Takes a snapshot of what is applied. */
  takeSnapshot(): void {
    const index = this.appliedIndex;
    assert(
      index > (this.storage.snapshot?.lastIncludedIndex ?? 0),
      () => `nothing new at ${index}`,
    );
    const entries = this.log.slice(0, index);
    const configuration = this.#configurations(entries).pop()!;
    this.storage.snapshot = {
      snapshotId: `${this.id}/${index}`,
      lastIncludedIndex: index,
      lastIncludedTerm: entries[index - 1]!.term,
      configurationIndex: configuration.index,
      configuration: configuration.configuration,
      entries,
    };
  }

  /** Removes the entries up to `index`, which the snapshot covers. */
  stepCompaction(index: Index): void {
    const covered = this.storage.snapshot?.lastIncludedIndex ?? 0;
    assert(
      index <= covered,
      () => `entries up to ${index} are compacted, covered up to ${covered}`,
    );
    this.baseIndex = Math.max(this.baseIndex, index);
    this.storage.baseIndex = this.baseIndex;
    this.step({ type: "compacted", index });
  }

  /** What a start after a crash would find at `index`. */
  durableEntry(index: Index): CoreEntry | undefined {
    return durableEntry(this.storage, index);
  }

  /** Takes every message that left the node. */
  takeOutgoing(): { to: NodeId; message: Message }[] {
    return this.outgoing.splice(0);
  }

  /**
   * Stops the node. Of the changes that no sync covered, the oldest `changesKept` happen to be on
   * disk. With `point`, the node first performs its effects up to there.
   */
  crash(options: { readonly changesKept?: number; readonly point?: CrashPoint } = {}): void {
    if (options.point !== undefined) {
      const effects = this.core.takeEffects();
      this.#saveHardState(effects);
      if (options.point === "logChanges") this.#changeLog(effects);
    }
    const changes = this.#unsynced.flatMap((record) => record.changes);
    store(this.storage, changes.slice(0, options.changesKept ?? 0));
    this.#core = null;
    this.#unsynced = [];
    this.timers.clear();
    this.fetches = [];
    this.snapshotSends = [];
    this.receptions = [];
    this.log = [...this.storage.entries];
  }

  /** Starts the node again, from what was durable. */
  restart(): void {
    assert(this.#core === null, () => `node ${this.id} is up`);
    this.#mayHavePromised = this.#promiseMs > 0;
    this.#core = this.#startCore();
    this.perform();
  }

  /** Starts on an empty directory of this name: a member that was removed is to come back. */
  startAnew(instanceId: InstanceId): void {
    assert(this.#core === null, () => `node ${this.id} is up`);
    this.instanceId = instanceId;
    this.storage = emptyStorage();
    this.#configuration = configurationOf([]);
    this.#mayHavePromised = false;
    this.#core = this.#startCore();
    this.perform();
  }

  #startCore(): Consensus {
    const { storage } = this;
    if (logIsObsolete(storage)) store(storage, [{ type: "install", snapshot: storage.snapshot! }]);
    const { currentTerm, votedFor, entries, baseIndex } = storage;
    this.hasJoined = storage.hasJoined || this.#isIn(entries);
    this.log = [...entries];
    this.baseIndex = baseIndex;
    this.appliedIndex = storage.snapshot?.lastIncludedIndex ?? 0;
    const configurations = this.#configurations(entries);
    while (configurations.length > 1 && configurations[1]!.index <= baseIndex) {
      configurations.shift();
    }
    return new Consensus({
      nodeId: this.id,
      instanceId: this.instanceId,
      hasJoined: storage.hasJoined,
      currentTerm,
      votedFor,
      baseIndex,
      baseTerm: entries[baseIndex - 1]?.term ?? 0,
      lastIndex: entries.length,
      termRuns: termRunsOf(entries.slice(baseIndex), baseIndex + 1),
      configurations,
      commitIndex: this.appliedIndex,
      promiseMs: this.#promiseMs,
      mayHavePromised: this.#mayHavePromised,
    });
  }

  #isIn(entries: readonly CoreEntry[]): boolean {
    return this.#configurations(entries).some(({ configuration }) =>
      memberOf(configuration, this.id)?.instanceId === this.instanceId
    );
  }

  /** The configurations of a log that starts with these entries. */
  #configurations(entries: readonly CoreEntry[]): IndexedConfiguration[] {
    return [{ index: 0, configuration: this.#configuration }, ...configurationsOf(entries)];
  }

  /** The order of this function is the order of effects.ts. */
  #performRecord(effects: Effects): void {
    // A record is the driver's once it was taken: the core must not add to it.
    for (const list of Object.values(effects)) if (Array.isArray(list)) Object.freeze(list);
    this.#saveHardState(effects);
    const changed = this.#changeLog(effects);
    if (effects.roundStarted !== null) this.roundsStarted.push(effects.roundStarted);
    for (const send of effects.messagesNow) {
      if (send.type === "message") this.#send(send.to, send.message);
      else if (send.type === "entries") this.fetches.push(send);
      else this.snapshotSends.push(send);
    }
    for (const { request } of effects.snapshotChunks) {
      this.receptions.push((request as CoreSnapshotRequest).snapshot);
    }
    if (this.fetchesAtOnce) {
      while (this.fetches.length > 0) this.stepFetch();
      while (this.snapshotSends.length > 0) this.stepSnapshotSend();
    }
    if (changed && this.syncsAtOnce) this.stepSync();
    if (effects.appliableIndex !== null) this.#apply(effects.appliableIndex);
    for (const outcome of effects.reads) {
      this.reads.push(outcome);
      this.#observer?.readEnded(this, outcome);
    }
    this.refusals.push(...effects.refusals);
    this.changes.push(...effects.changes);
    this.transfers.push(...effects.transfers);
    if (effects.roundPromised !== null) this.roundPromised = effects.roundPromised;
    for (const { timer, armed } of effects.timers) {
      if (armed) this.timers.set(timer, this.#armings += 1);
      else this.timers.delete(timer);
    }
  }

  #saveHardState(effects: Effects): void {
    if (effects.hardState === null) return;
    const { currentTerm, votedFor } = effects.hardState;
    assert(currentTerm >= this.storage.currentTerm, () => `durable term falls to ${currentTerm}`);
    this.storage.currentTerm = currentTerm;
    this.storage.votedFor = votedFor;
  }

  #changeLog(effects: Effects): boolean {
    const changes: StoredChange[] = [];
    for (const change of effects.logChanges) {
      if (change.type === "truncateSuffix") {
        assert(change.lastIndexKept < this.log.length, () => `cut after ${change.lastIndexKept}`);
        this.log.length = change.lastIndexKept;
        changes.push({ type: "truncate", lastIndexKept: change.lastIndexKept });
        continue;
      }
      if (change.type === "installSnapshot") {
        const snapshot = change.source as CoreSnapshot;
        this.log = [...snapshot.entries];
        this.baseIndex = snapshot.lastIncludedIndex;
        this.appliedIndex = snapshot.lastIncludedIndex;
        changes.push({ type: "install", snapshot });
        this.#observer?.installed(this);
        continue;
      }
      for (const entry of entriesToAppend(change.append)) {
        this.log.push(entry);
        changes.push({ type: "append", entry });
        this.#observer?.appended(this, this.log.length);
      }
      assert(this.log.length === change.append.lastIndex, () => `log ends at ${this.log.length}`);
    }
    this.hasJoined ||= changes.length > 0 && this.#isIn(this.log);
    if (changes.length > 0) this.#unsynced.push({ sequence: effects.sequence, changes });
    return changes.length > 0;
  }

  /** Entries that another leader replaced meanwhile must not go out under the old term. */
  #fetch(send: SendEntries, isUnreachable: boolean): void {
    const { message, to } = send;
    const { term, prevLogIndex } = message;
    const isCompacted = prevLogIndex < this.baseIndex;
    if (isUnreachable || isCompacted || !this.core.isLeader || this.core.term !== term) {
      this.step({ type: "sent", peer: to, term, lastIndex: prevLogIndex, bytes: 0 });
      return;
    }
    const lastIndex = Math.min(send.lastIndex, prevLogIndex + this.entriesPerMessageMax);
    const entries = this.log.slice(prevLogIndex, lastIndex);
    this.#send(to, { ...message, entries: sliceOf(prevLogIndex + 1, entries) });
    this.step({ type: "sent", peer: to, term, lastIndex, bytes: entries.length });
  }

  #send(to: NodeId, message: Message): void {
    if (this.#observer === null) this.outgoing.push({ to, message });
    else this.#observer.sent(this, to, message);
  }

  #apply(appliableIndex: Index): void {
    assert(appliableIndex > this.appliedIndex, () => `appliable ${appliableIndex} does not grow`);
    while (this.appliedIndex < appliableIndex) {
      this.appliedIndex += 1;
      this.#observer?.applied(this, this.appliedIndex);
    }
  }
}

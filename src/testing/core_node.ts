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
  LogChange,
  ReadOutcome,
  Refusal,
  SendEntries,
} from "../consensus/effects.ts";
import type { Input, Timer } from "../consensus/input.ts";
import type { Message } from "../consensus/messages.ts";
import { type Configuration, EntryKind } from "../types.ts";
import type { Index, NodeId, Term } from "../types.ts";
import {
  configurationsOf,
  type CoreEntriesSource,
  type CoreEntry,
  sliceOf,
  termRunsOf,
} from "./core_log.ts";

/** What a log keeps of one change before it is synced: the smallest thing that a crash may part. */
type StoredChange =
  | { readonly type: "append"; readonly entry: CoreEntry }
  | { readonly type: "truncate"; readonly lastIndexKept: Index };

interface UnsyncedRecord {
  readonly sequence: number;
  readonly changes: readonly StoredChange[];
}

/** What survives every crash. */
export interface CoreStorage {
  currentTerm: Term;
  votedFor: NodeId;
  entries: CoreEntry[];
}

/** Who is told what a node does. */
export interface CoreObserver {
  /** A message leaves the node. */
  sent(node: CoreNode, to: NodeId, message: Message): void;
  /** An entry was put into the log, not durable yet. */
  appended(node: CoreNode, index: Index): void;
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
  /** The configuration from before the first entry. */
  readonly configuration: Configuration;
  readonly storage?: Partial<CoreStorage>;
  /** A record's sync completes right after its messages were sent. */
  readonly syncsAtOnce?: boolean;
  /** Entries for a message are fetched with the record that asks for them. */
  readonly fetchesAtOnce?: boolean;
  /** The most entries in one message. */
  readonly entriesPerMessageMax?: number;
  readonly observer?: CoreObserver;
}

/** How far performing goes before the node crashes. */
export type CrashPoint = "hardState" | "logChanges";

/** A core and everything that its driver would own. */
export class CoreNode {
  readonly id: NodeId;
  readonly storage: CoreStorage;
  syncsAtOnce: boolean;
  fetchesAtOnce: boolean;
  entriesPerMessageMax: number;
  /** The entries of the log, durable or not. */
  log: CoreEntry[];
  /** How many times each timer was armed; absent where it is not armed. */
  readonly timers = new Map<Timer, number>();
  /** Sends of entries that were not carried out. */
  fetches: SendEntries[] = [];
  refusals: Refusal[] = [];
  reads: ReadOutcome[] = [];
  /** How changes of the members ended. */
  changes: ChangeOutcome[] = [];
  /** What left the node, oldest first, where no observer takes it. */
  outgoing: { to: NodeId; message: Message }[] = [];
  appliedIndex: Index = 0;
  readonly #configuration: Configuration;
  readonly #observer: CoreObserver | null;
  #core: Consensus | null;
  #unsynced: UnsyncedRecord[] = [];
  #armings = 0;
  #steppedWhilePerforming = false;

  /** Starts the node from its storage. */
  constructor(options: CoreNodeOptions) {
    this.id = options.id;
    this.storage = { currentTerm: 0, votedFor: 0, entries: [], ...options.storage };
    this.syncsAtOnce = options.syncsAtOnce ?? true;
    this.fetchesAtOnce = options.fetchesAtOnce ?? true;
    this.entriesPerMessageMax = options.entriesPerMessageMax ?? Infinity;
    this.#configuration = options.configuration;
    this.#observer = options.observer ?? null;
    this.log = [...this.storage.entries];
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
    for (const record of records) this.#store(record.changes);
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
    this.#store(changes.slice(0, options.changesKept ?? 0));
    this.#core = null;
    this.#unsynced = [];
    this.timers.clear();
    this.fetches = [];
    this.log = [...this.storage.entries];
  }

  /** Starts the node again, from what was durable. */
  restart(): void {
    assert(this.#core === null, () => `node ${this.id} is up`);
    this.appliedIndex = 0;
    this.#core = this.#startCore();
    this.perform();
  }

  #startCore(): Consensus {
    const { currentTerm, votedFor, entries } = this.storage;
    return new Consensus({
      nodeId: this.id,
      currentTerm,
      votedFor,
      baseIndex: 0,
      baseTerm: 0,
      lastIndex: entries.length,
      termRuns: termRunsOf(entries),
      configurations: [
        { index: 0, configuration: this.#configuration },
        ...configurationsOf(entries),
      ],
      commitIndex: 0,
    });
  }

  /** The order of this function is the order of effects.ts. */
  #performRecord(effects: Effects): void {
    // A record is the driver's once it was taken: the core must not add to it.
    for (const list of Object.values(effects)) if (Array.isArray(list)) Object.freeze(list);
    this.#saveHardState(effects);
    const changed = this.#changeLog(effects);
    for (const send of effects.messagesNow) {
      if (send.type === "message") this.#send(send.to, send.message);
      else this.fetches.push(send);
    }
    if (this.fetchesAtOnce) { while (this.fetches.length > 0) this.stepFetch(); }
    if (changed && this.syncsAtOnce) this.stepSync();
    if (effects.appliableIndex !== null) this.#apply(effects.appliableIndex);
    for (const outcome of effects.reads) {
      this.reads.push(outcome);
      this.#observer?.readEnded(this, outcome);
    }
    this.refusals.push(...effects.refusals);
    this.changes.push(...effects.changes);
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
      for (const entry of entriesToAppend(change.append)) {
        this.log.push(entry);
        changes.push({ type: "append", entry });
        this.#observer?.appended(this, this.log.length);
      }
      assert(this.log.length === change.append.lastIndex, () => `log ends at ${this.log.length}`);
    }
    if (changes.length > 0) this.#unsynced.push({ sequence: effects.sequence, changes });
    return changes.length > 0;
  }

  /** A log keeps changes in order: what a sync or a crash keeps is a prefix of them. */
  #store(changes: readonly StoredChange[]): void {
    for (const change of changes) {
      if (change.type === "append") this.storage.entries.push(change.entry);
      else this.storage.entries.length = change.lastIndexKept;
    }
  }

  /** Entries that another leader replaced meanwhile must not go out under the old term. */
  #fetch(send: SendEntries, isUnreachable: boolean): void {
    const { message, to } = send;
    const { term, prevLogIndex } = message;
    if (isUnreachable || !this.core.isLeader || this.core.term !== term) {
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

/** The entries of an append: a leader's message brings them, or this node makes them. */
function entriesToAppend(append: (LogChange & { type: "append" })["append"]): CoreEntry[] {
  const count = append.lastIndex - append.firstIndex + 1;
  if (append.kind === null) {
    const source = append.source as CoreEntriesSource;
    const start = append.firstIndex - source.firstIndex;
    assert(
      start >= 0 && start + count === source.entries.length,
      () => `cut ${start} of a message`,
    );
    return source.entries.slice(start);
  }
  if (append.kind === EntryKind.configuration) {
    const configuration = append.source as Configuration;
    const payload = `configuration@${append.term} ${JSON.stringify(configuration)}`;
    return [{ term: append.term, payload, configuration }];
  }
  const payloads = append.source as readonly string[] | null;
  if (payloads === null) return [{ term: append.term, payload: `noop@${append.term}` }];
  assert(payloads.length === count, () => `${payloads.length} payloads for ${count} entries`);
  return payloads.map((payload) => ({ term: append.term, payload }));
}

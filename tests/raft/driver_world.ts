/** A driver loop on doors that a test opens by hand and that write down what passes. */
import assert from "node:assert/strict";
import { Consensus } from "../../src/consensus/consensus.ts";
import type { Timer } from "../../src/consensus/input.ts";
import type { Message } from "../../src/consensus/messages.ts";
import { NotLeaderError, type RaftError } from "../../src/errors.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import { APPEND_BYTES_MAX } from "../../src/limits.ts";
import type { HardState, HardStateStore, Log, RecordBatch } from "../../src/log/log.ts";
import type { SnapshotStore } from "../../src/log/snapshot_store.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { NOTHING_APPLIED } from "../../src/raft/apply_loop.ts";
import { encodeEntry } from "../../src/raft/batch_encoder.ts";
import { DriverLoop } from "../../src/raft/driver_loop.ts";
import type { ProposalOutcome } from "../../src/raft/proposals.ts";
import type { Query } from "../../src/raft/reads.ts";
import type { Clock } from "../../src/runtime/runtime.ts";
import { CommandGate } from "../../src/state_machine/command_gate.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { type Configuration, EntryKind } from "../../src/types.ts";
import { encodeConfiguration } from "../../src/wire/storage_codec.ts";
import { CounterMachine } from "../state_machine/counter_machine.ts";

export const ELECTION_TIMEOUT_MS = 1_000;

/** Microtasks that any code here needs at most to come to rest. */
const HOPS = 50;

/** More timers than that in one stretch of time are one that never ends. */
const TIMERS_IN_A_PASS_MAX = 100_000;

interface SetTimer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/** A clock whose turns and timers run when a test says so. */
export class DriverClock implements Clock {
  atMs = 1_000;
  #deferred: (() => void)[] = [];
  readonly #timers = new Set<SetTimer>();
  nowMs = () => this.atMs;
  wallMs = () => 0;

  defer = (callback: () => void): void => {
    this.#deferred.push(callback);
  };

  setTimer = (callback: () => void, delayMs: number): SetTimer => {
    const timer = { callback, dueMs: this.atMs + delayMs };
    this.#timers.add(timer);
    return timer;
  };

  clearTimer = (timer: unknown): void => {
    this.#timers.delete(timer as SetTimer);
  };

  /** Timers that were neither fired nor cancelled. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Runs the turns of the loop until nothing is left to do now. */
  async settle(): Promise<void> {
    do {
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const callback of deferred) callback();
      for (let hop = 0; hop < HOPS; hop += 1) await undefined;
    } while (this.#deferred.length > 0);
  }

  /** Lets so much time pass, with the timers that come due in it. */
  async pass(durationMs: number): Promise<void> {
    const endMs = this.atMs + durationMs;
    for (let fired = 0;; fired += 1) {
      const [next] = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined || next.dueMs > endMs) break;
      assert.ok(fired < TIMERS_IN_A_PASS_MAX, `timers fire for ever at ${this.atMs} ms`);
      this.atMs = Math.max(this.atMs, next.dueMs);
      this.#timers.delete(next);
      next.callback();
      await this.settle();
    }
    this.atMs = endMs;
  }
}

/** A hard state whose saves a test completes. */
class HandHardState implements HardStateStore {
  state: HardState;
  #saving: {
    readonly state: HardState;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  } | null = null;
  readonly #write: (event: string) => void;

  constructor(state: HardState, write: (event: string) => void) {
    this.state = state;
    this.#write = write;
  }

  save(state: HardState): Promise<void> {
    assert.equal(this.#saving, null, "two saves at once");
    this.#write(`save term ${state.currentTerm} vote ${state.votedFor}`);
    return new Promise((resolve, reject) => this.#saving = { state, resolve, reject });
  }

  get isSaving(): boolean {
    return this.#saving !== null;
  }

  complete(error?: Error): void {
    const saving = this.#saving;
    assert.ok(saving !== null, "nothing is being saved");
    this.#saving = null;
    if (error !== undefined) return saving.reject(error);
    this.state = saving.state;
    saving.resolve();
  }

  close = () => Promise.resolve();
}

/** How a request ended. */
export type Ending = { readonly outcome: ProposalOutcome } | { readonly error: RaftError };

/** What {@linkcode DriverWorld} starts from. */
export interface DriverWorldOptions {
  /** How many voters there are; the driven node is 1. */
  readonly voters: number;
  /** The term of entries 2 to 4, which are there where it is given. */
  readonly oldTerm?: number;
  readonly hardState?: HardState;
  /** What the node promises; lease reads are off unless given. */
  readonly promiseMs?: number;
}

/** Node 1 of a cluster whose other nodes the test plays. */
export class DriverWorld {
  /** What passed the doors, in order. */
  readonly events: string[] = [];
  readonly failures: Error[] = [];
  /** How each proposal ended, by its number. */
  readonly endings = new Map<number, Ending>();
  readonly queryEndings = new Map<number, "answered" | RaftError>();
  readonly clock = new DriverClock();
  readonly log: MemoryLog;
  readonly hardState: HandHardState;
  readonly machine = new CounterMachine();
  readonly consensus: Consensus;
  readonly driver: DriverLoop;
  /** The fault that the next append throws. */
  appendFault: Error | null = null;
  /** The state of any snapshot. */
  snapshotState: () => AsyncIterable<Uint8Array> = () => assert.fail("no snapshot was expected");
  /** Called when the log is read. */
  reading: () => void = () => {};
  #nextProposal = 0;
  #nextQuery = 0;

  constructor(options: DriverWorldOptions) {
    const { voters, oldTerm } = options;
    this.log = logWith(this.clock, { configuration: configurationOf(voters), oldTerm });
    const write = (event: string) => void this.events.push(event);
    const state = options.hardState ?? { currentTerm: oldTerm ?? 1, votedFor: 0 };
    this.hardState = new HandHardState(state, write);
    const { recovery } = this.log;
    this.consensus = new Consensus({
      nodeId: 1,
      ...state,
      baseIndex: 0,
      baseTerm: 0,
      lastIndex: this.log.lastIndex,
      commitIndex: 0,
      promiseMs: options.promiseMs ?? 0,
      mayHavePromised: false,
      termRuns: recovery.termRuns,
      configurations: [{ index: 1, configuration: configurationOf(voters) }],
    });
    this.driver = new DriverLoop({
      appendBytesMax: APPEND_BYTES_MAX,
      heartbeatMs: 100,
      electionTimeoutMs: ELECTION_TIMEOUT_MS,
      clock: this.clock,
      random: { uint32: () => 0, fill: (target) => target },
      consensus: this.consensus,
      log: this.#recordingLog(),
      hardState: this.hardState,
      gate: new CommandGate(this.machine),
      transport: this.#recordingTransport(),
      observer: undefined,
      lastTimestampMs: recovery.lastTimestampMs,
      appliedPosition: NOTHING_APPLIED,
      states: { nodeId: 1, deviatesSince: 0, deviates: () => {} },
      snapshots: { store: this.#snapshots(), clusterId: "c".repeat(32), logger: silentLogger },
      serveQuery: ({ sink, requestId }) =>
        sink.queryAnswered(requestId, {
          servedBy: 1,
          index: 0,
          ageMs: 0,
          result: new Uint8Array(0),
        }),
      notLeader: () => new NotLeaderError(null, null),
      membershipChanged: () => {},
      softState: () => {},
      failed: (error) => this.failures.push(error),
    });
  }

  /** What passed the doors since the last call. */
  takeEvents(): string[] {
    return this.events.splice(0);
  }

  /** Starts, and lets the first turn pass. */
  async start(): Promise<this> {
    this.driver.start();
    await this.clock.settle();
    this.takeEvents();
    return this;
  }

  /** Takes a message of a peer, and lets the turn pass. */
  async receive(from: number, message: Message): Promise<void> {
    this.driver.input({ type: "message", from, message });
    await this.clock.settle();
  }

  /** Lets a timer of the core expire, and the turn pass. */
  async expire(timer: Timer): Promise<void> {
    this.driver.input({ type: "timer", timer });
    await this.clock.settle();
  }

  /** Completes the save under way, or fails it. */
  async saved(error?: Error): Promise<void> {
    this.hardState.complete(error);
    await this.clock.settle();
  }

  /** Completes the sync under way. */
  async synced(): Promise<void> {
    this.log.completeSyncs();
    await this.clock.settle();
  }

  /** Proposes that the counter grows by one; returns the number of the proposal. */
  propose(): number {
    const requestId = this.#nextProposal;
    this.#nextProposal += 1;
    const commandId = new Uint8Array(16);
    commandId[7] = 1;
    commandId[15] = requestId;
    const end = (id: number, ending: Ending) => {
      assert.ok(!this.endings.has(id), `proposal ${id} was answered twice`);
      this.endings.set(id, ending);
    };
    this.driver.propose({
      commandId,
      command: Uint8Array.of(1),
      requestId,
      sink: {
        proposalApplied: (id, outcome) => end(id, { outcome }),
        proposalFailed: (id, error) => end(id, { error }),
      },
    });
    return requestId;
  }

  /** Asks a query; returns its number. */
  query(consistency: "linearizable" | "lease" | "stale" = "linearizable"): number {
    const requestId = this.#nextQuery;
    this.#nextQuery += 1;
    const end = (id: number, ending: "answered" | RaftError) => {
      assert.ok(!this.queryEndings.has(id), `query ${id} was answered twice`);
      this.queryEndings.set(id, ending);
    };
    const query: Query = {
      query: new Uint8Array(0),
      requestId,
      askedAtMs: this.clock.atMs,
      sink: {
        queryAnswered: (id) => end(id, "answered"),
        queryFailed: (id, error) => end(id, error),
      },
    };
    if (consistency === "lease") this.driver.leaseQuery(query);
    else if (consistency === "stale") {
      this.driver.staleQuery(query, () => end(requestId, "answered"));
    } else this.driver.query(query);
    return requestId;
  }

  /** How a proposal failed. */
  errorOf(proposal: number): RaftError {
    const ending = this.endings.get(proposal);
    assert.ok(ending !== undefined, `proposal ${proposal} was not answered`);
    assert.ok("error" in ending, `proposal ${proposal} was applied`);
    return ending.error;
  }

  /** A store from which one reads at most: so few entries make no snapshot due. */
  #snapshots(): SnapshotStore {
    return { latest: null, state: () => this.snapshotState() } as unknown as SnapshotStore;
  }

  #recordingLog(): Log {
    const { log, events } = this;
    return new Proxy(log, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...parameters: unknown[]) => {
          if (name === "append") {
            const { firstIndex, lastIndex } = parameters[0] as RecordBatch;
            events.push(`append ${firstIndex} to ${lastIndex}`);
            const fault = this.appendFault;
            if (fault !== null) throw fault;
          } else if (name === "truncateSuffix") {
            events.push(`truncate after ${parameters[0]}`);
          } else if (name === "sync") {
            events.push("sync");
          } else if (name === "read") {
            this.reading();
          }
          return value.apply(target, parameters);
        };
      },
    });
  }

  #recordingTransport(): Transport {
    return {
      setPeers: () => {},
      send: (to, message) => {
        const kind = "preVote" in message && message.preVote ? "preVote " : "";
        this.events.push(`send ${kind}${message.type} of term ${message.term} to ${to}`);
      },
      flush: () => {},
      isConnected: () => true,
      peerReply: () => null,
      close: () => {},
    };
  }
}

/** Voters 1 to `count`. */
function configurationOf(count: number): Configuration {
  const voters = Array.from({ length: count }, (_, i) => ({
    id: i + 1,
    address: `node-${i + 1}:7238`,
    instanceId: "0123456789abcdef0123456789abcdef",
  }));
  return { voters, votersOld: [], learners: [], promotions: [] };
}

/** A durable log with a configuration, and maybe three entries more. */
function logWith(
  clock: Clock,
  content: { readonly configuration: Configuration; readonly oldTerm: number | undefined },
): MemoryLog {
  const options = { clock, holdsSyncs: true };
  const log = new MemoryLog(options);
  const payload = encodeConfiguration(content.configuration);
  const { configuration, noop } = EntryKind;
  log.append(encodeEntry(configuration, payload, { firstIndex: 1, term: 1, timestampMs: 1 }));
  for (let index = 2; content.oldTerm !== undefined && index <= 4; index += 1) {
    const header = { firstIndex: index, term: content.oldTerm, timestampMs: index };
    log.append(encodeEntry(noop, new Uint8Array(0), header));
  }
  log.sync(() => {});
  log.completeSyncs();
  return log.crash();
}

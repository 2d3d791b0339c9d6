/**
 * Clients that work against a simulated cluster, each on a machine of its own, and write down what
 * they asked and what they were told.
 *
 * A client sees the three outcomes of a command and nothing else. What it was told to be unknown
 * it may ask again with the same id; an answer to that is an answer to the command, a refusal is
 * not: an earlier attempt may still take effect.
 *
 * Key names change with time, so that the history of each stays short enough to be checked.
 *
 * @module
 */
import { RaftClient } from "../client/raft_client.ts";
import { requestReportOf } from "../client/request_report.ts";
import { RaftError } from "../errors.ts";
import { encodeCommandPayload } from "../state_machine/command_gate.ts";
import { type Address, EntryKind } from "../types.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../wire/kv_codec.ts";
import { History, type PendingOperation } from "./checkers/history.ts";
import type { KeyValueInput, KeyValueOutput } from "./checkers/key_value_model.ts";
import { RevisionAgreement } from "./checkers/revision_agreement.ts";
import type { SafetyCheckers } from "./checkers/safety_checkers.ts";
import { payloadHash } from "./node_watch.ts";
import { machineName } from "./simulated_cluster.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedRuntime, SimulatedWorld } from "./simulated_runtime.ts";
import type { WorkloadFeature, WorkloadPlan } from "./simulation_plan.ts";
import { commandOf, drawInput, type LastSeen, outputOf, seenIn } from "./workload_operations.ts";

/** How the clients work. */
export interface SimulatedClientsOptions extends WorkloadPlan {
  readonly world: SimulatedWorld;
  readonly endpoints: readonly Address[];
  readonly observations: SafetyCheckers;
  /** Takes what a client found wrong. */
  readonly found: (error: unknown) => void;
}

/** The names of keys change so often, in milliseconds. */
const ROTATION_MS = 3_000;
const HOT_CHANCE = 0.6;
const BURST_CHANCE = 0.1;
const BURST_MAX = 12;
const RETRIES_MAX = 3;
const RETRY_PAUSE_MS_MAX = 400;
const encoder = new TextEncoder();

/** One client. */
interface Worker {
  readonly name: string;
  readonly runtime: SimulatedRuntime;
  readonly prng: Prng;
  readonly client: RaftClient;
  readonly lastSeen: Map<string, LastSeen>;
}

/** One operation of a client. */
interface Call {
  readonly key: string;
  readonly input: KeyValueInput;
  readonly pending: PendingOperation<KeyValueOutput>;
}

/** A few clients and their common history. */
export class SimulatedClients {
  readonly history: History<KeyValueInput, KeyValueOutput>;
  /** Operations that were called, stale reads included. */
  calledCount = 0;
  /** Operations that were answered, applied or read. */
  answeredCount = 0;
  /** Set to have every client stop after what it is doing. */
  stopping = false;
  readonly #options: SimulatedClientsOptions;
  readonly #features: ReadonlySet<WorkloadFeature>;
  readonly #revisions = new RevisionAgreement();
  #working = 0;

  /** Creates clients and sets them to work. */
  constructor(options: SimulatedClientsOptions) {
    const { world } = options;
    this.#options = options;
    this.#features = new Set(options.features);
    this.history = new History(() => world.scheduler.nowMs);
    for (let i = 1; i <= options.clientCount; i += 1) {
      const worker = this.#hire(`client-${i}`, options.timeoutMs);
      this.#working += 1;
      this.#work(worker).catch(options.found);
    }
  }

  /** Whether every client has stopped. */
  get idle(): boolean {
    return this.#working === 0;
  }

  /** Writes until one write is done, and calls `served` then: for the check of liveness. */
  probe(served: () => void): void {
    const worker = this.#hire("client-probe", this.#options.timeoutMs);
    const write = async (): Promise<void> => {
      const input: KeyValueInput = { kind: "put", value: "1" };
      while (!await this.#write(worker, this.#call(worker, "probe", input)));
      served();
      worker.client.close();
    };
    write().catch(this.#options.found);
  }

  #hire(name: string, timeoutMs: number): Worker {
    const { world, endpoints } = this.#options;
    const runtime = world.addMachine(name).boot();
    const client = new RaftClient(runtime, { endpoints, timeoutMs });
    return { name, runtime, prng: world.prng.fork(name), client, lastSeen: new Map() };
  }

  async #work(worker: Worker): Promise<void> {
    const { prng } = worker;
    while (!this.stopping) {
      const isBurst = this.#features.has("bursts") && prng.chance(BURST_CHANCE);
      const count = isBurst ? prng.range(2, BURST_MAX) : 1;
      await Promise.all(Array.from({ length: count }, () => this.#operate(worker)));
      await pause(worker, this.#options.pauseMs);
    }
    worker.client.close();
    this.#working -= 1;
  }

  async #operate(worker: Worker): Promise<void> {
    const { prng, lastSeen } = worker;
    const key = this.#drawKey(prng);
    const input = drawInput(prng, this.#features, lastSeen.get(key));
    if (input.kind !== "get") await this.#write(worker, this.#call(worker, key, input));
    else if (this.#features.has("stale_reads") && prng.chance(0.2)) {
      await this.#readStale(worker, key);
    } else await this.#read(worker, this.#call(worker, key, input));
  }

  #drawKey(prng: Prng): string {
    const { world, keyCount } = this.#options;
    const isHot = this.#features.has("hot_keys") && prng.chance(HOT_CHANCE);
    const number = isHot ? 1 : prng.range(1, keyCount);
    return `key-${Math.floor(world.scheduler.nowMs / ROTATION_MS)}-${number}`;
  }

  #call(worker: Worker, key: string, input: KeyValueInput): Call {
    this.calledCount += 1;
    return { key, input, pending: this.history.call({ client: worker.name, key, input }) };
  }

  async #read(worker: Worker, { key, pending, input }: Call): Promise<void> {
    const { prng, client } = worker;
    const query = encodeKvQuery({ type: "get", key: encoder.encode(key) });
    // Followers serve linearizable reads too.
    const endpoint = prng.pick(this.#options.endpoints);
    const isPinned = this.#features.has("follower_reads") && prng.chance(0.7);
    try {
      const isLease = this.#options.leaseReads === true && prng.chance(0.6);
      const { committedIndex } = this.#options.observations.quorumRule;
      const { result, index, servedBy } = await client.query(query, {
        ...(isPinned ? { endpoint } : {}),
        ...(isLease ? { consistency: "lease" } : {}),
      });
      const label = `${isLease ? "lease read" : "read"} of ${key}`;
      this.#options.observations.onRead({ committedIndex, index, servedBy, label });
      this.#answered(worker, { key, input, pending }, outputOf(decodeKvResult(result)));
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      pending.notApplied();
    }
  }

  /** A stale read may be of any time, but no older than it says, and what it shows was there. */
  async #readStale(worker: Worker, key: string): Promise<void> {
    const { prng, client } = worker;
    this.calledCount += 1;
    const query = encodeKvQuery({ type: "get", key: encoder.encode(key) });
    const endpoint = prng.pick(this.#options.endpoints);
    const { world, observations } = this.#options;
    const askedAtMs = world.scheduler.nowMs;
    try {
      const answer = await client.query(query, { endpoint, consistency: "stale" });
      const { result, index, ageMs, servedBy } = answer;
      const name = machineName(servedBy);
      const rate = world.machines.find((machine) => machine.name === name)!.clock.slowestRate;
      observations.staleAge.onStaleRead({ askedAtMs, ageMs, rate, index, servedBy });
      const output = outputOf(decodeKvResult(result));
      const seen = seenIn({ kind: "get" }, output);
      if (seen !== undefined) this.#revisions.onSeen({ key, ...seen });
      this.answeredCount += 1;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** True where the command was answered. */
  async #write(worker: Worker, call: Call): Promise<boolean> {
    const { client, prng } = worker;
    const command = encodeKvCommand(commandOf(call.key, call.input));
    const retries = this.#features.has("retries") ? prng.range(0, RETRIES_MAX) : 0;
    let id: Uint8Array | null = null;
    for (let left = retries;; left -= 1) {
      try {
        const { index, commandId, result } = await client.propose(
          command,
          id === null ? {} : { commandId: id },
        );
        const payload = encodeCommandPayload(commandId, command);
        this.#options.observations.onAcknowledged({
          index,
          payloadHash: payloadHash(EntryKind.command, payload),
          label: `${call.input.kind} ${call.key}`,
        });
        this.#answered(worker, call, outputOf(decodeKvResult(result)));
        return true;
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        // An unknown outcome stays open in the history: it may take effect at any time, or never.
        if (error.applied === "no" && id === null) {
          call.pending.notApplied();
          return false;
        }
        id = requestReportOf(error)?.commandId ?? id;
        if (id === null || left === 0) return false;
        await pause(worker, RETRY_PAUSE_MS_MAX);
      }
    }
  }

  #answered(worker: Worker, call: Call, output: KeyValueOutput): void {
    call.pending.returned(output);
    this.answeredCount += 1;
    const seen = seenIn(call.input, output);
    if (seen === undefined) return;
    worker.lastSeen.set(call.key, seen);
    this.#revisions.onSeen({ key: call.key, ...seen });
  }
}

function pause({ runtime, prng }: Worker, msMax: number): Promise<void> {
  return new Promise((resolve) => {
    runtime.clock.setTimer(resolve, prng.range(0, msMax));
  });
}

/**
 * Clients that work against a simulated cluster, each on a machine of its own, and write down what
 * they asked and what they were told.
 *
 * @module
 */
import { RaftClient } from "../client/raft_client.ts";
import { RaftError } from "../errors.ts";
import { encodeCommandPayload } from "../state_machine/command_gate.ts";
import { type Address, EntryKind } from "../types.ts";
import { decodeKvResult, encodeKvCommand, encodeKvQuery } from "../wire/kv_codec.ts";
import { type KvCommand, type KvResult, NO_CONDITION } from "../wire/kv_messages.ts";
import { History, type PendingOperation } from "./checkers/history.ts";
import type { KeyValueInput, KeyValueOutput } from "./checkers/key_value_model.ts";
import type { Observations } from "./checkers/observations.ts";
import { payloadHash } from "./node_watch.ts";
import type { Prng } from "./prng.ts";
import type { SimulatedRuntime, SimulatedWorld } from "./simulated_runtime.ts";

/** How the clients work. */
export interface SimulatedClientsOptions {
  readonly world: SimulatedWorld;
  readonly endpoints: readonly Address[];
  readonly clientCount: number;
  readonly keyCount: number;
  /** The longest pause between two operations of a client, in milliseconds. */
  readonly pauseMs: number;
  readonly observations: Observations;
}

const TIMEOUT_MS = 4_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Pending = PendingOperation<KeyValueOutput>;

/** A few clients and their common history. */
export class SimulatedClients {
  readonly history: History<KeyValueInput, KeyValueOutput>;
  /** Operations that were answered, applied or read. */
  answeredCount = 0;
  /** Set to have every client stop after what it is doing. */
  stopping = false;
  readonly #options: SimulatedClientsOptions;
  #working = 0;

  /** Creates clients and sets them to work. */
  constructor(options: SimulatedClientsOptions) {
    const { world } = options;
    this.#options = options;
    this.history = new History(() => world.scheduler.nowMs);
    for (let i = 1; i <= options.clientCount; i += 1) {
      const name = `client-${i}`;
      const runtime = world.addMachine(name).boot();
      this.#working += 1;
      void this.#work(name, runtime, world.prng.fork(name));
    }
  }

  /** Whether every client has stopped. */
  get idle(): boolean {
    return this.#working === 0;
  }

  async #work(name: string, runtime: SimulatedRuntime, prng: Prng): Promise<void> {
    const { endpoints, keyCount, pauseMs } = this.#options;
    const client = new RaftClient(runtime, { endpoints, timeoutMs: TIMEOUT_MS });
    while (!this.stopping) {
      const key = `key-${prng.range(1, keyCount)}`;
      const input = drawInput(prng);
      const pending = this.history.call({ client: name, key, input });
      if (input.kind === "get") await this.#read(client, key, { pending, prng });
      else await this.#write(client, key, { input, pending });
      await new Promise<void>((resolve) => {
        runtime.clock.setTimer(resolve, prng.range(0, pauseMs));
      });
    }
    client.close();
    this.#working -= 1;
  }

  async #read(
    client: RaftClient,
    key: string,
    call: { readonly pending: Pending; readonly prng: Prng },
  ): Promise<void> {
    const query = encodeKvQuery({ type: "get", key: encoder.encode(key) });
    // Most reads ask a node of their choice: followers serve them too.
    const endpoint = call.prng.pick(this.#options.endpoints);
    try {
      const { result } = await client.query(query, call.prng.chance(0.7) ? { endpoint } : {});
      call.pending.returned(outputOf(decodeKvResult(result)));
      this.answeredCount += 1;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      call.pending.notApplied();
    }
  }

  async #write(
    client: RaftClient,
    key: string,
    call: { readonly input: KeyValueInput; readonly pending: Pending },
  ): Promise<void> {
    const command = encodeKvCommand(commandOf(key, call.input));
    try {
      const { index, commandId, result } = await client.propose(command);
      const payload = encodeCommandPayload(commandId, command);
      this.#options.observations.onAcknowledged({
        index,
        payloadHash: payloadHash(EntryKind.command, payload),
        label: `${call.input.kind} ${key}`,
      });
      call.pending.returned(outputOf(decodeKvResult(result)));
      this.answeredCount += 1;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      // An unknown outcome stays open in the history: it may take effect at any time, or never.
      if (error.applied === "no") call.pending.notApplied();
    }
  }
}

function drawInput(prng: Prng): KeyValueInput {
  const value = String(prng.range(1, 999_999));
  switch (prng.range(1, 10)) {
    case 1:
    case 2:
    case 3:
    case 4:
      return { kind: "get" };
    case 5:
    case 6:
      return { kind: "put", value };
    case 7:
    case 8:
      return { kind: "increment", by: prng.range(1, 9) };
    case 9:
      return { kind: "put", value, condition: prng.pick([ABSENT, PRESENT]) };
    default:
      return { kind: "delete" };
  }
}

const ABSENT = { kind: "absent" } as const;
const PRESENT = { kind: "present" } as const;

function commandOf(key: string, input: KeyValueInput): KvCommand {
  const bytes = encoder.encode(key);
  switch (input.kind) {
    case "increment":
      return { type: "increment", key: bytes, amount: input.by };
    case "delete":
      return { type: "delete", key: bytes, condition: NO_CONDITION };
    case "put": {
      const kind = input.condition?.kind;
      const condition = kind === "absent" || kind === "present" ? { type: kind } : NO_CONDITION;
      const value = encoder.encode(input.value);
      return { type: "put", key: bytes, value, condition, returnPrevious: false };
    }
    case "get":
      throw new TypeError("A get is no command");
  }
}

function outputOf(result: KvResult): KeyValueOutput {
  switch (result.type) {
    case "put":
      return { kind: "written", revision: result.revision, created: result.created };
    case "delete":
      if (result.count === 0) return { kind: "absent" };
      return { kind: "deleted", revision: result.revision };
    case "increment":
      return { kind: "incremented", value: result.value, revision: result.revision };
    case "get": {
      if (!result.found) return { kind: "absent" };
      return { kind: "found", value: decoder.decode(result.value), revision: result.revision };
    }
    case "conditionFailed":
    case "invalid":
      return { kind: "refused" };
    default:
      throw new TypeError(`No client asked for a ${result.type}`);
  }
}

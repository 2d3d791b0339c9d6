/**
 * What every {@linkcode StateMachine} has to do, as tests: run it on your own machine, with a
 * function that makes commands from a seed and queries that together show the state.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../errors.ts";
import type { ApplyContext, QueryContext, StateMachine } from "../state_machine/state_machine.ts";
import { Prng } from "./prng.ts";

/** The largest chunk that takeSnapshot may return. */
const CHUNK_BYTES_MAX = 64 * 1024;
const COMMAND_COUNT = 300;
const GARBAGE_COUNT = 200;
/** Queries are asked at no time of their own: at that of the last command. */
const AT_START: QueryContext = { logTimeMs: 0 };

/** The options of {@linkcode stateMachineContract}. */
export interface StateMachineContractOptions {
  /** Starts the names of the tests. */
  readonly name: string;
  /** Makes a machine in its first state. */
  readonly createMachine: () => StateMachine;
  /** Makes a command that the machine understands. */
  readonly createCommand: (prng: Prng) => Uint8Array;
  /** Queries whose answers together show the state. */
  readonly queries: readonly Uint8Array[];
}

/** Registers the tests of the contract with `node:test`. */
export function stateMachineContract(options: StateMachineContractOptions): void {
  const world = new World(options);
  describe(`${options.name} state machine`, () => {
    for (const [name, body] of tests) it(name, () => body(world));
  });
}

/** A machine and where it stands in its log. */
interface Replica {
  readonly machine: StateMachine;
  index: number;
}

/** What the tests do with machines. */
class World {
  readonly options: StateMachineContractOptions;

  constructor(options: StateMachineContractOptions) {
    this.options = options;
  }

  /** A fresh replica. */
  create(): Replica {
    return { machine: this.options.createMachine(), index: 0 };
  }

  /** `count` commands, the same for the same seed. */
  commands(seed: string, count = COMMAND_COUNT): Uint8Array[] {
    const prng = new Prng(seed);
    return Array.from({ length: count }, () => this.options.createCommand(prng));
  }

  /** Applies a command at the next index and returns its answer. */
  apply(replica: Replica, command: Uint8Array): Uint8Array {
    replica.index += 1;
    const { index } = replica;
    const context: ApplyContext = { index, term: 1 + Math.floor(index / 50), logTimeMs: index * 7 };
    const answer = replica.machine.apply(command, context);
    assert.ok(answer instanceof Uint8Array, "An answer is bytes");
    return answer;
  }

  /** A replica that has applied these commands. */
  replay(commands: readonly Uint8Array[]): Replica {
    const replica = this.create();
    for (const command of commands) this.apply(replica, command);
    return replica;
  }

  /** A replica with the state that a snapshot carries, at the index where it was taken. */
  async restore(chunks: readonly Uint8Array[], index: number): Promise<Replica> {
    const replica = this.create();
    await replica.machine.restoreSnapshot(asyncChunks(chunks));
    replica.index = index;
    return replica;
  }

  /** The answers to the queries. */
  answers({ machine }: Replica): Uint8Array[] {
    return this.options.queries.map((query) => machine.query(query, AT_START).slice());
  }
}

/** Draws a snapshot to its end. */
function drawAll(chunks: Iterator<Uint8Array, void>): Uint8Array[] {
  const drawn: Uint8Array[] = [];
  for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
    assert.ok(next.value.length <= CHUNK_BYTES_MAX, `A chunk has ${next.value.length} bytes`);
    drawn.push(next.value);
  }
  return drawn;
}

function snapshotOf({ machine }: Replica): Uint8Array {
  return joined(drawAll(machine.takeSnapshot()));
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

async function* asyncChunks(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

/** The same bytes, cut after every `length` of them. */
function cutEvery(bytes: Uint8Array, length: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; start += length) {
    chunks.push(bytes.slice(start, start + length));
  }
  return chunks;
}

/** Bytes that are no command, and commands that were damaged. */
function garbage(world: World): Uint8Array[] {
  const prng = new Prng("garbage");
  const damaged = world.commands("damaged", GARBAGE_COUNT).map((command) => {
    const copy = command.slice(0, prng.range(0, command.length));
    for (let flips = prng.range(0, 3); flips > 0 && copy.length > 0; flips -= 1) {
      copy[prng.range(0, copy.length - 1)] = prng.range(0, 255);
    }
    return copy;
  });
  const random = Array.from(
    { length: GARBAGE_COUNT },
    () => prng.fill(new Uint8Array(prng.range(0, 80))),
  );
  return [new Uint8Array(0), ...damaged, ...random];
}

const tests: readonly (readonly [name: string, body: (world: World) => void | Promise<void>])[] = [
  ["gives the same answers and the same snapshot on every replica", (world) => {
    const commands = world.commands("determinism");
    const one = world.create();
    const other = world.create();
    for (const command of commands) {
      assert.deepEqual(world.apply(other, command), world.apply(one, command));
    }
    assert.deepEqual(snapshotOf(other), snapshotOf(one));
    assert.deepEqual(world.answers(other), world.answers(one));
  }],
  ["keeps no view of a command", (world) => {
    const commands = world.commands("views");
    const wanted = world.replay(commands);
    const replica = world.create();
    const batch = new Uint8Array(commands.reduce((most, { length }) => Math.max(most, length), 0));
    for (const command of commands) {
      batch.set(command);
      world.apply(replica, batch.subarray(0, command.length));
      batch.fill(0xee);
    }
    assert.deepEqual(snapshotOf(replica), snapshotOf(wanted));
    assert.deepEqual(world.answers(replica), world.answers(wanted));
  }],
  ["restores a snapshot that is cut at any place", async (world) => {
    const before = world.commands("before");
    const after = world.commands("after");
    const original = world.replay(before);
    const bytes = snapshotOf(original);
    const answers = world.answers(original);
    const cuts = [1, 7, 4096, bytes.length].map((length) => cutEvery(bytes, length));
    const restored: Replica[] = [];
    for (const chunks of [...cuts, [new Uint8Array(0), bytes, new Uint8Array(0)]]) {
      restored.push(await world.restore(chunks, original.index));
    }
    for (const replica of restored) {
      assert.deepEqual(snapshotOf(replica), bytes);
      assert.deepEqual(world.answers(replica), answers);
    }
    for (const command of after) {
      const answer = world.apply(original, command);
      for (const replica of restored) assert.deepEqual(world.apply(replica, command), answer);
    }
    for (const replica of restored) assert.deepEqual(snapshotOf(replica), snapshotOf(original));
  }],
  ["replaces what it held when it restores", async (world) => {
    const original = world.replay(world.commands("source"));
    const other = world.replay(world.commands("other"));
    await other.machine.restoreSnapshot(asyncChunks([snapshotOf(original)]));
    assert.deepEqual(world.answers(other), world.answers(original));
    assert.deepEqual(snapshotOf(other), snapshotOf(original));
  }],
  ["restores the first state", async (world) => {
    const empty = world.create();
    const replica = world.replay(world.commands("full"));
    await replica.machine.restoreSnapshot(asyncChunks([snapshotOf(empty)]));
    assert.deepEqual(world.answers(replica), world.answers(empty));
  }],
  ["hides later commands from a snapshot under way", (world) => {
    const commands = world.commands("isolation");
    const replica = world.create();
    const views: { chunks: Uint8Array[]; rest: Iterator<Uint8Array, void>; want: Uint8Array }[] =
      [];
    for (const [number, command] of commands.entries()) {
      if (number % 30 === 0) {
        const want = snapshotOf(replica);
        views.push({ chunks: [], rest: replica.machine.takeSnapshot(), want });
      }
      world.apply(replica, command);
      if (number % 30 !== 29) continue;
      for (const view of views) {
        const next = view.rest.next();
        if (next.done !== true) view.chunks.push(next.value);
      }
    }
    for (const { chunks, rest, want } of views) {
      assert.deepEqual(joined([...chunks, ...drawAll(rest)]), want);
    }
  }],
  ["allows a snapshot to be given up", (world) => {
    const replica = world.replay(world.commands("abandoned"));
    const want = snapshotOf(replica);
    const started = replica.machine.takeSnapshot();
    started.next();
    started.return?.();
    replica.machine.takeSnapshot().return?.();
    assert.deepEqual(snapshotOf(replica), want);
  }],
  ["answers garbage, the same on every replica", (world) => {
    const one = world.replay(world.commands("sane"));
    const other = world.replay(world.commands("sane"));
    for (const command of garbage(world)) {
      // What a leader refuses never comes so far.
      if ((one.machine.refusal?.(command) ?? null) !== null) continue;
      assert.deepEqual(world.apply(other, command), world.apply(one, command));
    }
    for (const query of garbage(world)) {
      assert.deepEqual(other.machine.query(query, AT_START), one.machine.query(query, AT_START));
    }
    assert.deepEqual(snapshotOf(other), snapshotOf(one));
  }],
  ["changes nothing in a query", (world) => {
    const commands = world.commands("queries");
    const wanted = world.replay(commands);
    const replica = world.create();
    const queries = [...world.options.queries, ...garbage(world).slice(0, 20)];
    for (const [number, command] of commands.entries()) {
      if (number % 10 === 0) {
        for (const query of queries) replica.machine.query(query, AT_START);
      }
      world.apply(replica, command);
    }
    assert.deepEqual(snapshotOf(replica), snapshotOf(wanted));
  }],
  ["has one hash for one state, also where a snapshot was restored", async (world) => {
    const one = world.create();
    if (one.machine.stateHash === undefined) return;
    const other = world.create();
    const seen = new Set<number>();
    const commands = world.commands("hash");
    for (const [number, command] of commands.entries()) {
      world.apply(one, command);
      world.apply(other, command);
      const hash = one.machine.stateHash();
      for (const part of [hash.version, hash.value]) {
        assert.ok(Number.isInteger(part) && part >= 0 && part < 2 ** 32, `A hash has ${part}`);
      }
      assert.deepEqual(other.machine.stateHash!(), hash);
      seen.add(hash.value);
      if (number % 50 !== 0) continue;
      const restored = await world.restore([snapshotOf(one)], one.index);
      assert.deepEqual(restored.machine.stateHash!(), hash);
    }
    assert.ok(seen.size > COMMAND_COUNT / 2, `${seen.size} hashes of ${COMMAND_COUNT} states`);
    const changed = world.replay([...world.commands("other"), ...commands]);
    assert.notEqual(changed.machine.stateHash!().value, one.machine.stateHash().value);
  }],
  ["rejects a snapshot that is cut off or goes on behind its end", async (world) => {
    const bytes = snapshotOf(world.replay(world.commands("rejected")));
    const cuts = [0, 1, Math.floor(bytes.length / 2), bytes.length - 1];
    const wrong = cuts.map((length) => bytes.subarray(0, length));
    for (const snapshot of [...wrong, joined([bytes, new Uint8Array(1)])]) {
      const { machine } = world.create();
      await assert.rejects(machine.restoreSnapshot(asyncChunks([snapshot])), BadDataError);
    }
  }],
];

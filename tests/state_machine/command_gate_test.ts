/** The gate between log and machine: exactly once, and what a hostile payload can do. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../src/errors.ts";
import {
  COMMAND_ID_BYTES,
  CommandGate,
  commandPayloadBytes,
  encodeCommandPayload,
  putCommandPayload,
} from "../../src/state_machine/command_gate.ts";
import { DEDUPLICATION_LIMITS } from "../../src/state_machine/deduplication.ts";
import { makeRequestId } from "../../src/state_machine/request_id.ts";
import type { StateMachine } from "../../src/state_machine/state_machine.ts";
import { CounterMachine, decodeSum } from "./counter_machine.ts";

const QUERY = new Uint8Array(0);

function idOf(timeMs: number, number = 0): Uint8Array {
  return makeRequestId(timeMs, new Uint8Array(10).fill(number));
}

function at(index: number, logTimeMs = index): { index: number; term: number; logTimeMs: number } {
  return { index, term: 3, logTimeMs };
}

function payload(id: Uint8Array, ...command: number[]): Uint8Array {
  return encodeCommandPayload(id, Uint8Array.from(command));
}

async function* asyncChunks(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

function drawAll(chunks: Iterator<Uint8Array, void>): Uint8Array[] {
  return [...{ [Symbol.iterator]: () => chunks }];
}

describe("command_gate", () => {
  it("encodeCommandPayload puts the id in front of the command", () => {
    const bytes = payload(idOf(5, 9), 7, 8);
    assert.equal(bytes.length, COMMAND_ID_BYTES + 2);
    assert.equal(commandPayloadBytes(Uint8Array.of(7, 8)), bytes.length);
    assert.deepEqual([...bytes.subarray(16)], [7, 8]);
    const target = new Uint8Array(bytes.length + 3);
    putCommandPayload(target, { offset: 3, id: idOf(5, 9), command: Uint8Array.of(7, 8) });
    assert.deepEqual(target.subarray(3), bytes);
  });

  it("ancestor A16: a retried command applies once", async () => {
    const machine = new CounterMachine();
    let gate = new CommandGate(machine);
    const put = payload(idOf(1), 10);
    const first = gate.applyEntry(put, at(1));
    assert.equal(first.type, "applied");
    gate.applyEntry(payload(idOf(2), 5), at(2));
    const duplicate = { type: "duplicate", index: 1, term: 3, result: Uint8Array.from([]) };
    const again = gate.applyEntry(put, { index: 3, term: 4, logTimeMs: 3 });
    assert.ok(first.type === "applied" && again.type === "duplicate");
    assert.deepEqual(again, { ...duplicate, result: first.result });
    // And after a restart from a snapshot, on a machine that knows nothing else.
    const chunks = drawAll(gate.takeSnapshot());
    const restored = new CounterMachine();
    gate = new CommandGate(restored);
    await gate.restoreSnapshot(asyncChunks(chunks));
    assert.deepEqual(gate.applyEntry(put, at(4)), { ...duplicate, result: first.result });
    assert.equal(decodeSum(gate.query(QUERY)), 15);
    assert.equal(restored.contexts.length, 0);
  });

  it("ancestor A8: an empty command is answered", () => {
    const machine = new CounterMachine();
    const gate = new CommandGate(machine);
    const outcome = gate.applyEntry(payload(idOf(1)), at(1));
    assert.equal(outcome.type, "applied");
    assert.equal(machine.contexts.length, 1);
    assert.equal(gate.applyEntry(payload(idOf(1)), at(2)).type, "duplicate");
  });

  it("answers a payload without a whole id and does not apply it", () => {
    const machine = new CounterMachine();
    const gate = new CommandGate(machine);
    for (let length = 0; length < COMMAND_ID_BYTES; length += 1) {
      assert.equal(gate.applyEntry(new Uint8Array(length), at(length + 1)).type, "invalid");
    }
    assert.equal(machine.contexts.length, 0);
  });

  it("answers ids that are too old or too new and does not apply them", () => {
    const machine = new CounterMachine();
    const gate = new CommandGate(machine);
    const nowMs = 10 * DEDUPLICATION_LIMITS.windowMs;
    const { windowMs } = DEDUPLICATION_LIMITS;
    const outcome = (timeMs: number, index: number): string =>
      gate.applyEntry(payload(idOf(timeMs), 1), at(index, nowMs)).type;
    assert.equal(outcome(nowMs - windowMs - 1, 1), "expired");
    assert.equal(outcome(nowMs + windowMs + 1, 2), "invalid");
    assert.equal(machine.contexts.length, 0);
    assert.equal(outcome(nowMs - windowMs, 3), "applied");
    assert.equal(outcome(nowMs + windowMs, 4), "applied");
  });

  it("says that the answer of a duplicate was too large to be kept", () => {
    const limits = { ...DEDUPLICATION_LIMITS, answerKeptBytesMax: 7 };
    const gate = new CommandGate(new CounterMachine(), { limits });
    assert.equal(gate.applyEntry(payload(idOf(1), 1), at(1)).type, "applied");
    assert.deepEqual(gate.applyEntry(payload(idOf(1), 1), at(2)), {
      type: "answerForgotten",
      index: 1,
      term: 3,
    });
  });

  it("trap 51: lets a throw of the machine through, for it is a defect", () => {
    const broken: StateMachine = Object.assign(new CounterMachine(), {
      apply(): Uint8Array {
        throw new Error("defect");
      },
    });
    const gate = new CommandGate(broken);
    assert.throws(() => gate.applyEntry(payload(idOf(1), 1), at(1)), /defect/);
  });

  it("takeSnapshot shows the table and the machine of one moment", async () => {
    const gate = new CommandGate(new CounterMachine());
    gate.applyEntry(payload(idOf(1), 1), at(1));
    const view = gate.takeSnapshot();
    gate.applyEntry(payload(idOf(2), 2), at(2));
    const restored = new CommandGate(new CounterMachine());
    await restored.restoreSnapshot(asyncChunks(drawAll(view)));
    assert.equal(restored.answerCount, 1);
    assert.equal(decodeSum(restored.query(QUERY)), 1);
    assert.equal(restored.applyEntry(payload(idOf(2), 2), at(2)).type, "applied");
  });

  it("takeSnapshot passes a return on to the machine, started or not", () => {
    let returned = 0;
    const machine: StateMachine = Object.assign(new CounterMachine(), {
      takeSnapshot: (): Iterator<Uint8Array, void> => ({
        next: () => ({ done: false, value: new Uint8Array(1) }),
        return: () => {
          returned += 1;
          return { done: true, value: undefined };
        },
      }),
    });
    const gate = new CommandGate(machine);
    gate.takeSnapshot().return?.();
    const started = gate.takeSnapshot();
    for (let i = 0; i < 3; i += 1) started.next();
    started.return?.();
    assert.equal(returned, 2);
  });

  it("restoreSnapshot rejects a snapshot of the machine alone and closes the chunks", async () => {
    const gate = new CommandGate(new CounterMachine());
    let closed = false;
    const chunks = async function* (): AsyncGenerator<Uint8Array, void> {
      try {
        yield* drawAll(new CounterMachine().takeSnapshot());
        yield new Uint8Array(100);
      } finally {
        closed = true;
      }
    };
    await assert.rejects(gate.restoreSnapshot(chunks()), BadDataError);
    assert.ok(closed);
  });
});

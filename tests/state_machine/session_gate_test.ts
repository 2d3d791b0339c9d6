/** Sessions as the gate in front of a machine sees them: payloads in, outcomes out. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BadDataError } from "../../src/errors.ts";
import { SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN } from "../../src/limits.ts";
import {
  type ApplyOutcome,
  CommandGate,
  encodeCommandPayload,
} from "../../src/state_machine/command_gate.ts";
import {
  encodeOpenSession,
  makeOpenSessionId,
  makeSessionCommandId,
  SessionControl,
} from "../../src/state_machine/command_id.ts";
import { SESSION_LIMITS } from "../../src/state_machine/session_table.ts";
import { CounterMachine, decodeSum } from "./counter_machine.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const KEEP_ALIVE = Uint8Array.of(SessionControl.keepAlive);

function nonce(number: number): Uint8Array {
  return new Uint8Array(8).fill(number);
}

async function* once(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  for (const chunk of chunks) yield chunk;
}

/** A gate before a counter, and where its log stands. */
class GateWorld {
  machine = new CounterMachine();
  gate: CommandGate;
  index = 0;
  nowMs = 0;

  constructor(sessionLimits = SESSION_LIMITS) {
    this.gate = new CommandGate(this.machine, { sessionLimits });
  }

  apply(id: Uint8Array, command: Uint8Array): ApplyOutcome {
    this.index += 1;
    const context = { index: this.index, term: 2, logTimeMs: this.nowMs };
    return this.gate.applyEntry(encodeCommandPayload(id, command), context);
  }

  open(number: number, timeoutMs = 60_000): ApplyOutcome {
    return this.apply(makeOpenSessionId(nonce(number)), encodeOpenSession(timeoutMs));
  }

  add(session: number, sequence: number, lowestUnanswered = sequence): ApplyOutcome {
    const id = makeSessionCommandId({ session, sequence, lowestUnanswered });
    return this.apply(id, Uint8Array.of(1));
  }

  control(session: number, command: Uint8Array): ApplyOutcome {
    return this.apply(
      makeSessionCommandId({ session, sequence: 0, lowestUnanswered: 0 }),
      command,
    );
  }

  /** Another gate that knows only the snapshot of this one. */
  async restart(): Promise<void> {
    const chunks = [...{ [Symbol.iterator]: () => this.gate.takeSnapshot() }];
    this.machine = new CounterMachine();
    this.gate = new CommandGate(this.machine);
    await this.gate.restoreSnapshot(once(chunks));
  }

  get sum(): number {
    return decodeSum(this.gate.query(new Uint8Array(0)));
  }
}

describe("command_gate with sessions", () => {
  it("trap 52: opens one session a nonce, also after a snapshot", async () => {
    const world = new GateWorld();
    world.index = 41;
    const opened = world.open(1);
    assert.deepEqual(opened, { type: "applied", result: new Uint8Array(0) });
    const again = { type: "duplicate", result: new Uint8Array(0), index: 42, term: 2 };
    assert.deepEqual(world.open(1), again);
    await world.restart();
    assert.deepEqual(world.open(1), again);
    assert.equal(world.gate.sessionCount, 1);
    assert.equal(world.open(2).type, "applied");
    assert.equal(world.gate.sessionCount, 2);
    assert.equal(world.machine.contexts.length, 0, "no machine sees the commands of sessions");
  });

  it("trap 52: applies a command once, also after a snapshot and a day", async () => {
    const world = new GateWorld();
    world.open(1, DAY_MS);
    const first = world.add(1, 1);
    assert.ok(first.type === "applied");
    const duplicate = { type: "duplicate", result: first.result, index: 2, term: 2 };
    assert.deepEqual(world.add(1, 1), duplicate);
    world.nowMs += DAY_MS - 1;
    await world.restart();
    assert.deepEqual(world.add(1, 1), duplicate);
    assert.equal(world.sum, 1);
    assert.equal(world.add(1, 3, 2).type, "applied");
    assert.equal(world.add(1, 1).type, "expired", "its answer is not asked for any more");
    assert.equal(world.sum, 2);
  });

  it("never applies a command of a session that is gone, and opens none for it", () => {
    const world = new GateWorld();
    world.open(1, 1_000);
    world.nowMs = 999;
    assert.equal(world.control(1, KEEP_ALIVE).type, "applied");
    world.nowMs += 1_000;
    assert.equal(world.add(1, 1).type, "sessionExpired");
    assert.equal(world.control(1, KEEP_ALIVE).type, "sessionExpired");
    assert.equal(world.add(77, 1).type, "sessionExpired");
    world.open(2);
    const close = Uint8Array.of(SessionControl.close);
    assert.equal(world.control(world.index, close).type, "applied");
    assert.equal(world.gate.sessionCount, 0);
    assert.equal(world.sum, 0);
  });

  it("a tick expires sessions and is wanted at their deadline", () => {
    const world = new GateWorld();
    assert.equal(world.gate.nextDeadlineMs(), null);
    world.open(1, 5_000);
    world.open(2, 9_000);
    assert.equal(world.gate.nextDeadlineMs(), 5_000);
    world.gate.tick({ index: 3, term: 2, logTimeMs: 5_000 });
    assert.equal(world.gate.sessionCount, 1);
    assert.equal(world.gate.nextDeadlineMs(), 9_000);
    world.gate.tick({ index: 4, term: 2, logTimeMs: 5_000 + DAY_MS });
    assert.equal(world.gate.nextDeadlineMs(), null);
  });

  it("answers what does not fit, and applies nothing", () => {
    const world = new GateWorld({ ...SESSION_LIMITS, sessionsMax: 1 });
    assert.equal(world.open(1, SESSION_TIMEOUT_MS_MIN - 1).type, "invalid");
    assert.equal(world.open(1, SESSION_TIMEOUT_MS_MAX + 1).type, "invalid");
    assert.equal(world.open(1).type, "applied");
    assert.equal(world.open(2).type, "overloaded");
    assert.equal(world.apply(new Uint8Array(16).fill(255), KEEP_ALIVE).type, "invalid");
    assert.equal(world.add(world.index, 5000, 1).type, "sessionExpired");
    assert.equal(world.add(3, 5000, 1).type, "invalid", "too many are unanswered");
    assert.equal(world.sum, 0);
  });

  it("trap 51: a leader refuses what only a newer program knows; in the log it stops", () => {
    const world = new GateWorld();
    const openId = makeOpenSessionId(nonce(1));
    const controlId = makeSessionCommandId({ session: 1, sequence: 0, lowestUnanswered: 0 });
    const newerOpen = encodeOpenSession(1_000);
    newerOpen[0] = 2;
    const newerControl = Uint8Array.of(3);
    assert.match(world.gate.refusal(openId, newerOpen) ?? "", /another form/);
    assert.match(world.gate.refusal(controlId, newerControl) ?? "", /a word about/);
    assert.equal(world.gate.refusal(openId, encodeOpenSession(1_000)), null);
    assert.equal(world.gate.refusal(controlId, KEEP_ALIVE), null);
    assert.match(world.gate.refusal(new Uint8Array(3), KEEP_ALIVE) ?? "", /3 bytes/);
    const newer = (error: unknown) =>
      error instanceof BadDataError && /newer program/.test(error.fix.join());
    assert.throws(() => world.apply(openId, newerOpen), newer);
    assert.throws(() => world.apply(controlId, newerControl), newer);
  });
});

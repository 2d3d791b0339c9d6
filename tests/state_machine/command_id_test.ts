import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  decodeOpenSession,
  decodeSessionControl,
  encodeOpenSession,
  isSessionCommand,
  makeOpenSessionId,
  makeSessionCommandId,
  readSessionCommandId,
  SESSION_DISTANCE_MAX,
  SESSION_SEQUENCE_MAX,
} from "../../src/state_machine/command_id.ts";
import {
  formatRequestId,
  makeRequestId,
  parseRequestId,
  requestIdFromText,
} from "../../src/state_machine/request_id.ts";

describe("command_id", () => {
  it("trap 56: reads back every session id that can be written", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.maxSafeInteger(), fc.constant(Number.MAX_SAFE_INTEGER)),
        fc.oneof(fc.nat(), fc.maxSafeInteger()),
        fc.oneof(fc.nat(2000), fc.constant(SESSION_DISTANCE_MAX)),
        (number, count, distance) => {
          const session = Math.max(1, Math.abs(number));
          const sequence = 1 + Math.abs(count) % SESSION_SEQUENCE_MAX;
          const lowestUnanswered = Math.max(1, sequence - distance);
          const id = { session, sequence, lowestUnanswered };
          const bytes = makeSessionCommandId(id);
          assert.ok(isSessionCommand(bytes));
          assert.deepEqual(readSessionCommandId(bytes), id);
        },
      ),
    );
  });

  it("has the documented bytes", () => {
    const id = { session: 0x0102030405, sequence: 0x0607080910, lowestUnanswered: 0x0607080900 };
    assert.deepEqual(
      [...makeSessionCommandId(id)],
      [0x80, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x10, 0, 0, 0x10],
    );
    assert.deepEqual(
      [...makeOpenSessionId(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8))],
      [0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.deepEqual([...encodeOpenSession(60_000)], [1, 0, 0, 0, 0, 0, 0xea, 0x60]);
  });

  it("refuses numbers that cannot be", () => {
    const beyond = new Uint8Array(16).fill(0xff);
    assert.equal(readSessionCommandId(beyond), null);
    const id = makeSessionCommandId({ session: 5, sequence: 5, lowestUnanswered: 1 });
    assert.equal(readSessionCommandId(id)?.lowestUnanswered, 1);
    id[15] = 5;
    assert.equal(readSessionCommandId(id), null);
    const control = makeSessionCommandId({ session: 5, sequence: 0, lowestUnanswered: 0 });
    assert.deepEqual(readSessionCommandId(control), {
      session: 5,
      sequence: 0,
      lowestUnanswered: 0,
    });
    control[15] = 1;
    assert.equal(readSessionCommandId(control), null);
  });

  it("reads only the forms that this program knows", () => {
    for (const timeoutMs of [0, 1, 60_000, 2 ** 40]) {
      assert.equal(decodeOpenSession(encodeOpenSession(timeoutMs)), timeoutMs);
    }
    const newer = encodeOpenSession(1);
    newer[0] = 2;
    assert.equal(decodeOpenSession(newer), null);
    assert.equal(decodeOpenSession(new Uint8Array(0)), null);
    assert.equal(decodeSessionControl(Uint8Array.of(1)), 1);
    assert.equal(decodeSessionControl(Uint8Array.of(3)), null);
    assert.equal(decodeSessionControl(Uint8Array.of(1, 1)), null);
  });

  it("a request id is never taken for one of a session, however it was made", async () => {
    assert.ok(!isSessionCommand(makeRequestId(2 ** 47 - 1, new Uint8Array(10).fill(255))));
    assert.throws(() => makeRequestId(2 ** 47, new Uint8Array(10)), /out of range/);
    const session = makeSessionCommandId({ session: 9, sequence: 1, lowestUnanswered: 1 });
    const text = formatRequestId(session);
    assert.equal(parseRequestId(text), null);
    assert.ok(!isSessionCommand(await requestIdFromText(text)));
  });
});

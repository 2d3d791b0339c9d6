/** Request ids: their layout, their text, and the ids that users choose. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AssertionError } from "../../src/assert.ts";
import { InvalidRequestError } from "../../src/errors.ts";
import {
  formatRequestId,
  makeRequestId,
  parseRequestId,
  requestIdFromText,
  requestIssueTimeMs,
  userRequestId,
} from "../../src/state_machine/request_id.ts";

const random = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

describe("request_id", () => {
  it("makeRequestId puts the log time in front, big endian", () => {
    const id = makeRequestId(0x0102030405, random);
    assert.equal(formatRequestId(id), "raft-0001020304050102030405060708090a");
    assert.equal(requestIssueTimeMs(id), 0x0102030405);
  });

  it("makeRequestId keeps every time that fits in 47 bits", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 47 - 1 }), (timeMs) => {
      assert.equal(requestIssueTimeMs(makeRequestId(timeMs, random)), timeMs);
    }));
  });

  it("makeRequestId turns the time 0 into 1, as 0 marks a chosen id", () => {
    assert.equal(requestIssueTimeMs(makeRequestId(0, random)), 1);
  });

  it("trap 56: makeRequestId refuses a time that does not fit instead of cutting it", () => {
    for (const timeMs of [-1, 0.5, 2 ** 47, Number.MAX_SAFE_INTEGER, Number.NaN]) {
      assert.throws(() => makeRequestId(timeMs, random), AssertionError);
    }
  });

  it("parseRequestId reads what formatRequestId wrote", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (id) => {
      // The top bit marks the ids of sessions, which nobody prints.
      id[0]! &= 0x7f;
      assert.deepEqual(parseRequestId(formatRequestId(id)), Uint8Array.from(id));
    }));
  });

  it("parseRequestId returns null for any other text", () => {
    const digits = ["", "0".repeat(31), "0".repeat(33), "A".repeat(32), `${"0".repeat(31)}g`];
    const texts = [...digits.map((text) => `raft-${text}`), "0".repeat(32), "raft", ""];
    for (const text of texts) assert.equal(parseRequestId(text), null);
  });

  it("userRequestId is six zero bytes and the start of the SHA-256", async () => {
    // The first bytes of the digest of "abc", from FIPS 180-2.
    assert.equal(
      formatRequestId(await userRequestId("abc")),
      "raft-000000000000ba7816bf8f01cfea4141",
    );
    assert.equal(requestIssueTimeMs(await userRequestId("abc")), 0);
  });

  it("userRequestId refuses no text and text beyond 128 bytes", async () => {
    await userRequestId("x".repeat(128));
    await assert.rejects(userRequestId(""), InvalidRequestError);
    await assert.rejects(userRequestId("ä".repeat(65)), InvalidRequestError);
  });

  it("requestIdFromText takes the printed form as it is and hashes all else", async () => {
    const id = makeRequestId(77, random);
    assert.deepEqual(await requestIdFromText(formatRequestId(id)), id);
    assert.deepEqual(await requestIdFromText("nightly"), await userRequestId("nightly"));
    const digest = "5d41402abc4b2a76b9719d911017c592";
    assert.deepEqual(await requestIdFromText(digest), await userRequestId(digest));
  });
});

/** Hashes of contents: every bit counts, every cut counts, and every runtime says the same. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  copyAndHashBytes,
  finishHash,
  HASH_SEED,
  hashBytes,
  hashByteString,
  hashInteger,
  hashKey,
} from "../../src/state_machine/content_hash.ts";

const BYTES = Uint8Array.from({ length: 133 }, (_, i) => (i * 37) & 0xff);

describe("content_hash", () => {
  it("changes with every single bit and every length", () => {
    const seen = new Set([hashBytes(HASH_SEED, BYTES)]);
    for (let bit = 0; bit < 8 * BYTES.length; bit += 1) {
      const flipped = BYTES.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(hashBytes(HASH_SEED, flipped));
    }
    for (let length = 0; length < BYTES.length; length += 1) {
      seen.add(hashBytes(HASH_SEED, BYTES.subarray(0, length)));
      seen.add(hashBytes(HASH_SEED, new Uint8Array(length)));
    }
    // No bytes, and the first one, which is zero, are there twice.
    assert.equal(seen.size, 1 + 8 * BYTES.length + 2 * BYTES.length - 2);
  });

  it("does not see the same of two values where both lose the same bit", () => {
    const sums = new Set<number>();
    for (let bit = 0; bit < 8 * BYTES.length; bit += 1) {
      const flipped = BYTES.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const sum = [1, 2].map((key) => finishHash(hashBytes(hashInteger(HASH_SEED, key), flipped)));
      sums.add((sum[0]! + sum[1]!) | 0);
    }
    assert.equal(sums.size, 8 * BYTES.length);
  });

  it("changes with every bit of large bytes", () => {
    const bytes = Uint8Array.from({ length: 2100 }, (_, i) => (i * 37) & 0xff);
    const seen = new Set([hashBytes(HASH_SEED, bytes), hashBytes(HASH_SEED + 1, bytes)]);
    for (let bit = 0; bit < 8 * bytes.length; bit += 11) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(hashBytes(HASH_SEED, bytes));
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    assert.equal(seen.size, 2 + Math.ceil(8 * bytes.length / 11));
  });

  it("tells integers up to 2^53 − 1 apart", () => {
    const integers = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
    assert.equal(new Set(integers.map((integer) => hashInteger(7, integer))).size, 8);
  });

  it("is the same where the bytes are copied meanwhile, and they arrive", () => {
    const large = [2046, 2047, 2048, 2049, 2051, 4096];
    for (const length of [...Array.from({ length: 41 }, (_, at) => at), ...large]) {
      const bytes = Uint8Array.from({ length: length + 5 }, (_, at) => 200 - 7 * at);
      const to = new Uint32Array(4 + Math.ceil(length / 4)).fill(0xffffffff);
      const range = { bytes, start: 3, end: 3 + length, to, toWord: 2 };
      const hash = copyAndHashBytes(HASH_SEED, range);
      assert.equal(hash, hashBytes(HASH_SEED, bytes.subarray(3, 3 + length)));
      assert.equal(hash, hashBytes(HASH_SEED, bytes, 3, 3 + length));
      const copied = new Uint8Array(to.buffer);
      assert.deepEqual(copied.subarray(8, 8 + length), bytes.subarray(3, 3 + length));
      const end = 8 + Math.ceil(length / 4) * 4;
      assert.ok([...copied.subarray(8 + length, end)].every((byte) => byte === 0));
      assert.ok([...copied.subarray(end)].every((byte) => byte === 255));
    }
  });

  it("is the same on every runtime", () => {
    const all = [
      hashBytes(HASH_SEED, BYTES),
      hashByteString(HASH_SEED, "kék"),
      hashInteger(HASH_SEED, 2 ** 53 - 1),
      finishHash(-1),
    ];
    assert.deepEqual(all, [1063059152, -428630119, 2069192809, -2114883783]);
    assert.equal(hashKey(HASH_SEED, Uint8Array.from([0x6b, 0xe9, 0x6b])), all[1]);
  });
});

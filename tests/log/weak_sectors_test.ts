/** The map of sectors that prove nothing, compared with a plain count of bytes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mapWeakSectors, readWeakSectors } from "../../src/log/weak_sectors.ts";
import { Prng } from "../../src/testing/prng.ts";

/** Which sectors are weak, by counting; `header` bytes lie in front of the records. */
function countWeak(records: Uint8Array, position: number): boolean[] {
  const first = Math.floor((position - 1) / 512);
  const end = position + records.length;
  const weak: boolean[] = [];
  for (let sector = first; sector * 512 < end; sector += 1) {
    const start = sector * 512 - position;
    if (start < 0 || start + 512 > records.length) weak.push(false);
    else weak.push(records.subarray(start, start + 512).filter((byte) => byte !== 0).length < 2);
  }
  return weak;
}

/** Splits bytes into parts of any size. */
function split(bytes: Uint8Array, prng: Prng): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = prng.range(1, 3000);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

describe("mapWeakSectors", () => {
  it("is empty where every sector holds something", () => {
    const parts = [new Uint8Array(10_000).fill(1)];
    assert.equal(mapWeakSectors(parts, 576).length, 0);
    assert.equal(mapWeakSectors([], 576).length, 0);
  });

  it("names exactly the sectors with fewer than two bytes, for any content", () => {
    const prng = new Prng(7);
    for (let round = 0; round < 500; round += 1) {
      const position = prng.range(1, 40) * 64;
      const records = new Uint8Array(prng.range(0, 100) * 8 * prng.pick([1, 20]));
      const bytes = prng.range(0, prng.pick([2, 30, 400]));
      for (let count = 0; count < bytes && records.length > 0; count += 1) {
        records[prng.range(0, records.length - 1)] = prng.range(0, 255);
      }
      const map = mapWeakSectors(split(records, prng), position);
      assert.ok(map.every((byte) => byte !== 0), "a map holds a zero byte");
      assert.ok(map.length <= Math.ceil(records.length / 512) + 8, `${map.length} bytes`);
      const expected = countWeak(records, position);
      assert.deepEqual(readWeakSectors(map, expected.length), expected);
    }
  });

  it("takes two bytes for a run of any length", () => {
    assert.equal(mapWeakSectors([new Uint8Array(64 * 512)], 512).length, 2);
    assert.equal(mapWeakSectors([new Uint8Array(1024 * 512)], 512).length, 3);
  });
});

describe("readWeakSectors", () => {
  it("refuses what is no map", () => {
    for (const bytes of [[1], [0, 1], [1, 0], [0x80], [1, 1, 1], [9, 1], [1, 9]]) {
      assert.equal(readWeakSectors(Uint8Array.from(bytes), 5), null, `${bytes}`);
    }
    assert.equal(readWeakSectors(new Uint8Array(20).fill(0xff), 5), null);
  });
});

/** The layout of units, to the byte. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decodeUnitHeader,
  encodeUnit,
  placeSeed,
  recordBytesFor,
  SEAL_BYTES,
  unitBodyFault,
  unitBytes,
  unitBytesFor,
  type UnitHeader,
  UnitKind,
} from "../../src/log/unit.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { Prng } from "../../src/testing/prng.ts";

const LOG_ID = new Uint8Array(16).map((_, at) => at);
const SEED = placeSeed(LOG_ID, 5);

/** Options for a unit of `parts` at a position. */
function optionsOf(parts: readonly Uint8Array[], position = 512) {
  const common = { seed: SEED, sequence: 9, previousChecksum: 77, firstIndex: 5 };
  return { ...common, position, recordCount: parts.length, parts };
}

/** The bytes of a unit in one piece. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

describe("encodeUnit", () => {
  it("writes what its header says, and does not copy the records", () => {
    const { bytes } = createBatch({ firstIndex: 5, count: 1, term: 2, payloadBytes: 3 });
    const unit = encodeUnit(optionsOf([bytes]));
    assert.ok(unit.parts.includes(bytes));
    const whole = join(unit.parts);
    assert.equal(whole.length, 128);
    assert.equal(unit.recordsEnd, 512 + 64 + 48);
    assert.equal(new TextDecoder().decode(whole.subarray(0, 4)), "unit");
    const header = decodeUnitHeader(whole, 0, { seed: SEED, position: 512 }) as UnitHeader;
    assert.deepEqual(header, {
      ...{ checksum: unit.checksum, sequence: 9, position: 512, firstIndex: 5 },
      ...{ recordBytes: 48, recordCount: 1, recordChecksum: header.recordChecksum },
      ...{ previousChecksum: 77, mapBytes: 0, mapChecksum: 0, kind: UnitKind.records },
    });
    assert.equal(unitBodyFault(whole, header), null);
  });

  it("makes a seal where there are no records", () => {
    const whole = join(encodeUnit(optionsOf([])).parts);
    assert.equal(whole.length, SEAL_BYTES);
    const header = decodeUnitHeader(whole, 0, { seed: SEED, position: 512 }) as UnitHeader;
    assert.equal(header.kind, UnitKind.seal);
    assert.equal(unitBodyFault(whole, header), null);
  });

  it("binds a unit to its log, its segment and its position", () => {
    const whole = join(encodeUnit(optionsOf([])).parts);
    const at = (seed: number, position: number) => decodeUnitHeader(whole, 0, { seed, position });
    assert.notEqual(at(SEED, 512), "bad");
    assert.equal(at(SEED, 576), "bad");
    assert.equal(at(placeSeed(LOG_ID, 6), 512), "bad");
    assert.equal(at(placeSeed(new Uint8Array(16), 5), 512), "bad");
    assert.equal(decodeUnitHeader(new Uint8Array(64), 0, { seed: SEED, position: 0 }), "blank");
  });

  it("leaves no byte of a unit unprotected", () => {
    const { bytes } = createBatch({ firstIndex: 5, count: 2, term: 2, payloadBytes: 1500 });
    const sparse = createBatch({ firstIndex: 7, count: 1, term: 2, payloadBytes: 5000 }).bytes;
    sparse.fill(0, 100, 4000);
    const whole = join(encodeUnit({ ...optionsOf([bytes, sparse]), recordCount: 3 }).parts);
    const place = { seed: SEED, position: 512 };
    for (let offset = 0; offset < whole.length; offset += 1) {
      const damaged = whole.slice();
      damaged[offset]! ^= 0x08;
      const header = decodeUnitHeader(damaged, 0, place);
      if (header === "bad") continue;
      assert.ok(typeof header === "object");
      assert.notEqual(unitBodyFault(damaged, header), null, `byte ${offset}`);
    }
  });
});

describe("recordBytesFor", () => {
  it("gives what surely fits, and agrees with unitBytesFor", () => {
    const prng = new Prng(1);
    for (let round = 0; round < 2000; round += 1) {
      const size = prng.range(0, round < 1000 ? 5000 : 9 * 1024 * 1024) & ~7;
      assert.ok(recordBytesFor(unitBytesFor(size)) >= size, `${size} bytes`);
      const fits = recordBytesFor(size);
      if (fits < 0) continue;
      const mapBytes = Math.ceil(fits / 512) + 8;
      assert.ok(unitBytes({ recordBytes: fits, mapBytes }) <= size, `${size} bytes`);
    }
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { EntryPages } from "../../src/state_machine/entry_pages.ts";

const LARGE_BYTES = 17_000;

test("large values use none of the pages that small ones need", () => {
  const pages = new EntryPages(3);
  const small = write(pages, 1, 100);
  const large = Array.from({ length: 50 }, (_, at) => write(pages, at, LARGE_BYTES));
  const other = write(pages, 2, 1_000);
  assert.equal(new Set([small, ...large, other]).size, 52);
  for (const [at, id] of large.entries()) {
    assert.deepEqual(pages.key(id), Uint8Array.of(at));
    assert.deepEqual(pages.value(id), new Uint8Array(LARGE_BYTES).fill(at));
    assert.equal(pages.revision(id), at + 7);
    assert(pages.fits(id, LARGE_BYTES));
    assert(!pages.fits(id, LARGE_BYTES + 1));
  }
  assert.deepEqual(pages.value(small), new Uint8Array(100).fill(1));
  assert.deepEqual(pages.value(other), new Uint8Array(1_000).fill(2));
});

test("a small value has a page of its own where no more pages can be numbered", () => {
  const pages = new EntryPages(3);
  const ids = [100, 1_000, 5_000, 5_000, 100].map((size, at) => write(pages, at, size));
  assert.equal(new Set(ids).size, 5);
  for (const [at, size] of [100, 1_000, 5_000, 5_000, 100].entries()) {
    assert.deepEqual(pages.value(ids[at]!), new Uint8Array(size).fill(at));
  }
  const { bytes } = pages;
  for (const at of [2, 3]) {
    pages.markDead(ids[at]!);
    pages.release(ids[at]!);
  }
  assert.ok(pages.bytes < bytes, "what they had is given back");
  assert.deepEqual(pages.value(ids[4]!), new Uint8Array(100).fill(4));
});

test("the page of a large value that was removed is given back, and its number used again", () => {
  const pages = new EntryPages();
  write(pages, 1, 100);
  const { bytes } = pages;
  const ids = [1, 2, 3].map((key) => write(pages, key, LARGE_BYTES));
  pages.markDead(ids[1]!);
  pages.release(ids[1]!);
  const again = write(pages, 9, LARGE_BYTES + 5_000);
  assert.equal(again, ids[1]);
  assert.deepEqual(pages.value(again), new Uint8Array(LARGE_BYTES + 5_000).fill(9));
  assert.deepEqual(pages.value(ids[2]!), new Uint8Array(LARGE_BYTES).fill(3));
  for (const id of [again, ids[0]!, ids[2]!]) {
    pages.markDead(id);
    pages.release(id);
  }
  assert.equal(pages.bytes, bytes);
});

function write(pages: EntryPages, byte: number, valueBytes: number): number {
  const id = pages.allocate(1, valueBytes);
  pages.writeKey(id, byte, Uint8Array.of(byte));
  pages.writeValue(id, new Uint8Array(valueBytes).fill(byte));
  const revision = byte + 7;
  pages.writeFields(id, {
    createRevision: revision,
    revision,
    version: 1,
    generation: 0,
    isAttached: false,
  });
  return id;
}

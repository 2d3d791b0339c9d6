/** The table of keys against a plain `Map`: order, views, and rooms that are used again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  KeyValueTable,
  type KeyValueView,
  NO_ENTRY,
} from "../../src/state_machine/key_value_table.ts";
import { Prng } from "../../src/testing/prng.ts";

/** What a key holds, in the form that is compared. */
interface Held {
  readonly value: string;
  readonly createRevision: number;
  readonly revision: number;
  readonly version: number;
}

const NO_BYTES = new Uint8Array(0);

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A value of few bytes, or now and then of many, whose bytes tell that it is this one. */
function valueOf(prng: Prng, revision: number): Uint8Array {
  const length = prng.chance(0.002) ? prng.range(16_000, 40_000) : prng.range(0, 40);
  return new Uint8Array(length).map((_, at) => revision + at);
}

/** A table and what it must hold. */
class Pair {
  readonly table = new KeyValueTable();
  held = new Map<string, Held>();
  revision = 0;

  put(key: string, value: Uint8Array): void {
    this.revision += 1;
    const { revision } = this;
    const found = this.table.find(bytesOf(key));
    const before = this.held.get(key);
    assert.equal(found === NO_ENTRY, before === undefined, key);
    this.table.put(bytesOf(key), { found, value, revision, attachment: null });
    this.held.set(key, {
      value: textOf(value.subarray(0, 50)),
      createRevision: before?.createRevision ?? revision,
      revision,
      version: (before?.version ?? 0) + 1,
    });
  }

  remove(key: string): void {
    const found = this.table.find(bytesOf(key));
    assert.equal(this.held.delete(key), found !== NO_ENTRY, key);
    if (found !== NO_ENTRY) this.table.delete(found);
  }

  removePrefix(prefix: string): void {
    const keys = [...this.held.keys()].filter((key) => key.startsWith(prefix));
    assert.equal(this.table.countPrefix(bytesOf(prefix)), keys.length);
    assert.equal(this.table.deletePrefix(bytesOf(prefix), () => {}), keys.length);
    for (const key of keys) this.held.delete(key);
  }

  /** The keys of the table from one on, as a reader is told them. */
  list(prefix: string, from: string): [string, Held][] {
    const items: [string, Held][] = [];
    this.table.visitPrefix(bytesOf(prefix), {
      from: bytesOf(from),
      visit: (entry) => {
        const { value, createRevision, revision, version } = entry;
        const held = { value: textOf(value.subarray(0, 50)), createRevision, revision, version };
        items.push([textOf(entry.key), held]);
        return items.length < 20;
      },
    });
    return items;
  }

  /** Requires that a table which was filled at once has the same hash. */
  check(): void {
    assert.equal(this.table.count, this.held.size);
    const other = new KeyValueTable();
    const view = this.table.view();
    for (let entry = view.next(); entry !== null; entry = view.next()) other.restore(entry);
    assert.equal(other.hash, this.table.hash);
  }
}

function sorted(held: ReadonlyMap<string, Held>): [string, Held][] {
  return [...held].sort(([one], [other]) => one < other ? -1 : 1);
}

/** A view that is drawn a little at a time, and what it must tell. */
class Drawn {
  readonly view: KeyValueView;
  readonly #wanted: [string, Held][];
  #at = 0;

  constructor({ table, held }: Pair) {
    this.view = table.view();
    this.#wanted = sorted(held);
    assert.equal(this.view.count, held.size);
  }

  /** Draws so many; true at the end. */
  draw(count: number): boolean {
    for (let i = 0; i < count; i += 1) {
      const entry = this.view.next();
      if (entry === null) {
        assert.equal(this.#at, this.#wanted.length);
        return true;
      }
      const { value, createRevision, revision, version } = entry;
      const held = { value: textOf(value.subarray(0, 50)), createRevision, revision, version };
      assert.deepEqual([textOf(entry.key), held], this.#wanted[this.#at]);
      this.#at += 1;
    }
    return false;
  }
}

/** Keys that begin alike, differ in their first bytes, or are the beginning of another. */
function keyOf(prng: Prng, keys: number): string {
  const number = prng.range(0, keys - 1);
  const begin = ["", "a", "\u0000", "\u00ff", "the same 16 bytes"][number % 5]!;
  return `${begin}${"x".repeat(number % 3)}${number * 7919 % keys}`;
}

function run(seed: string, { keys, steps }: { readonly keys: number; readonly steps: number }) {
  const prng = new Prng(seed);
  const pair = new Pair();
  let views: Drawn[] = [];
  for (let step = 0; step < steps; step += 1) {
    const key = keyOf(prng, keys);
    if (prng.chance(0.7)) pair.put(key, valueOf(prng, step));
    else pair.remove(key);
    if (prng.chance(0.0002)) pair.removePrefix(key.slice(0, prng.range(2, 4)));
    if (prng.chance(0.00001)) pair.removePrefix("");
    if (views.length < 3 && prng.chance(0.0005)) views.push(new Drawn(pair));
    if (prng.chance(0.01)) views = views.filter((view) => !view.draw(prng.range(1, keys / 8)));
    if (views.length > 0 && prng.chance(0.0002)) views.pop()!.view.close();
    if (prng.chance(0.001)) {
      const wanted = sorted(pair.held);
      const at = prng.range(0, wanted.length);
      const from = wanted[at]?.[0] ?? "\u00ff\u00ff";
      assert.deepEqual(pair.list("", from), wanted.slice(at, at + 20));
    }
  }
  for (const view of views) assert.ok(view.draw(Infinity));
  pair.check();
}

describe("the table of keys", () => {
  it("has what a map has, in the order of the keys, and views that stay as they were", {
    timeout: 60_000,
  }, () => {
    run("few", { keys: 40, steps: 6_000 });
    run("some", { keys: 1_600, steps: 12_000 });
  });

  it("goes on so with more keys than are sorted at once", { timeout: 60_000 }, () => {
    const prng = new Prng("many");
    const pair = new Pair();
    for (let i = 0; i < 16_000; i += 1) pair.put(keyOf(prng, 1_000_000), valueOf(prng, i));
    const view = new Drawn(pair);
    let count = 0;
    for (const key of [...pair.held.keys()]) {
      if (prng.chance(0.8)) pair.remove(key);
      else if (prng.chance(0.5)) pair.put(key, valueOf(prng, count));
      if (count % 5_000 === 0) assert.deepEqual(pair.list("", key), listed(pair, key));
      count += 1;
    }
    for (let i = 0; i < 10_000; i += 1) pair.put(keyOf(prng, 1_000_000), NO_BYTES);
    assert.ok(view.draw(Infinity));
    assert.deepEqual(pair.list("the same", "a"), listed(pair, "the same"));
    pair.removePrefix("the same");
    pair.check();
  });

  it("goes on so where keys ascend or descend", { timeout: 60_000 }, () => {
    const prng = new Prng("ascending");
    const pair = new Pair();
    for (let i = 0; i < 10_000; i += 1) pair.put(`k${199_999 - i}`, NO_BYTES);
    for (let i = 0; i < 60_000; i += 1) pair.put(`k${200_000 + i}`, NO_BYTES);
    const wanted = sorted(pair.held);
    assert.ok(new Drawn(pair).draw(Infinity));
    for (const [key] of wanted) if (prng.chance(0.3)) pair.remove(key);
    for (let i = 0; i < 9_000; i += 1) pair.put(`k${300_000 + i}`, NO_BYTES);
    assert.ok(new Drawn(pair).draw(Infinity));
    pair.check();
  });

  it(
    "uses the rooms of removed keys again, and gives up pages that are empty",
    { timeout: 60_000 },
    () => {
      const pair = new Pair();
      const cycle = (): void => {
        for (let i = 0; i < 6_000; i += 1) pair.put(`key ${i}`, new Uint8Array(100));
        for (let i = 0; i < 6_000; i += 1) pair.remove(`key ${i}`);
      };
      for (let i = 0; i < 300; i += 1) pair.put(`key ${i}`, new Uint8Array(20_000));
      const largeBytes = pair.table.pageBytes;
      cycle();
      const { pageBytes } = pair.table;
      for (let i = 0; i < 6; i += 1) cycle();
      assert.ok(
        pair.table.pageBytes <= 2 * pageBytes,
        `${pair.table.pageBytes} bytes after ${pageBytes}`,
      );
      assert.ok(pair.table.pageBytes < largeBytes / 2, `${pair.table.pageBytes} of ${largeBytes}`);
    },
  );
});

function listed({ held }: Pair, from: string): [string, Held][] {
  return sorted(held).filter(([key]) => key >= from).slice(0, 20);
}

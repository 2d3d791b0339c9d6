/** Puts under way: how many, of which keys, and which failure counts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PutWindow } from "../../../src/cli/backup/put_window.ts";
import { IMPORT_BYTES_UNDER_WAY_MAX, IMPORT_PUTS_UNDER_WAY_MAX } from "../../../src/limits.ts";

/** Lets everything that only waits for promises go on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Puts that end when they are told to. */
class HeldPuts {
  readonly window = new PutWindow();
  readonly #held = new Map<number, { readonly done: () => void; readonly fail: () => void }>();
  /** The lines that were sent, in order. */
  readonly sent: number[] = [];

  add(number: number, { key = `${number}`, bytes = 1 } = {}): Promise<boolean> {
    const send = () => {
      this.sent.push(number);
      return new Promise<void>((resolve, reject) => {
        this.#held.set(number, {
          done: resolve,
          fail: () => reject(new Error(`line ${number}`)),
        });
      });
    };
    return this.window.add({ number, key: new TextEncoder().encode(key), bytes, send });
  }

  /** Ends the put of a line, and lets what waits for it go on. */
  async end(number: number, how: "done" | "fail" = "done"): Promise<void> {
    this.#held.get(number)![how]();
    await turn();
  }
}

describe("PutWindow", () => {
  it("has so many puts under way and no more", async () => {
    const puts = new HeldPuts();
    for (let line = 1; line <= IMPORT_PUTS_UNDER_WAY_MAX; line += 1) {
      assert.equal(await puts.add(line), true);
    }
    const next = puts.add(1_000);
    await turn();
    assert.equal(puts.sent.length, IMPORT_PUTS_UNDER_WAY_MAX);
    await puts.end(7);
    assert.equal(await next, true);
    assert.equal(puts.sent.at(-1), 1_000);
    assert.equal(puts.window.applied, 1);
  });

  it("has so many bytes under way and no more, but never waits for nobody", async () => {
    const puts = new HeldPuts();
    assert.equal(await puts.add(1, { bytes: IMPORT_BYTES_UNDER_WAY_MAX + 1 }), true);
    const next = puts.add(2);
    await turn();
    assert.deepEqual(puts.sent, [1]);
    await puts.end(1);
    assert.equal(await next, true);
    await puts.add(3, { bytes: IMPORT_BYTES_UNDER_WAY_MAX - 1 });
    const last = puts.add(4);
    await turn();
    assert.deepEqual(puts.sent, [1, 2, 3]);
    await puts.end(3);
    assert.equal(await last, true);
  });

  it("never has two puts of one key under way, and keeps their order", async () => {
    const puts = new HeldPuts();
    await puts.add(1, { key: "a" });
    const second = puts.add(2, { key: "a" });
    await turn();
    assert.deepEqual(puts.sent, [1]);
    await puts.end(1);
    assert.equal(await second, true);
    assert.deepEqual(puts.sent, [1, 2]);
  });

  it("sends nothing after a failure, and names the first line that failed", async () => {
    const puts = new HeldPuts();
    for (const line of [1, 2, 3]) await puts.add(line);
    await puts.end(3, "fail");
    assert.equal(puts.window.failure?.number, 3);
    assert.equal(await puts.add(4), false);
    await puts.end(1, "fail");
    await puts.end(2, "fail");
    await puts.window.settled();
    assert.deepEqual(puts.sent, [1, 2, 3]);
    const { number, error } = puts.window.failure ?? assert.fail("nothing has failed");
    assert.deepEqual([number, (error as Error).message], [1, "line 1"]);
    assert.equal(puts.window.applied, 0);
  });

  it("gives up waiting for room where a put fails", async () => {
    const puts = new HeldPuts();
    await puts.add(1, { bytes: IMPORT_BYTES_UNDER_WAY_MAX });
    const next = puts.add(2);
    await puts.end(1, "fail");
    assert.equal(await next, false);
    assert.deepEqual(puts.sent, [1]);
  });

  it("is settled when nothing is under way", async () => {
    const puts = new HeldPuts();
    await puts.window.settled();
    await puts.add(1);
    let isSettled = false;
    const settled = puts.window.settled().then(() => void (isSettled = true));
    await turn();
    assert.equal(isSettled, false);
    await puts.end(1);
    await settled;
  });
});

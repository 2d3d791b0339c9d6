/** Lines of a file, wherever its pieces end. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type NumberedLine, readPieces, splitLines } from "../../../src/cli/backup/read_lines.ts";
import { IMPORT_LINE_BYTES_MAX } from "../../../src/limits.ts";
import { detectRuntime } from "../../../src/runtime/detect.ts";

async function linesOf(pieces: Iterable<Uint8Array>): Promise<NumberedLine[]> {
  const drawn = (async function* () {
    yield* pieces;
  })();
  const lines: NumberedLine[] = [];
  for await (const line of splitLines(drawn)) lines.push(line);
  return lines;
}

/** The bytes in pieces of `size`. */
function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

const encode = (text: string) => new TextEncoder().encode(text);

describe("splitLines", () => {
  it("finds the same lines however the bytes come", async () => {
    const bytes = encode("first\n\nzweite Zeile: ä€😀\r\n\r\nlast");
    const wanted = [
      { number: 1, text: "first", fault: null, endBytes: 6 },
      { number: 3, text: "zweite Zeile: ä€😀", fault: null, endBytes: 32 },
      { number: 5, text: "last", fault: null, endBytes: bytes.length },
    ];
    for (let size = 1; size <= bytes.length; size += 1) {
      assert.deepEqual(await linesOf(cut(bytes, size)), wanted, `pieces of ${size}`);
    }
  });

  it("counts no empty line, and none behind the last end", async () => {
    assert.deepEqual(await linesOf([]), []);
    assert.deepEqual(await linesOf([encode("\n\n\n")]), []);
    assert.deepEqual((await linesOf([encode("a\n")])).map(({ text }) => text), ["a"]);
  });

  it("names a line that is no UTF-8, and goes on", async () => {
    const bytes = Uint8Array.of(...encode("good\n"), 0xc3, 0x28, 10, ...encode("again"));
    const lines = await linesOf(cut(bytes, 3));
    assert.deepEqual(lines.map(({ number, text, fault }) => [number, text, fault]), [
      [1, "good", null],
      [2, "", "it is no UTF-8"],
      [3, "again", null],
    ]);
  });

  it("gives up a line that is too long, and draws nothing behind it", async () => {
    const piece = new Uint8Array(1024 * 1024).fill(97);
    let drawn = 0;
    const endless = function* () {
      yield encode("one\n");
      for (;; drawn += 1) yield piece;
    };
    const lines = await linesOf(endless());
    assert.deepEqual(lines.map(({ number }) => number), [1, 2]);
    assert.match(lines[1]!.fault ?? "", /more than 67108864 bytes/);
    assert.equal(drawn, IMPORT_LINE_BYTES_MAX / piece.length);
  });

  it("minds the length of a line and not of all lines before it", async () => {
    const piece = new Uint8Array(IMPORT_LINE_BYTES_MAX / 8).fill(97);
    piece[0] = 10;
    const lines = await linesOf(Array.from({ length: 10 }, () => piece));
    assert.deepEqual(lines.map(({ fault }) => fault), Array.from({ length: 10 }, () => null));
  });
});

describe("readPieces", () => {
  it("reads a file to its end, and closes it", async () => {
    const runtime = await detectRuntime();
    const path = await mkdtemp(join(tmpdir(), "raft-lines-"));
    const bytes = new Uint8Array(150_000).map((_, at) => at % 251);
    await writeFile(`${path}/file`, bytes);
    const pieces: Uint8Array[] = [];
    for await (const piece of readPieces(runtime, `${path}/file`)) pieces.push(piece);
    assert.deepEqual(pieces.map(({ length }) => length), [65_536, 65_536, 18_928]);
    assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes));
    await rm(path, { recursive: true });
  });
});

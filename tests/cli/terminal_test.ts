import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { onStopSignals, readLines } from "../../src/cli/terminal.ts";
import { FakeHost } from "./fake_host.ts";

async function linesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = [];
  const source = (async function* () {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  })();
  for await (const line of readLines(source)) lines.push(line);
  return lines;
}

describe("readLines", () => {
  it("puts lines together that were cut at any byte", async () => {
    const bytes = new TextEncoder().encode("clé\r\n\n日本\nlast");
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    for (const chunks of [[bytes], single]) {
      assert.deepEqual(await linesOf(chunks), ["clé", "", "日本", "last"]);
    }
  });

  it("has no line in an empty stream, and none behind the last line end", async () => {
    assert.deepEqual(await linesOf([]), []);
    assert.deepEqual(await linesOf([new TextEncoder().encode("a\n")]), ["a"]);
  });
});

describe("onStopSignals", () => {
  it("stops in good order at first and at once after that", () => {
    const host = new FakeHost();
    const seen: string[] = [];
    const release = onStopSignals(host, {
      onStop: (signal) => seen.push(`stop ${signal}`),
      onStopNow: (signal) => seen.push(`now ${signal}`),
    });
    host.signal("SIGTERM");
    host.signal("SIGINT");
    release();
    host.signal("SIGTERM");
    assert.deepEqual(seen, ["stop SIGTERM", "now SIGINT"]);
  });
});

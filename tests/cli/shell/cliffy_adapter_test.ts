import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openCommandLoop } from "../../../src/cli/shell/cliffy_adapter.ts";
import { openSystemLinePipe } from "../../../src/runtime/shared/system_line_pipe.ts";

describe("openCommandLoop", () => {
  it("carries any words through the library unchanged, one line after the other", async () => {
    const seen: (readonly string[])[] = [];
    const loop = openCommandLoop(openSystemLinePipe(), (words) => {
      seen.push(words);
      return Promise.resolve();
    });
    const lines = [
      ["put", "a/b:c", "two words"],
      ["help", "get"],
      ["put", "clé", "日本 🚀", "", "@file", '"', "'"],
      ["put", "big", "x".repeat(100_000)],
    ];
    for (const words of lines) await loop.run(words);
    loop.close();
    assert.deepEqual(seen, lines);
  });
});

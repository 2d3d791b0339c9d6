/** What the program advises is there, and is safe. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { catalogue } from "../../src/cli/catalogue.ts";

const LITERAL = /"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;

/** The texts in the sources, without comments. */
function texts(): string[] {
  return readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.startsWith("testing"))
    .flatMap((name) => {
      const code = readFileSync(`src/${name}`, "utf8").replace(/^ *(\/\/|\*|\/\*).*$/gm, "");
      return code.match(LITERAL) ?? [];
    });
}

describe("advice", () => {
  it("names no command that does not exist", () => {
    const names = new Set(["help", "itself", ...catalogue.map(({ name }) => name.split(" ")[0])]);
    const named = texts().flatMap((text) => [...text.matchAll(/: raft ([a-z]+)\b/g)]);
    assert.ok(named.length > 10, `found ${named.length} commands`);
    assert.deepEqual(named.filter(([, name]) => !names.has(name ?? "")).map(([text]) => text), []);
  });

  it("never sends a node back to an older copy, nor to a new id", () => {
    const unsafe = /from a backup|older backup|under a new id|from its peers|a new id, or/;
    assert.deepEqual(texts().filter((text) => unsafe.test(text)), []);
  });
});

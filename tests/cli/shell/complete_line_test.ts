import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { catalogue } from "../../../src/cli/catalogue.ts";
import { completeLine } from "../../../src/cli/shell/complete_line.ts";

async function complete(text: string): Promise<string[]> {
  const findKeys = (prefix: string) => Promise.resolve([`${prefix}1`, `${prefix}2`]);
  const { candidates } = await completeLine(text, { catalogue, findKeys });
  return candidates.map((candidate) => candidate.trimEnd());
}

describe("completeLine", () => {
  it("offers commands", async () => {
    assert.deepEqual(await complete("sta"), ["start", "status"]);
    assert.ok((await complete("")).includes("get"));
    assert.deepEqual(await complete("raft lead"), ["leader"]);
  });

  it("offers the second word of a command", async () => {
    assert.deepEqual(await complete("wait "), [
      "leader",
      "healthy",
      "key",
      "absent",
      "index",
      "member",
    ]);
    assert.deepEqual(await complete("wait he"), ["healthy"]);
    assert.deepEqual(await complete("wai"), ["wait"]);
  });

  it("offers flags of the command and of all commands", async () => {
    assert.deepEqual(await complete("put k v --if-a"), ["--if-absent"]);
    assert.deepEqual(await complete("put k v --time"), ["--timeout"]);
  });

  it("offers the choices of a flag and of an argument", async () => {
    assert.deepEqual(await complete("get k -o "), ["text", "json", "table"]);
    assert.deepEqual(await complete("bench m"), ["mixed"]);
  });

  it("offers keys where a key belongs", async () => {
    assert.deepEqual(await complete("get users/"), ["users/1", "users/2"]);
    assert.deepEqual(await complete("put k "), []);
  });
});

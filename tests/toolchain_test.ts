/**
 * Proves that the three runtimes load the same libraries and run the same test style.
 *
 * Every other test relies on this: one file, `node:test` and `node:assert/strict`, unchanged under
 * Deno, Bun and Node.
 */
import assert from "node:assert/strict";
import { after, before, describe, it, test } from "node:test";
import { getLogger } from "@logtape/logtape";
import * as capnp from "capnp-ts";
import { Command } from "commander";
import * as sortedBtree from "sorted-btree";
import { z } from "zod";

/** The default export of a CommonJS module, which type checkers too see wrapped once or twice. */
type Unwrapped<Module> = Module extends { default: infer Inner } ? Inner : Module;

/** The class behind sorted-btree's default export, on whichever runtime this is. */
function bTreeClass(): Unwrapped<typeof sortedBtree.default> {
  const exported = sortedBtree.default as unknown as { default?: unknown };
  return (exported.default ?? exported) as Unwrapped<typeof sortedBtree.default>;
}

describe("toolchain", () => {
  const events: string[] = [];

  before(() => {
    events.push("before");
  });

  after(() => {
    assert.deepEqual(events, ["before", "sync", "async"]);
  });

  it("runs a synchronous test after the before hook", () => {
    assert.deepEqual(events, ["before"]);
    events.push("sync");
  });

  it("runs asynchronous tests in the order of the file", async () => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    events.push("async");
  });
});

test("capnp-ts writes a message with its segment table", () => {
  const message = new capnp.Message();
  message.getSegment(0);
  const bytes = new Uint8Array(message.toArrayBuffer());
  assert.equal(new DataView(bytes.buffer).getUint32(0, true), 0);
});

test("sorted-btree clones without sharing later writes", () => {
  const BTree = bTreeClass();
  const original = new BTree<string, number>([["a", 1], ["b", 2]]);
  const copy = original.clone();
  copy.set("c", 3);
  assert.equal(original.size, 2);
  assert.deepEqual([...copy.keys()], ["a", "b", "c"]);
});

test("zod rejects a value of the wrong type", () => {
  const schema = z.object({ id: z.number().int().positive() });
  assert.equal(schema.safeParse({ id: 1 }).success, true);
  assert.equal(schema.safeParse({ id: "1" }).success, false);
});

test("commander parses an option with a value", () => {
  const program = new Command().exitOverride().option("--id <n>", "node id");
  program.parse(["--id", "7"], { from: "user" });
  assert.deepEqual(program.opts(), { id: "7" });
});

test("logtape hands out a logger without configuration", () => {
  getLogger(["raft", "test"]).info("Not configured, so nothing is printed");
});

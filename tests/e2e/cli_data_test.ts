import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { binary, cleanEnvironment, collect, raft, TestCluster, Workbench } from "./raft_binary.ts";

describe("raft put, get, ls, del, incr, shell", () => {
  let bench: Workbench;
  let cluster: TestCluster;

  before(async () => {
    bench = new Workbench();
    cluster = await TestCluster.start(bench, 1);
  });

  after(() => bench.close());

  it("get gives back exactly the bytes that put was given", async () => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, n) => (n * 7919) >>> 3);
    assert.equal((await cluster.run(["put", "big", "-"], { input: bytes })).code, 0);
    const piped = await cluster.run(["get", "big"]);
    assert.equal(Buffer.compare(Buffer.from(piped.bytes), Buffer.from(bytes)), 0);
    writeFileSync(bench.path("value"), bytes);
    await cluster.run(["put", "file", `@${bench.path("value")}`]);
    assert.equal((await cluster.run(["get", "file"])).bytes.length, bytes.length);
    await cluster.run(["put", "short", "no line end"]);
    assert.equal((await cluster.run(["get", "short"])).output, "no line end");
  });

  it("put refuses a value that is too large with 10 and a missing file with 3", async () => {
    const input = new Uint8Array((8 << 20) + 1);
    assert.equal((await cluster.run(["put", "k", "-"], { input })).code, 10);
    assert.equal((await cluster.run(["put", "k", "@no-such-file"])).code, 3);
  });

  it("prints all of a large result into a pipe and ends", async () => {
    await cluster.run(["put", "large", "-"], { input: new Uint8Array(7 << 20) });
    assert.equal((await cluster.run(["get", "large"])).bytes.length, 7 << 20);
  });

  it("ends quietly when its reader goes away", async () => {
    const child = spawn(
      "sh",
      ["-c", `"${binary}" get large -e ${cluster.endpoints} | head -c 10`],
      {
        env: cleanEnvironment,
      },
    );
    const { output, errors } = await collect(child);
    assert.equal(output.length, 10);
    assert.equal(errors, "");
  });

  it("conditions and counters answer as the contract says", async () => {
    const first = await cluster.json(["put", "a", "1", "--if-absent"]);
    assert.deepEqual(Object.keys(first), ["key", "revision", "created", "term", "index"]);
    assert.equal((await cluster.run(["put", "a", "2", "--if-absent"])).code, 4);
    const second = await cluster.json(["put", "a", "2", "--if-revision", String(first.revision)]);
    assert.ok(second.revision > first.revision);
    assert.equal((await cluster.run(["incr", "a", "40"])).output, "42\n");
    assert.equal((await cluster.run(["get", "nothing"])).code, 3);
    assert.equal((await cluster.run(["del", "a"])).code, 0);
  });

  it("a repeated request id is applied once", async () => {
    const words = ["incr", "once", "--request-id", "my-request"];
    assert.equal((await cluster.run(words)).output, "1\n");
    assert.equal((await cluster.run(words)).output, "1\n");
    assert.equal((await cluster.run(["get", "once"])).output, "1");
  });

  it("ls goes through every page", async () => {
    const lines = Array.from({ length: 2500 }, (_, n) => `put page/${n} ${n}`).join("\n");
    const put = await cluster.run(["shell", "-q"], { input: lines });
    assert.equal(put.code, 0, put.errors);
    const all = await cluster.json(["ls", "page/", "--limit", "5000"]);
    assert.equal(all.items.length, 2500);
    assert.equal(all.more, false);
    const some = await cluster.json(["ls", "page/"]);
    assert.deepEqual([some.items.length, some.more], [1000, true]);
  });

  it("shell prints one JSON document a line on one connection", async () => {
    const input = "put s 'x y'\nget s\nget nothing\nincr s\n";
    const { output, code } = await cluster.run(["shell", "-o", "json", "--keep-going"], { input });
    const documents = output.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(documents.map(({ exit }) => exit), [0, 0, 3, 4]);
    assert.equal(documents[1].value, "x y");
    assert.equal(code, 4);
  });

  it("an unreachable endpoint is 5 and an unknown flag 2", async () => {
    const away = await raft(["get", "k", "-e", "127.0.0.1:1", "-t", "300ms", "-o", "json"]);
    assert.equal(away.code, 5);
    assert.equal(JSON.parse(away.errors).error.applied, "no");
    assert.equal((await raft(["get", "k", "--no-such-flag"])).code, 2);
  });

  it("version answers within 60 ms", async () => {
    const millis: number[] = [];
    for (let run = 0; run < 10; run += 1) millis.push((await raft(["version"])).millis);
    assert.ok(Math.min(...millis) < 60, `the fastest of ten took ${Math.min(...millis)}ms`);
    const { output } = await raft(["version", "-o", "json"]);
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    assert.equal(JSON.parse(output).version, version);
  });
});

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OwnProcess } from "./kit/own_process.ts";
import { answerOf, assertExit, cleanEnvironment, documentOf } from "./kit/run_raft.ts";
import { errorOf, raftCommand, runRaft } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";

const NAME = "raft put, get, ls, del, incr, shell";

describeCluster({ name: NAME, nodeCount: 1 }, (clusterIt) => {
  clusterIt("get gives back exactly the bytes that put was given", async (cluster) => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, n) => (n * 7919) >>> 3);
    assertExit(await cluster.feed(bytes, ["put", "big", "-"]), 0);
    const piped = await cluster.run(["get", "big"]);
    assert.equal(Buffer.compare(piped.stdoutBytes, bytes), 0);
    const file = join(cluster.folder, "value");
    writeFileSync(file, bytes);
    await cluster.run(["put", "file", `@${file}`]);
    assert.equal((await cluster.run(["get", "file"])).stdoutBytes.length, bytes.length);
    await cluster.run(["put", "short", "no line end"]);
    assert.equal((await cluster.run(["get", "short"])).stdout, "no line end");
  });

  clusterIt("put refuses too large a value with 10 and a missing file with 3", async (cluster) => {
    assertExit(await cluster.feed(new Uint8Array((8 << 20) + 1), ["put", "k", "-"]), 10);
    assertExit(await cluster.run(["put", "k", "@no-such-file"]), 3);
  });

  clusterIt("prints all of a large result into a pipe and ends", async (cluster) => {
    await cluster.feed(new Uint8Array(7 << 20), ["put", "large", "-"]);
    assert.equal((await cluster.run(["get", "large"])).stdoutBytes.length, 7 << 20);
  });

  clusterIt("ends quietly when its reader goes away", async (cluster) => {
    await cluster.feed(new Uint8Array(7 << 20), ["put", "large", "-"]);
    const line = `${raftCommand.join(" ")} get large -e ${cluster.endpoints} | head -c 10`;
    const command = ["sh", "-c", line];
    const child = new OwnProcess({ command, environment: cleanEnvironment() });
    const { stdout, stderr } = await answerOf(child, command);
    assert.equal(stdout.length, 10);
    assert.equal(stderr, "");
  });

  clusterIt("conditions and counters answer as the contract says", async (cluster) => {
    const first = await cluster.document(["put", "a", "1", "--if-absent"]);
    assert.deepEqual(Object.keys(first), ["key", "revision", "created", "term", "index"]);
    assertExit(await cluster.run(["put", "a", "2", "--if-absent"]), 4);
    const second = await cluster.document(["put", "a", "2", "--if-revision", `${first.revision}`]);
    assert.ok(second.revision > first.revision);
    assert.equal((await cluster.run(["incr", "a", "40"])).stdout, "42\n");
    assertExit(await cluster.run(["get", "nothing"]), 3);
    assertExit(await cluster.run(["del", "a"]), 0);
  });

  clusterIt("a repeated request id is applied once", async (cluster) => {
    const words = ["incr", "once", "--request-id", "my-request"];
    assert.equal((await cluster.run(words)).stdout, "1\n");
    assert.equal((await cluster.run(words)).stdout, "1\n");
    assert.equal((await cluster.run(["get", "once"])).stdout, "1");
  });

  clusterIt("ls goes through every page", async (cluster) => {
    const lines = Array.from({ length: 2500 }, (_, n) => `put page/${n} ${n}`).join("\n");
    assertExit(await cluster.feed(lines, ["shell", "-q"]), 0);
    const all = await cluster.document(["ls", "page/", "--limit", "5000"]);
    assert.equal(all.items.length, 2500);
    assert.equal(all.more, false);
    const some = await cluster.document(["ls", "page/"]);
    assert.deepEqual([some.items.length, some.more], [1000, true]);
  });

  clusterIt("shell prints one JSON document a line on one connection", async (cluster) => {
    const input = "put s 'x y'\nget s\nget nothing\nincr s\n";
    const answer = await cluster.feed(input, ["shell", "-o", "json", "--keep-going"]);
    const documents = answer.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(documents.map(({ exit }) => exit), [0, 0, 3, 4]);
    assert.equal(documents[1].value, "x y");
    assertExit(answer, 4);
  });

  clusterIt("an unreachable endpoint is 5 and an unknown flag 2", async () => {
    const away = await runRaft(["get", "k", "-e", "127.0.0.1:1", "-t", "300ms", "-o", "json"]);
    assertExit(away, 5);
    assert.equal(errorOf(away).applied, "no");
    assertExit(await runRaft(["get", "k", "--no-such-flag"]), 2);
  });

  clusterIt("version answers within 60 ms", async () => {
    const millis: number[] = [];
    for (let run = 0; run < 10; run += 1) millis.push((await runRaft(["version"])).elapsedMs);
    assert.ok(Math.min(...millis) < 60, `the fastest of ten took ${Math.min(...millis)}ms`);
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    assert.equal(documentOf(await runRaft(["version", "-o", "json"])).version, version);
  });
});

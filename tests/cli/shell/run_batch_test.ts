import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeCluster } from "../fake_cluster.ts";
import { FakeHost } from "../fake_host.ts";
import { type Ran, runLine } from "../run_line.ts";

function shell(lines: string, flags: readonly string[] = []): Promise<Ran> {
  const host = new FakeHost();
  host.standardInput.bytes = new TextEncoder().encode(lines);
  return runLine(["shell", ...flags], { host });
}

describe("raft shell with piped input", () => {
  it("runs one command a line", async () => {
    const { output, exit } = await shell("put a 'x y'\n\n# comment\nraft get a\nget a");
    assert.equal(output, "created a, revision 11\nx y\nx y\n");
    assert.equal(exit, 0);
  });

  it("stops at the first error and ends with its code", async () => {
    const { output, errors, exit } = await shell("get nope\nput a 1\n");
    assert.equal(output, "");
    assert.match(errors, /key "nope" does not exist/);
    assert.equal(exit, 3);
  });

  it("goes on with --keep-going and ends with the code of the last error", async () => {
    const { output, exit } = await shell("get nope\nput a 1\n", ["--keep-going"]);
    assert.equal(output, "created a, revision 11\n");
    assert.equal(exit, 3);
  });

  it("prints exactly one JSON document a line, in order, each with its exit code", async () => {
    const lines = "put a 1\nget a\nget nope\nput 'a\nput\nhelp\nls -o table\n";
    const { host, errors } = await shell(lines, ["--keep-going", "-o", "json"]);
    const documents = host.standardOutput.lines.map((line) => JSON.parse(line));
    assert.deepEqual(documents.map(({ exit }) => exit), [0, 0, 3, 2, 2, 0, 0]);
    assert.equal(documents[0].revision, 11);
    assert.equal(documents[1].value, "1");
    assert.equal(documents[2].error.code, "not_found");
    assert.equal(documents[6].items.length, 1);
    assert.equal(errors, "");
  });

  it("leaves at exit", async () => {
    assert.equal((await shell("exit\nput a 1\n")).output, "");
  });

  it("hands its own flags to each line, which may replace them", async () => {
    const cluster = new FakeCluster();
    const host = new FakeHost();
    host.standardInput.bytes = new TextEncoder().encode(
      "get a --default 1\nget a --default 1 --consistency lease\n",
    );
    await runLine(["shell", "--consistency", "stale"], { host, cluster });
    const asked = cluster.asked.map(({ options }) => (options as { consistency: string }));
    assert.deepEqual(asked.map(({ consistency }) => consistency), ["stale", "lease"]);
  });

  it("does not start what belongs outside, and reads no value from its own input", async () => {
    const { errors, exit } = await shell("demo\nput a -\n", ["--keep-going"]);
    assert.match(errors, /raft demo cannot run inside the shell/);
    assert.match(errors, /Cannot read a value from standard input inside the shell/);
    assert.equal(exit, 2);
  });
});

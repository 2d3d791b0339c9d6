import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { guessFormat } from "../../src/cli/session.ts";
import { NoQuorumError } from "../../src/errors.ts";
import { FileError } from "../../src/runtime/runtime.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { FakeHost } from "./fake_host.ts";
import { runLine } from "./run_line.ts";

function hostWith(environment: Record<string, string>): FakeHost {
  const host = new FakeHost();
  host.environment = environment;
  return host;
}

describe("session", () => {
  it("prints a value byte for byte when it is piped", async () => {
    const cluster = new FakeCluster();
    await runLine(["put", "k", "v"], { cluster });
    const { output, exit } = await runLine(["get", "k"], { cluster });
    assert.deepEqual({ output, exit }, { output: "v", exit: 0 });
  });

  it("adds a line end on a terminal", async () => {
    const host = new FakeHost();
    host.standardOutput.isTerminal = true;
    const { cluster } = await runLine(["put", "k", "v"]);
    assert.equal((await runLine(["get", "k"], { host, cluster })).output, "v\n");
  });

  it("prints bytes that are no text, and base64 in JSON", async () => {
    const host = new FakeHost();
    host.files.contents.set("f", Uint8Array.of(0, 255, 10));
    const { cluster } = await runLine(["put", "k", "@f"], { host });
    const raw = await runLine(["get", "k"], { cluster });
    assert.deepEqual([...raw.host.standardOutput.chunks[0]!], [0, 255, 10]);
    const { output } = await runLine(["get", "k", "-o", "json"], { cluster });
    assert.deepEqual(JSON.parse(output), {
      key: "k",
      value: "AP8K",
      encoding: "base64",
      revision: 11,
      createRevision: 11,
      version: 1,
      servedBy: 1,
    });
  });

  it("reads a value from standard input, all of it", async () => {
    const host = new FakeHost();
    host.standardInput.bytes = new TextEncoder().encode("one line\nand another\n");
    const { cluster } = await runLine(["put", "k", "-"], { host });
    assert.equal((await runLine(["get", "k"], { cluster })).output, "one line\nand another\n");
  });

  it("ends with 3 for a key that does not exist, with 0 if there is a default", async () => {
    const missing = await runLine(["get", "k", "-o", "json"]);
    assert.equal(missing.exit, 3);
    assert.equal(missing.output, "");
    assert.equal(JSON.parse(missing.errors).error.code, "not_found");
    const known = await runLine(["get", "k", "--default", "d"]);
    assert.deepEqual([known.exit, known.output], [0, "d"]);
  });

  it("prints the documents of the contract", async () => {
    const cluster = new FakeCluster();
    const json = async (...words: string[]) =>
      JSON.parse((await runLine([...words, "--json"], { cluster })).output);
    assert.deepEqual(await json("put", "a", "1"), {
      key: "a",
      revision: 11,
      created: true,
      term: 3,
      index: 11,
    });
    assert.deepEqual((await json("put", "a", "2", "--previous")).previous, {
      value: "1",
      revision: 11,
    });
    assert.deepEqual(await json("incr", "n", "-3"), { key: "n", value: -3, revision: 13 });
    await json("put", "ab", "3");
    assert.deepEqual(await json("ls", "a", "--values"), {
      items: [{ key: "a", value: "2", revision: 12 }, { key: "ab", value: "3", revision: 14 }],
      more: false,
      revision: 14,
    });
    assert.deepEqual(await json("del", "a"), { deleted: 1, revision: 15 });
    assert.deepEqual(await json("del", "--prefix", "a", "--dry-run"), {
      deleted: 1,
      revision: 16,
      dryRun: true,
    });
    assert.deepEqual(await json("del", "a"), { deleted: 0, revision: 17 });
    assert.deepEqual(await json("leader"), {
      id: 1,
      address: "127.0.0.1:7238",
      term: 3,
      transferTarget: null,
    });
    assert.deepEqual(Object.keys(await json("version")), [
      "version",
      "commit",
      "protocol",
      "format",
      "runtime",
    ]);
  });

  it("goes through the pages of a list up to the limit", async () => {
    const cluster = new FakeCluster();
    for (const key of ["a", "b", "c", "d", "e"]) await runLine(["put", key, key], { cluster });
    assert.equal((await runLine(["ls"], { cluster })).output, "a\nb\nc\nd\ne\n");
    const some = await runLine(["ls", "--limit", "3"], { cluster });
    assert.equal(some.output, "a\nb\nc\n");
    assert.match(some.errors, /more: raft ls {2}--after 'c'/);
    assert.equal((await runLine(["ls", "--after", "d"], { cluster })).output, "e\n");
  });

  it("ends with 4 where a condition does not hold, and says what was found", async () => {
    const { cluster } = await runLine(["put", "k", "v"]);
    for (const flags of [["--if-absent"], ["--if-revision", "3"], ["--if-value", "x"]]) {
      const { exit, errors } = await runLine(["put", "k", "w", ...flags], { cluster });
      assert.equal(exit, 4);
      assert.match(errors, /it has revision 11/);
    }
    const good = await runLine(["put", "k", "w", "--if-value", "v"], { cluster });
    assert.equal(good.exit, 0);
  });

  it("ends with 4 for an increment of what is no number", async () => {
    const { cluster } = await runLine(["put", "k", "v"]);
    const { exit, errors } = await runLine(["incr", "k"], { cluster });
    assert.equal(exit, 4);
    assert.match(errors, /Cannot increment "k"/);
  });

  it("refuses two conditions and asks nobody", async () => {
    const { exit, cluster } = await runLine(["put", "k", "v", "--if-absent", "--if-present"]);
    assert.equal(exit, 2);
    assert.deepEqual(cluster.asked, []);
  });

  it("refuses a key or a value that is too large and asks nobody", async () => {
    const { exit, cluster } = await runLine(["put", "k".repeat(65_537), "v"]);
    assert.equal(exit, 10);
    assert.deepEqual(cluster.asked, []);
    const host = new FakeHost();
    host.files.contents.set("f", new Uint8Array(8 * 2 ** 20 + 1));
    assert.equal((await runLine(["put", "k", "@f"], { host })).exit, 10);
    assert.equal((await runLine(["put", "", "v"])).exit, 2);
  });

  it("prints one field raw, and ends with 3 where there is none", async () => {
    const { output } = await runLine(["status", "--field", "leader.id"]);
    assert.equal(output, "1\n");
    const { exit, errors } = await runLine(["status", "--field", "leader.ide"]);
    assert.equal(exit, 3);
    assert.match(errors, /did you mean "id"\?/);
  });

  it("passes consistency, deadline and request id on", async () => {
    const { cluster } = await runLine(["get", "k", "--consistency", "stale:2s", "-t", "60s"]);
    const { timeoutMs, ...read } = cluster.asked[0]?.options as { timeoutMs: number };
    assert.deepEqual(read, { consistency: "stale", maxAgeMs: 2000 });
    assert.ok(timeoutMs > 0 && timeoutMs <= 60_000);
    const id = `raft-${"0".repeat(31)}1`;
    const put = await runLine(["put", "k", "v", "--request-id", id]);
    const { commandId } = put.cluster.asked[0]?.options as { commandId: Uint8Array };
    assert.equal(commandId[15], 1);
  });

  it("prints an error as the format asks, also when the line is not understood", async () => {
    const text = await runLine(["gett"]);
    assert.match(text.errors, /^error: Unknown command "gett" +\[usage, exit 2\]\n {2}fix: /);
    const json = await runLine(["gett", "-o", "json"]);
    assert.equal(JSON.parse(json.errors).error.exit, 2);
    const byVariable = await runLine(["gett"], { host: hostWith({ RAFT_OUTPUT: "json" }) });
    assert.equal(JSON.parse(byVariable.errors).error.code, "usage");
  });

  it("reports the errors of the client with their exit codes", async () => {
    const cluster = new FakeCluster();
    cluster.error = new NoQuorumError("No leader");
    const { exit, errors } = await runLine(["put", "k", "v", "--json"], { cluster });
    assert.equal(exit, 6);
    assert.equal(JSON.parse(errors).error.applied, "no");
  });

  it("warns of an unknown variable, but not with --quiet", async () => {
    const environment = { RAFT_ENDPIONTS: "x" };
    const warned = await runLine(["leader"], { host: hostWith(environment) });
    assert.match(warned.errors, /did you mean RAFT_ENDPOINTS/);
    assert.equal((await runLine(["leader", "-q"], { host: hostWith(environment) })).errors, "");
  });

  it("closes the connection after the line", async () => {
    assert.equal((await runLine(["leader"])).cluster.isClosed, true);
  });

  it("reads the file that --config names", async () => {
    const host = new FakeHost();
    host.files.set("raft.json", '{"output":"json"}');
    const { output } = await runLine(["leader", "--config", "raft.json"], { host });
    assert.equal(JSON.parse(output).id, 1);
    assert.equal((await runLine(["leader", "--config", "none.json"])).exit, 3);
  });

  it("explains where each setting comes from", async () => {
    const host = hostWith({ RAFT_TIMEOUT: "9s" });
    const { output } = await runLine(["config", "show", "--explain", "-o", "json"], { host });
    const shown = JSON.parse(output);
    assert.deepEqual(shown.timeout, {
      value: "9s",
      source: "environment RAFT_TIMEOUT",
      variable: "RAFT_TIMEOUT",
    });
    assert.equal(shown.output.source, "flag --output");
    assert.equal(shown.heartbeat.value, "100ms");
  });

  it("says that a write was made whose result cannot be printed", async () => {
    const host = new FakeHost();
    host.standardOutput.write = () =>
      Promise.reject(new FileError("ENOSPC", "standard output", "Cannot write: no space left"));
    const { exit, errors } = await runLine(["put", "key", "value", "-o", "json"], { host });
    const { error } = JSON.parse(errors);
    assert.deepEqual([exit, error.exit, error.applied, error.retryable], [1, 1, "yes", false]);
    assert.match(error.message, /was carried out/);
    assert.match(error.fix[0], /free room/);
  });

  it("prints a table", async () => {
    const { output } = await runLine(["status", "-o", "table"]);
    assert.match(output, /│ 1 +│ 127\.0\.0\.1:7238 │ leader/);
  });

  it("explains every exit code", async () => {
    for (const code of ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "123", "137"]) {
      assert.equal((await runLine(["error", code])).exit, 0, code);
    }
    assert.equal((await runLine(["error", "99"])).exit, 2);
  });
});

describe("guessFormat", () => {
  it("finds the format in words that were not understood", () => {
    assert.equal(guessFormat(["x", "-o", "json"], undefined), "json");
    assert.equal(guessFormat(["x", "--output=json"], undefined), "json");
    assert.equal(guessFormat(["x", "-ojson"], undefined), "json");
    assert.equal(guessFormat(["x", "--json"], undefined), "json");
    assert.equal(guessFormat(["x"], "json"), "json");
    assert.equal(guessFormat(["x", "-o", "text"], "json"), "text");
    assert.equal(guessFormat(["x"], undefined), "text");
  });
});

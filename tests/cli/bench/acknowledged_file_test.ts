import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAcknowledged } from "../../../src/cli/bench/acknowledged_file.ts";
import { FakeCluster } from "../fake_cluster.ts";
import { FakeHost } from "../fake_host.ts";
import { runLine } from "../run_line.ts";

describe("parseAcknowledged", () => {
  it("keeps the highest index of each key and leaves out a line that was cut off", () => {
    const indexes = parseAcknowledged("f", "a 3\nb 4\na 7\na 5\nc 1");
    assert.deepEqual([...indexes], [["a", 7], ["b", 4]]);
  });

  it("refuses other files", () => {
    assert.throws(() => parseAcknowledged("f", "a\n"), /f: line 1 is not KEY INDEX/);
  });
});

describe("raft bench --verify", () => {
  it("is content where every key has its revision or a later one", async () => {
    const cluster = new FakeCluster();
    await runLine(["put", "a", "1"], { cluster });
    const host = new FakeHost();
    host.files.set("f", "a 11\n");
    const ran = await runLine(["bench", "get", "--verify", "f", "--json"], { cluster, host });
    assert.deepEqual(JSON.parse(ran.output), { operation: "verify", keys: 1, lost: 0 });
  });

  it("names what is lost", async () => {
    const cluster = new FakeCluster();
    await runLine(["put", "a", "1"], { cluster });
    const host = new FakeHost();
    host.files.set("f", "a 12\nb 5\n");
    const { exit, errors } = await runLine(["bench", "get", "--verify", "f"], { cluster, host });
    assert.equal(exit, 1);
    assert.match(errors, /2 acknowledged writes are lost/);
    assert.match(errors, /b: acknowledged at index 5, has revision 0/);
  });
});

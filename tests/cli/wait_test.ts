import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DeniedError, UnreachableError } from "../../src/errors.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { runLine } from "./run_line.ts";

describe("raft wait", () => {
  it("leader goes on although nobody can be reached at first", async () => {
    const cluster = new FakeCluster();
    cluster.error = new UnreachableError("Nobody is there");
    cluster.onAsk = (count) => cluster.error = count < 2 ? cluster.error : null;
    const { exit, output } = await runLine(["wait", "leader", "--json"], { cluster });
    assert.equal(exit, 0);
    assert.equal(JSON.parse(output).id, 1);
    assert.equal(cluster.asked.length, 3);
  });

  it("ends with 4 at the deadline and says what was missing", async () => {
    const cluster = new FakeCluster();
    cluster.error = new UnreachableError("Nobody is there");
    const { exit, errors } = await runLine(["wait", "leader", "-t", "150ms"], { cluster });
    assert.equal(exit, 4);
    assert.match(errors, /waited 150ms for a leader: not in time +\[condition, exit 4\]/);
    assert.match(errors, /Nobody is there/);
  });

  it("does not go on where it is refused", async () => {
    const cluster = new FakeCluster();
    cluster.error = new DeniedError("Wrong cluster");
    assert.equal((await runLine(["wait", "leader"], { cluster })).exit, 8);
  });

  it("key waits for the key, and for the value behind the first =", async () => {
    const cluster = new FakeCluster();
    cluster.onAsk = (count) => count === 1 && void cluster.keyValue.put("k", "a=b");
    const found = await runLine(["wait", "key", "k=a=b", "--json"], { cluster });
    assert.equal(JSON.parse(found.output).value, "a=b");
    assert.equal((await runLine(["wait", "key", "k"], { cluster })).exit, 0);
    const other = await runLine(["wait", "key", "k=c", "-t", "100ms"], { cluster });
    assert.equal(other.exit, 4);
    assert.match(other.errors, /it holds a=b/);
  });

  it("absent waits until the key is gone", async () => {
    const cluster = new FakeCluster();
    await cluster.keyValue.put("k", "v");
    cluster.onAsk = (count) => count === 2 && void cluster.keyValue.delete("k");
    assert.equal((await runLine(["wait", "absent", "k"], { cluster })).exit, 0);
  });

  it("index waits for the commit index", async () => {
    assert.equal((await runLine(["wait", "index", "100"])).exit, 0);
    const late = await runLine(["wait", "index", "101", "-t", "100ms"]);
    assert.match(late.errors, /the commit index is 100/);
  });

  it("healthy waits for exactly so many voters", async () => {
    assert.equal((await runLine(["wait", "healthy", "--voters", "1"])).exit, 0);
    const { exit, errors } = await runLine(["wait", "healthy", "--voters", "3", "-t", "100ms"]);
    assert.equal(exit, 4);
    assert.match(errors, /it has 1 voters, want 3/);
  });
});

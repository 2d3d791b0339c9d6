import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeCluster } from "./fake_cluster.ts";
import { runLine } from "./run_line.ts";

describe("raft lease", () => {
  it("grants, keeps, shows, lists and revokes", async () => {
    const cluster = new FakeCluster();
    const run = async (line: string): Promise<unknown> => {
      const { exit, output, errors } = await runLine([...line.split(" "), "-o", "json"], {
        cluster,
      });
      assert.equal(exit, 0, errors);
      return JSON.parse(output);
    };
    const id = 41;
    assert.deepEqual(await run("lease grant 30s"), {
      id,
      ttlMs: 30_000,
      revision: 41,
      term: 3,
      index: 41,
    });
    await run("put workers/7 here --lease 41");
    cluster.leases.nowMs = 20_000;
    const shown = { id, ttlMs: 30_000, remainingMs: 10_000, keyCount: 1 };
    assert.deepEqual(await run("lease show 41"), {
      ...shown,
      keys: [{ key: "workers/7", revision: 42 }],
      more: false,
    });
    assert.deepEqual(await run("lease ls"), { leases: [shown] });
    assert.deepEqual(await run("lease keep 41"), { ...shown, remainingMs: 30_000, revision: 43 });
    assert.deepEqual(await run("lease revoke 41"), { id, deleted: 1, revision: 44 });
    assert.deepEqual(await run("lease ls"), { leases: [] });
  });

  it("prints the id for scripts, and texts for people", async () => {
    const cluster = new FakeCluster();
    const text = async (line: string): Promise<string> =>
      (await runLine(line.split(" "), { cluster })).output;
    assert.match(await text("lease grant 30s"), /^41\n?$/);
    const quiet = await runLine(["lease", "grant", "30s", "-q"], { cluster });
    assert.deepEqual([quiet.output, quiet.errors], ["42\n", ""]);
    await text("put a b --lease 41");
    assert.equal(await text("lease show 41"), "lease 41: 30s of 30s left, 1 key\n  a\n");
    await text("lease revoke 42");
    assert.equal(await text("lease ls"), "41  30s of 30s left  1 key\n");
  });

  it("ends with 3 for a lease that does not exist", async () => {
    for (const line of ["lease keep 7", "lease show 7", "lease revoke 7", "put a b --lease 7"]) {
      const { exit, errors } = await runLine(line.split(" "));
      assert.equal(exit, 3, line);
      assert.match(errors, /lease 7 does not exist/);
    }
  });

  it("put takes a time to live or a lease, not both", async () => {
    const cluster = new FakeCluster();
    assert.equal((await runLine(["put", "a", "b", "--ttl", "90s"], { cluster })).exit, 0);
    const [put] = cluster.asked;
    const { lifetime } = put!.options as { readonly lifetime?: unknown };
    assert.deepEqual(lifetime, { type: "ttl", ttlMs: 90_000 });
    const both = await runLine(["put", "a", "b", "--ttl", "90s", "--lease", "7"]);
    assert.equal(both.exit, 2);
    assert.match(both.errors, /--ttl and --lease/);
    assert.equal((await runLine(["put", "a", "b", "--ttl", "0s"])).exit, 2);
  });
});

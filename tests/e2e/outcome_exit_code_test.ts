/** Exit codes of failures that have nothing to do with a quorum. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { describe, it } from "node:test";
import { findFreePorts } from "./kit/free_ports.ts";
import { assertExit, errorOf, runRaft } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";

/** Listens and counts the connections that come. */
async function countConnections(): Promise<
  { server: Server; address: string; count: () => number }
> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  const [port] = await findFreePorts(1);
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port }, resolve));
  return { server, address: `127.0.0.1:${port}`, count: () => count };
}

describeCluster({ name: "outcome: a missing key", nodeCount: 1 }, (clusterIt) => {
  clusterIt("is exit 3 with nothing on standard output, in every format", async (cluster) => {
    for (const format of ["text", "json", "table"]) {
      const answer = await cluster.run(["get", "no-such-key", "-o", format]);
      assertExit(answer, 3);
      assert.equal(answer.stdout, "");
    }
    const error = errorOf(await cluster.run(["get", "no-such-key", "-o", "json"]));
    assert.equal(error.code, "not_found");
    assert.equal(error.retryable, false);
  });

  clusterIt("is not confused with a key that holds nothing", async (cluster) => {
    assertExit(await cluster.run(["put", "empty", ""]), 0);
    const answer = await cluster.run(["get", "empty"]);
    assertExit(answer, 0);
    assert.equal(answer.stdout, "");
  });
});

describe("outcome: a command line that cannot be understood", () => {
  const lines = [
    ["put", "key", "value", "--no-such-flag"],
    ["put", "key", "value", "--timeout", "5"],
    ["put", "key"],
    ["no-such-command"],
  ];
  for (const words of lines) {
    it(`is exit 2, and nothing is sent: raft ${words.join(" ")}`, async () => {
      const { server, address, count } = await countConnections();
      try {
        const answer = await runRaft([...words, "-o", "json", "--endpoints", address]);
        assertExit(answer, 2);
        const error = errorOf(answer);
        assert.equal(error.code, "usage");
        assert.equal(error.applied, "no");
        assert.equal(count(), 0, "A connection was made");
      } finally {
        server.close();
      }
    });
  }
});

describe("outcome: a cluster that cannot be reached", () => {
  for (const words of [["put", "key", "value"], ["get", "key"], ["status"], ["health"]]) {
    it(`is exit 5, and nothing was applied: raft ${words.join(" ")}`, async () => {
      const [port] = await findFreePorts(1);
      const address = `127.0.0.1:${port}`;
      const answer = await runRaft([...words, "-o", "json", "-t", "500ms", "-e", address]);
      assert.equal(answer.exit, 5, answer.stderr);
      if (words[0] === "health") return;
      const error = errorOf(answer);
      assert.equal(error.code, "unreachable");
      assert.equal(error.applied, "no");
      assert.equal(error.retryable, true);
      assert(error.why.some((line: string) => line.includes(address)), answer.stderr);
    });
  }
});

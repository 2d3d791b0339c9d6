/** A node that may open few files: it refuses connections before its files run out. */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { eventually } from "./kit/eventually.ts";
import { assertExit } from "./kit/run_raft.ts";
import { itWithCluster } from "./kit/test_cluster.ts";
import { HostileConnection } from "./hostile_connection.ts";

/** Of these, a node takes a half for connections, and a quarter of that for peers. */
const OPEN_FILES_MAX = 64;
const CONNECTIONS = 2 * OPEN_FILES_MAX;

/** Runs what follows with this limit, in the same process. */
const prefix = ["sh", "-c", `ulimit -n ${OPEN_FILES_MAX}; exec "$@"`, "sh"];

describe("a node that may open few files", () => {
  const name = "serves whom it has, says so once, and takes others once they may come";
  itWithCluster({ name, nodeCount: 1, prefix }, async (cluster) => {
    await cluster.start();
    const [node] = cluster.nodes;
    const { store } = await cluster.client();
    await store.put("key", "before");
    const dialed = await Promise.allSettled(
      Array.from({ length: CONNECTIONS }, () => HostileConnection.open(node!.address)),
    );
    // Those that are closed at once may never learn that they were connected.
    const connections = dialed.flatMap((end) => end.status === "fulfilled" ? [end.value] : []);
    const closed = () =>
      CONNECTIONS - connections.length + connections.filter(({ isClosed }) => isClosed).length;
    await eventually({
      what: "those to be refused who are too many",
      look: () => closed() >= CONNECTIONS - OPEN_FILES_MAX / 2 || null,
    });
    await store.put("key", "meanwhile");
    assert.equal(countOf(node!.log, /too many connections/g), 1, node!.log);
    assert.match(node!.log, /too many connections.*32.*64.*raise the limit of open files/);

    for (const connection of connections) connection.destroy();
    await eventually({
      what: "connections to be taken again",
      look: () => /Further connections are taken again/.test(node!.log) || null,
    });
    assertExit(await cluster.run(["put", "key", "after"]), 0);
    assert.equal(countOf(node!.log, /too many connections/g), 1, node!.log);
  });
});

function countOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

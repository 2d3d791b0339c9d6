/** A command ends with its deadline, also where nodes take what is sent and never answer. */
import assert from "node:assert/strict";
import { describeAnswer } from "./kit/run_raft.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

const DEADLINE_MS = 500;
/** What the start of a process and a busy machine may add to the deadline. */
const EXTRA_MS_MAX = 1_500;

/** Pauses nodes, runs a command line, and checks when and how it ends. */
async function assertInTime(
  cluster: TestCluster,
  { paused, words, exits }: {
    paused: readonly TestNode[];
    words: readonly string[];
    exits: readonly number[];
  },
): Promise<void> {
  for (const node of paused) node.signal("SIGSTOP");
  const answer = await cluster.run([...words, "--timeout", `${DEADLINE_MS}ms`]);
  for (const node of paused) node.signal("SIGCONT");
  const what = `While ${paused.length} nodes are paused: ${describeAnswer(answer)}`;
  assert(answer.elapsedMs < DEADLINE_MS + EXTRA_MS_MAX, what);
  assert(exits.includes(answer.exit ?? -1), what);
}

describeCluster({ name: "outcome: a deadline" }, (clusterIt) => {
  clusterIt("is kept while nodes are paused", async (cluster) => {
    const lines = [
      { words: ["put", "key", "value"], allPaused: [5], leaderAlone: [6, 7] },
      { words: ["get", "key"], allPaused: [5], leaderAlone: [6] },
      { words: ["status"], allPaused: [5], leaderAlone: [0] },
    ];
    for (const { words, allPaused, leaderAlone } of lines) {
      await assertInTime(cluster, { paused: cluster.nodes, words, exits: allPaused });
      const paused = cluster.others(await cluster.leader());
      await assertInTime(cluster, { paused, words, exits: leaderAlone });
    }
    await cluster.caughtUp();
  });
});

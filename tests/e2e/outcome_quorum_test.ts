/** Without a quorum every answer says truthfully what became of a write. */
import assert from "node:assert/strict";
import { elapse, eventually } from "./kit/eventually.ts";
import { assertExit, documentOf, errorOf, startRaft } from "./kit/run_raft.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

/** After so long without the others, a node refuses writes whatever it was before. */
const QUORUM_NOTICED_MS = 3_000;

/** Kills every node but one, and asks that one to write. */
async function assertRefused(cluster: TestCluster, survivor: TestNode): Promise<void> {
  const key = `refused-by-${survivor.id}`;
  await Promise.all(cluster.others(survivor).map((node) => node.kill()));
  await elapse(QUORUM_NOTICED_MS);

  const [answer, read, stale, health] = await Promise.all([
    cluster.run(["put", key, "value", "-o", "json", "--timeout", "1s"]),
    cluster.run(["get", "before", "-o", "json", "--timeout", "1s"]),
    cluster.run(["get", "before", "-o", "json", "--consistency", "stale", "--timeout", "30s"]),
    cluster.run(["health"]),
  ]);
  assertExit(answer, 6);
  const error = errorOf(answer);
  assert.equal(error.code, "no_quorum");
  assert.equal(error.exit, 6);
  assert.equal(error.applied, "no");
  assert.equal(error.retryable, true);
  assert.match(error.why[0], /2 of 3 voters are needed, 1 answered/);
  for (const { id, address } of cluster.nodes) {
    const reason = error.why.find((line: string) => line.includes(address));
    assert(reason !== undefined, `No reason for node ${id} in ${JSON.stringify(error.why)}`);
    const expected = id === survivor.id ? /no leader/ : /refused|closed|reset/;
    assert.match(reason, expected);
  }

  assertExit(read, 6);
  assert.equal(errorOf(read).applied, "no");
  assert.equal(documentOf(stale).servedBy, survivor.id);
  assertExit(health, 6);

  await cluster.start();
  await cluster.caughtUp();
  assertExit(await cluster.run(["get", key, "--timeout", "30s"]), 3);
}

describeCluster({ name: "outcome: one node of three alive" }, (clusterIt) => {
  for (const role of ["leader", "follower"] as const) {
    clusterIt(`refuses a write for certain where it was the ${role}`, async (cluster) => {
      assertExit(await cluster.run(["put", "before", "value", "--timeout", "30s"]), 0);
      const leader = await cluster.leader();
      await assertRefused(cluster, role === "leader" ? leader : cluster.others(leader)[0]!);
    });
  }
});

// A patient leader: it must not notice that the others are paused before the writes are in its log.
const flags = ["--election-timeout", "2500ms", "--heartbeat", "200ms"];

describeCluster({ name: "outcome: a write in the log of a leader", flags }, (clusterIt) => {
  clusterIt(
    "is unknown without a quorum, and applied once when it is repeated",
    async (cluster) => {
      const followers = cluster.others(await cluster.leader());
      const first = await cluster.run(["incr", "counter", "-o", "json", "--timeout", "30s"]);
      assert.equal(documentOf(first).value, 1);

      for (const node of followers) node.signal("SIGSTOP");
      const patient = startRaft([
        ...["incr", "patience", "--timeout", "60s", "-e", cluster.endpoints.join(",")],
      ]);
      const answer = await cluster.run(["incr", "counter", "-o", "json", "--timeout", "1s"]);
      assertExit(answer, 7);
      const error = errorOf(answer);
      assert.equal(error.code, "unknown_outcome");
      assert.equal(error.applied, "unknown");
      assert.equal(error.retryable, true);
      assert.doesNotMatch(answer.stderr, /not applied/);
      const { requestId } = error;
      assert.equal(typeof requestId, "string");
      assert(error.fix.join("\n").includes(`--request-id ${requestId}`), error.fix.join("\n"));

      // Now the patient client is told, too, that the outcome is unknown, and repeats by itself.
      await eventually({
        what: "the leader to step down",
        look: async () => (await cluster.status()).leader === null || null,
      });
      for (const node of followers) node.signal("SIGCONT");
      assert.equal((await patient.ended).code, 0);
      const read = await cluster.run(["get", "patience", "--timeout", "30s"]);
      assert.equal(read.stdout, "1");

      const repeat = ["incr", "counter", "--request-id", requestId, "-o", "json", "-t", "30s"];
      for (const time of ["first", "second"]) {
        const { value } = documentOf(await cluster.run(repeat));
        assert.equal(value, 2, `The ${time} repetition answers what happened the first time`);
      }
      const counted = await cluster.run(["get", "counter", "--timeout", "30s"]);
      assert.equal(counted.stdout, "2");
    },
  );
});

/** An answer leaves for the client only after the entry is on the disks of a majority. */
import assert from "node:assert/strict";
import { documentOf } from "./kit/run_raft.ts";
import { Strace, straceSkip, type SystemCall } from "./kit/strace.ts";
import { describeCluster } from "./kit/test_cluster.ts";

const PUTS = 6;
const KEY = "traced-key";

const CALLS = "fdatasync,fsync,write,writev,pwrite64,pwritev,sendto,sendmsg";
const sends = new Set(["sendto", "sendmsg", "write", "writev"]);

/** The descriptor of a call and what it is, such as `9</data/1/log/1.segment>`. */
function descriptorOf(call: SystemCall): string {
  return /^\d+<[^>]*>+/.exec(call.arguments)?.[0] ?? "";
}

/** When the segment with this value was durable on a node, in seconds; Infinity where never. */
function durableAt(calls: readonly SystemCall[], value: string): number {
  const written = calls.find((call) =>
    /^pwrite/.test(call.name) && call.arguments.includes(value) &&
    descriptorOf(call).includes(".segment")
  );
  if (written === undefined) return Infinity;
  const synced = calls.find((call) =>
    call.name === "fdatasync" && descriptorOf(call) === descriptorOf(written) &&
    call.startSeconds >= written.endSeconds && call.result === 0
  );
  return synced?.endSeconds ?? Infinity;
}

describeCluster({ name: "strace: order", skip: straceSkip }, (clusterIt) => {
  clusterIt("syncs the entry on a majority before the answer is sent", async (cluster) => {
    const leader = await cluster.leader();
    const traces = await Promise.all(
      cluster.nodes.map((node) => Strace.attach(node, { calls: CALLS })),
    );
    const values = Array.from({ length: PUTS }, () => crypto.randomUUID());
    for (const [number, value] of values.entries()) {
      // The answer holds the value that was replaced: bytes to know it by.
      const words = ["put", KEY, value, "--previous", "-o", "json", "--timeout", "30s"];
      const { previous } = documentOf(await cluster.run(words));
      assert.equal(previous?.value, values[number - 1]);
    }
    await Promise.all(traces.map((trace) => trace.detach()));

    const calls = traces.map((trace) => trace.calls);
    const sent = calls[leader.id - 1]!.filter(({ name }) => sends.has(name));
    for (const [number, value] of values.entries()) {
      const before = values[number - 1];
      if (before === undefined) continue;
      const durable = calls.map((ofNode) => durableAt(ofNode, value));
      const begun = Math.min(
        ...calls.flat().filter((call) => call.arguments.includes(value))
          .map(({ startSeconds }) => startSeconds),
      );
      const answer = sent.find((call) =>
        call.startSeconds > begun && call.arguments.includes(before) &&
        !call.arguments.includes(KEY)
      );
      assert(answer !== undefined, `The answer to put ${number} is not in the trace`);
      const inTime = durable.filter((seconds) => seconds <= answer.startSeconds);
      const delays = durable.map((seconds) => Math.round((answer.startSeconds - seconds) * 1e6));
      assert(
        inTime.length >= 2,
        `Put ${number} was answered so many µs after it was durable on each node: ${delays}`,
      );
    }
  });
});

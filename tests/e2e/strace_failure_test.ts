/** A disk that fails, or hangs: the node says so and ends, and the others go on. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./kit/eventually.ts";
import { OwnProcess } from "./kit/own_process.ts";
import {
  type Answer,
  answerOf,
  assertExit,
  documentOf,
  raftCommand,
  startRaft,
} from "./kit/run_raft.ts";
import { Strace, straceSkip } from "./kit/strace.ts";
import { describeCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

const CALLS = "fdatasync,fsync";

/** Whether a process runs no code any more: it is gone, or a zombie. */
function hasEnded(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  // PID (NAME) STATE …
  return !existsSync(path) || /\) [ZX] /.test(readFileSync(path, "utf8"));
}

/** Starts a node whose reads of one file fail, to its end. */
function startUnreadable(node: TestNode, file: string): Promise<Answer> {
  const words = ["start", "--id", String(node.id), "--data", node.dataPath];
  const inject = ["-e", "trace=pread64", "-e", "inject=pread64:error=EIO"];
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", join(node.dataPath, file)];
  const command = [...strace, ...inject, "--", ...raftCommand, ...words];
  return answerOf(new OwnProcess({ command: [...command, "--listen", node.address] }), words);
}

describeCluster({ name: "strace: a failing disk", skip: straceSkip }, (clusterIt) => {
  for (const role of ["follower", "leader"] as const) {
    clusterIt(
      `ends the ${role} at the first failed sync, and the others serve`,
      async (cluster) => {
        const leader = await cluster.leader();
        const node = role === "leader" ? leader : cluster.others(leader)[0]!;
        const trace = await Strace.attach(node, { calls: CALLS, inject: "fdatasync:error=EIO" });
        const incremented = await cluster.run(["incr", role, "-o", "json", "--timeout", "60s"]);
        assert.equal(documentOf(incremented).value, 1);
        const ending = await node.process.ended;
        await trace.detach();

        assert.deepEqual(ending, { code: 9, signal: null }, node.log);
        assert.match(node.log, /error: .*Cannot sync ".*\.segment": .*EIO.*exit 9/);
        assert.match(node.log, /fix: .*disk/);
        const syncs = trace.calls.filter(({ name }) => name === "fdatasync");
        assert.equal(syncs.length, 1, "A failed sync is never repeated: it would seem to succeed");

        assertExit(await cluster.run(["put", "served", role, "--timeout", "60s"]), 0);
        const read = await cluster.run(["get", role, "--timeout", "60s"]);
        assert.equal(read.stdout, "1", "Applied once, also where its first leader failed");
        await cluster.start();
        await cluster.caughtUp();
      },
    );
  }

  clusterIt("ends a node whose file system was made read-only under it", async (cluster) => {
    const node = cluster.others(await cluster.leader())[0]!;
    const calls = "pwrite64,pwritev";
    const trace = await Strace.attach(node, { calls, inject: `${calls}:error=EROFS` });
    assertExit(await cluster.run(["put", "key", "value", "--timeout", "60s"]), 0);
    assert.deepEqual(await node.process.ended, { code: 8, signal: null }, node.log);
    await trace.detach();
    assert.match(node.log, /error: .*Cannot write ".*\.segment": read-only file system.*exit 8/);
    assert.match(node.log, /fix: .*mount the file system for writing/);

    for (const file of ["identity", "hard_state", "log/00000000000000000001.segment"]) {
      const answer = await startUnreadable(node, file);
      assertExit(answer, 9);
      assert.match(answer.stderr, new RegExp(`error: .*Cannot read ".*/${file}": .*EIO.*exit 9`));
      assert.match(answer.stderr, /fix: .*look after the disk/);
      assert.doesNotMatch(answer.stderr, /^ +at /m, "a stack trace helps nobody");
    }
    await cluster.start();
    await cluster.caughtUp();
  });
});

describeCluster({ name: "strace: a hanging disk of a leader", skip: straceSkip }, (clusterIt) => {
  clusterIt("has another node lead, though its heartbeats go on", async (cluster) => {
    const leader = await cluster.leader();
    const inject = "fdatasync:delay_enter=60000000";
    const trace = await Strace.attach(leader, { calls: CALLS, inject });
    const incremented = await cluster.run(["incr", "hung", "-o", "json", "--timeout", "60s"]);
    assert.equal(documentOf(incremented).value, 1);
    await cluster.leader(leader);
    assert.ok(leader.isRunning, "it waits for its disk");
    const read = await cluster.run(["get", "hung", "--timeout", "60s"]);
    assert.equal(read.stdout, "1", "Applied once, also where its first leader hung");
    leader.signal("SIGKILL");
    await trace.abandon();
    await leader.process.ended;
    await cluster.start();
    await cluster.caughtUp();
  });
});

describeCluster({ name: "strace: a hanging disk", nodeCount: 1, skip: straceSkip }, (clusterIt) => {
  clusterIt("does not keep a second signal from stopping the node at once", async (cluster) => {
    const node = await cluster.leader();
    const inject = "fdatasync:delay_enter=60000000";
    const trace = await Strace.attach(node, { calls: CALLS, inject });
    const put = startRaft([
      ...["put", "key", "value", "-o", "json", "--timeout", "60s", "-e", node.address],
    ]);
    await eventually({
      what: "the entry to be written",
      look: async () => {
        const status = await cluster.status();
        return status.members[0].matchIndex > status.commitIndex || null;
      },
    });
    node.signal("SIGTERM");
    await eventually({ what: "the stop to begin", look: () => /Stopping/.test(node.log) || null });
    node.signal("SIGTERM");
    // The thread that hangs keeps the dead process in the table until strace lets it go. Had the
    // second signal no effect, the stop would end by itself, with another code.
    await eventually({ what: "the node to end", look: () => hasEnded(node.process.pid) || null });
    await trace.abandon();
    const ending = await node.process.ended;
    await put.kill();
    assert.deepEqual(ending, { code: 143, signal: null }, node.log);
    await cluster.start();
  });
});

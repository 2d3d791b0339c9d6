/**
 * Measures what a cluster costs that has nothing to do, and how long a command takes to start.
 *
 * Usage: bun scripts/measure_idle.ts [--seconds N]
 *
 * Runs `raft version` 20 times. Then starts three nodes, lets them elect a leader, and reads from
 * /proc how much processor time each uses in the next 30 seconds, and how much memory it holds.
 * The program is dist/raft; see tests/e2e/kit/run_raft.ts for another one. Linux only.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { assertExit, runRaft } from "../tests/e2e/kit/run_raft.ts";
import { elapse } from "../tests/e2e/kit/eventually.ts";
import { TestCluster } from "../tests/e2e/kit/test_cluster.ts";

const RUNS = 20;
/** Where the time in user and in kernel mode stand among the fields after the process's name. */
const USER_FIELD = 11;
const KERNEL_FIELD = 12;

/** Milliseconds of processor time that a process has used in all its threads. */
function processorMs(pid: number, ticksASecond: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[USER_FIELD]) + Number(fields[KERNEL_FIELD]);
  return (ticks * 1000) / ticksASecond;
}

/** Mebibytes of memory that a process holds. */
function residentMebibytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

/** Context switches that a process asked for, in its first thread: how often it woke up. */
function wakeUps(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
}

async function measureNodes(seconds: number): Promise<void> {
  const ticksASecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout);
  const cluster = await TestCluster.create();
  try {
    await cluster.start();
    const leader = await cluster.leader();
    const before = cluster.nodes.map(({ process: { pid } }) => ({
      milliseconds: processorMs(pid, ticksASecond),
      wakes: wakeUps(pid),
    }));
    await elapse(seconds * 1000);
    cluster.nodes.forEach((node, position) => {
      const { pid } = node.process;
      const usedMs = processorMs(pid, ticksASecond) - before[position]!.milliseconds;
      const percent = (usedMs / (seconds * 10)).toFixed(2);
      const wakes = ((wakeUps(pid) - before[position]!.wakes) / seconds).toFixed(0);
      const role = node.id === leader.id ? "leader  " : "follower";
      const mebibytes = residentMebibytes(pid).toFixed(0);
      console.log(
        `node ${node.id} ${role}  ${percent} % of a processor (${usedMs} ms in ${seconds} s), ` +
          `${wakes} wake-ups a second, ${mebibytes} MiB resident`,
      );
    });
  } finally {
    await cluster.dispose();
  }
}

async function measureVersion(): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const answer = await runRaft(["version"]);
    assertExit(answer, 0);
    times.push(answer.elapsedMs);
  }
  times.sort((a, b) => a - b);
  const median = (times[RUNS / 2 - 1]! + times[RUNS / 2]!) / 2;
  const shown = [times[0]!, median, times[RUNS - 1]!].map((time) => time.toFixed(1));
  console.log(
    `raft version: fastest ${shown[0]} ms, median ${shown[1]} ms, slowest ${shown[2]} ms`,
  );
}

const { values } = parseArgs({ options: { seconds: { type: "string", default: "30" } } });
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new RangeError(`Cannot measure ${values.seconds} seconds`);
await measureVersion();
await measureNodes(seconds);

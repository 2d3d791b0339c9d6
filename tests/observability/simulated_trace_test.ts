/** The trace of a whole simulated cluster, as docs/TRACE.md promises it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Transition, TransitionMessage, TransitionName } from "../../src/consensus/tracing.ts";
import { drain } from "../microtask_drain.ts";
import { simulate } from "../../src/testing/simulation.ts";

/** What follows is true of any seed. */
const OPTIONS = { seed: 22, durationMs: 8_000 };

const ALWAYS: readonly TransitionName[] = [
  "InitState",
  "BecomeCandidate",
  "BecomeFollower",
  "BecomeLeader",
  "Commit",
  "Replicate",
  "Ready",
  "SendAppendEntriesRequest",
  "ReceiveAppendEntriesRequest",
  "SendAppendEntriesResponse",
  "ReceiveAppendEntriesResponse",
  "SendRequestVoteRequest",
  "ReceiveRequestVoteRequest",
  "SendRequestVoteResponse",
  "ReceiveRequestVoteResponse",
];

const SOMETIMES: readonly TransitionName[] = [
  "SendSnapshot",
  "ReceiveSnapshot",
  "ChangeConf",
  "ApplyConfChange",
];

async function traced(): Promise<{ lines: Transition[]; traceHash: string }> {
  const lines: Transition[] = [];
  const { traceHash } = await simulate(OPTIONS, { drain, tracer: (line) => lines.push(line) });
  return { lines, traceHash };
}

/** What makes a message on its way itself. */
function keyOf(message: TransitionMessage): string {
  const { type, from, to, term } = message;
  return JSON.stringify(type === "MsgSnap" ? [type, from, to, term] : Object.values(message));
}

/** Every receive that no earlier send explains; a faulty network may deliver one send twice. */
function unexplained(lines: readonly Transition[]): Transition[] {
  const sent = new Set<string>();
  return lines.filter(({ name, msg }) => {
    if (msg === undefined || msg.from === msg.to) return false;
    if (name.startsWith("Send")) sent.add(keyOf(msg));
    return name.startsWith("Receive") && !sent.has(keyOf(msg));
  });
}

describe("the trace of a simulated cluster", () => {
  const run = traced();

  it("has every event that occurs, and what is received was sent before", async () => {
    const { lines } = await run;
    const names = new Set(lines.map(({ name }) => name));
    for (const name of SOMETIMES) names.delete(name);
    assert.deepEqual([...names].sort(compare), [...ALWAYS].sort(compare));
    assert.deepEqual(unexplained(lines), []);
    const first = lines.findIndex(({ name }) => name === "ReceiveAppendEntriesRequest");
    const late = [lines[first]!, ...lines.slice(0, first), ...lines.slice(first + 1)];
    assert.equal(unexplained(late)[0], lines[first], "the check finds a receive before its send");
  });

  it("changes nothing of the run, and is the same for the same seed", async () => {
    const { lines, traceHash } = await run;
    assert.deepEqual((await traced()).lines, lines);
    assert.equal((await simulate(OPTIONS, { drain })).traceHash, traceHash);
  });

  it("shows terms and commit indexes of one node that never fall while it lives", async () => {
    const { lines } = await run;
    const last = new Map<string, Transition>();
    for (const line of lines) {
      const before = last.get(line.nid);
      last.set(line.nid, line);
      if (before === undefined || line.name === "InitState") continue;
      assert.ok(line.state.term >= before.state.term, JSON.stringify([before, line]));
      assert.ok(line.state.commit >= before.state.commit, JSON.stringify([before, line]));
    }
  });
});

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** The trace of a whole simulated cluster, as docs/TRACE.md promises it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Transition, TransitionMessage, TransitionName } from "../../src/consensus/tracing.ts";
import { drain } from "../microtask_drain.ts";
import { simulate } from "../../src/testing/simulation.ts";

/** What follows is true of any seed. */
const OPTIONS = { seed: 22, durationMs: 8_000 };

/** A fault that leads to changes of the members at any seed, and to a snapshot at every fourth. */
const CHANGES = { durationMs: 20_000, kinds: ["member_removal"] } as const;

/** The seeds that are tried until one shows what is looked for. */
const SEEDS_MAX = 30;

const NAMES: readonly TransitionName[] = [
  "InitState",
  "BecomeCandidate",
  "BecomeFollower",
  "BecomeLeader",
  "Commit",
  "Replicate",
  "ChangeConf",
  "ApplyConfChange",
  "Ready",
  "SendAppendEntriesRequest",
  "ReceiveAppendEntriesRequest",
  "SendAppendEntriesResponse",
  "ReceiveAppendEntriesResponse",
  "SendRequestVoteRequest",
  "ReceiveRequestVoteRequest",
  "SendRequestVoteResponse",
  "ReceiveRequestVoteResponse",
  "SendSnapshot",
  "ReceiveSnapshot",
];

async function traced(
  options: Parameters<typeof simulate>[0] = OPTIONS,
): Promise<{ lines: Transition[]; traceHash: string }> {
  const lines: Transition[] = [];
  const { traceHash } = await simulate(options, { drain, tracer: (line) => lines.push(line) });
  return { lines, traceHash };
}

/** The lines that show a node with other voters than its line before, and do not say why. */
function sudden(lines: readonly Transition[]): Transition[] {
  const last = new Map<string, string>();
  return lines.filter(({ nid, name, conf }) => {
    const shown = JSON.stringify(conf);
    const before = last.get(nid);
    last.set(nid, shown);
    const says = ["InitState", "ChangeConf", "ApplyConfChange"].includes(name);
    return before !== undefined && before !== shown && !says;
  });
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

  it("has every event, and what is received was sent before", { timeout: 60_000 }, async () => {
    const names = new Set<TransitionName>();
    for (let seed = 1; NAMES.some((name) => !names.has(name)); seed += 1) {
      assert.ok(seed <= SEEDS_MAX, `only ${[...names]}`);
      const { lines } = await traced({ ...CHANGES, seed });
      for (const { name } of lines) names.add(name);
      assert.deepEqual(unexplained(lines), []);
      assert.deepEqual(sudden(lines), []);
    }
    assert.equal(names.size, NAMES.length);
    const { lines } = await run;
    const first = lines.findIndex(({ name }) => name === "ReceiveAppendEntriesRequest");
    const late = [lines[first]!, ...lines.slice(0, first), ...lines.slice(first + 1)];
    assert.equal(unexplained(late)[0], lines[first], "the check finds a receive before its send");
  });

  it("shows a joint change in order: taken, in effect, committed, left, committed", async () => {
    for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
      const { lines } = await traced({ ...CHANGES, seed });
      const begins = lines.findIndex(({ name, conf }) =>
        name === "ChangeConf" && conf[1].length > 0
      );
      const { nid, conf } = lines[begins] ?? { nid: "", conf: [] };
      const own = lines.slice(begins).filter((line) => line.nid === nid);
      const isLeft = (line: Transition) => line.conf[1].length === 0;
      const leaves = own.findIndex(isLeft);
      // Another leader may have come between, and have left it.
      if (begins < 0 || own.slice(0, leaves).some(({ role }) => role !== "StateLeader")) continue;
      assert.equal(own[1]?.name, "ApplyConfChange");
      assert.deepEqual(own[1].prop?.cc?.newconf, conf[0]);
      const commits = own.findIndex(({ name }) => name === "Commit");
      assert.ok(commits > 1 && commits < leaves, `committed at ${commits}, left at ${leaves}`);
      assert.equal(own[leaves]!.name, "ApplyConfChange");
      assert.deepEqual([own[leaves]!.conf, own[leaves]!.prop?.cc?.newconf], [
        [conf[0], []],
        conf[0],
      ]);
      return;
    }
    assert.fail(`none of ${SEEDS_MAX} seeds took a joint change from its begin to its end`);
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

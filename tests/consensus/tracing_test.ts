import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Consensus } from "../../src/consensus/consensus.ts";
import type { Transition } from "../../src/consensus/tracing.ts";
import { configurationOf, snapshotOf } from "../../src/testing/core_log.ts";
import {
  accepted,
  appendEntries,
  installSnapshot,
  rejected,
  vote,
} from "../../src/testing/core_messages.ts";
import { memberChange, proposalOf } from "../../src/testing/core_cluster.ts";

/** A core of a cluster of three at index 1, and what it traced. */
function traced(): { core: Consensus; lines: Transition[]; take: () => string[] } {
  const lines: Transition[] = [];
  const core = new Consensus({
    nodeId: 1,
    currentTerm: 1,
    votedFor: 0,
    baseIndex: 0,
    baseTerm: 0,
    lastIndex: 1,
    termRuns: [{ term: 1, firstIndex: 1 }],
    configurations: [{ index: 1, configuration: configurationOf([1, 2, 3]) }],
    commitIndex: 0,
    tracer: (line) => lines.push(line),
  });
  core.takeEffects();
  return { core, lines, take: () => lines.splice(0).map((line) => line.name) };
}

/** Makes node 1 the leader of term 2. */
function elect(core: Consensus): void {
  core.step({ type: "timer", timer: "election" });
  core.takeEffects();
  core.step({
    type: "message",
    from: 2,
    message: vote({ term: 2, preVote: true, voteGranted: true }),
  });
  core.takeEffects();
  core.step({ type: "message", from: 2, message: vote({ term: 2, voteGranted: true }) });
  const { sequence } = core.takeEffects();
  core.step({ type: "sent", peer: 2, term: 2, lastIndex: 2, bytes: 40 });
  core.step({ type: "durable", sequence });
  core.takeEffects();
}

describe("tracing", () => {
  it("shows the start with the whole state", () => {
    const { lines } = traced();
    assert.deepEqual(lines[0], {
      name: "InitState",
      nid: "1",
      state: { term: 1, vote: "0", commit: 0 },
      role: "StateFollower",
      log: 1,
      conf: [["1", "2", "3"], []],
    });
  });

  it("shows an election: the own vote is a message, the pre-vote is not shown", () => {
    const { core, take } = traced();
    take();
    elect(core);
    assert.deepEqual(take(), [
      ...["Ready", "BecomeCandidate", "SendRequestVoteResponse"],
      ...["SendRequestVoteRequest", "SendRequestVoteRequest", "Ready"],
      ...["ReceiveRequestVoteResponse", "ReceiveRequestVoteResponse", "BecomeLeader"],
      ...["Replicate", "SendAppendEntriesResponse", "Ready"],
      ...["SendAppendEntriesRequest", "ReceiveAppendEntriesResponse"],
    ]);
  });

  it("shows replication to commitment", () => {
    const { core, lines, take } = traced();
    elect(core);
    core.step({
      type: "message",
      from: 2,
      message: accepted({ term: 2, matchIndex: 2, session: 1 }),
    });
    take();
    core.step(proposalOf(["a", "b"]));
    core.takeEffects();
    core.step({ type: "sent", peer: 2, term: 2, lastIndex: 4, bytes: 100 });
    const sent = lines.find((line) => line.name === "SendAppendEntriesRequest");
    assert.deepEqual(sent?.msg, {
      type: "MsgApp",
      term: 2,
      from: "1",
      to: "2",
      entries: 2,
      logTerm: 2,
      index: 2,
      commit: 2,
      vote: "0",
      reject: false,
      rejectHint: 0,
    });
    assert.deepEqual(take().slice(0, 3), ["Replicate", "Replicate", "SendAppendEntriesResponse"]);
  });

  it("shows a change of the members, in effect when it is appended", () => {
    const { core, lines, take } = traced();
    elect(core);
    const message = accepted({ term: 2, matchIndex: 2, session: 1 });
    core.step({ type: "message", from: 2, message });
    take();
    const changes = [memberChange({ action: "remove", id: 3 })];
    core.step({ type: "changeMembership", changes, force: true, source: 1 });
    const shown = lines.slice(0, 2).map(({ name, conf, prop }) => ({ name, conf, prop }));
    const conf = [["1", "2"], ["1", "2", "3"]];
    assert.deepEqual(shown, [
      {
        name: "ChangeConf",
        conf,
        prop: { cc: { changes: [{ nid: "3", action: "RemoveServer" }] } },
      },
      { name: "ApplyConfChange", conf, prop: { cc: { changes: [], newconf: ["1", "2"] } } },
    ]);
  });

  it("shows each change once: no learner that was there, a learner that goes, no address", () => {
    const { core, lines } = traced();
    elect(core);
    const acknowledge = () => {
      const message = accepted({ term: 2, matchIndex: core.lastIndex, session: 1 });
      const { sequence } = core.takeEffects();
      core.step({ type: "durable", sequence });
      core.step({ type: "message", from: 2, message });
    };
    acknowledge();
    const shown: unknown[] = [];
    const changes = [
      memberChange({ action: "addLearner", id: 4 }),
      memberChange({ action: "remove", id: 3 }),
      memberChange({ action: "setAddress", id: 2, address: "elsewhere:1" }),
      memberChange({ action: "remove", id: 4 }),
    ];
    for (const change of changes) {
      lines.length = 0;
      const input = { type: "changeMembership", force: true, source: null } as const;
      core.step({ ...input, changes: [change] });
      acknowledge();
      acknowledge();
      shown.push(lines.flatMap((line) => line.name === "ChangeConf" ? line.prop?.cc?.changes : []));
    }
    assert.deepEqual(shown, [
      [{ nid: "4", action: "AddLearner" }],
      [{ nid: "3", action: "RemoveServer" }],
      [],
      [{ nid: "4", action: "RemoveServer" }],
    ]);
  });

  it("shows a follower whose configuration comes, is truncated, and comes with a snapshot", () => {
    const { core, lines } = traced();
    const confs = () =>
      lines.splice(0).flatMap(({ name, prop }) =>
        name === "ApplyConfChange" ? [prop?.cc?.newconf?.join("")] : []
      );
    confs();
    const slice = [{ term: 1, payload: "", configuration: configurationOf([1, 2]) }];
    const first = appendEntries({ term: 1, prevLogIndex: 1, prevLogTerm: 1, slice });
    core.step({ type: "message", from: 2, message: first });
    assert.deepEqual(confs(), ["12"]);
    const other = appendEntries({ term: 2, prevLogIndex: 1, prevLogTerm: 1, terms: [2] });
    core.step({ type: "message", from: 3, message: other });
    assert.deepEqual(confs(), ["123"]);
    const carried = { index: 3, configuration: configurationOf([1, 3]) };
    const snapshot = snapshotOf([1, 2, 2], carried);
    core.step({ type: "message", from: 3, message: installSnapshot(snapshot) });
    assert.equal(lines[0]?.name, "ReceiveSnapshot");
    assert.deepEqual(lines[0]?.msg?.entries, 3);
    core.step({ type: "snapshotReceived", snapshot, source: snapshot });
    assert.deepEqual(confs(), ["13"]);
  });

  it("shows a leader that sends a snapshot in place of what it compacted", () => {
    const { core, lines } = traced();
    elect(core);
    const message = accepted({ term: 2, matchIndex: 2, session: 1 });
    core.step({ type: "message", from: 2, message });
    core.takeEffects();
    core.step({ type: "compacted", index: 2 });
    lines.length = 0;
    const answer = rejected({ term: 2, prevLogIndex: 1, session: 1 });
    core.step({ type: "message", from: 3, message: answer });
    core.takeEffects();
    const [sent] = lines.filter(({ name }) => name === "SendSnapshot");
    assert.deepEqual([sent?.msg?.type, sent?.msg?.to, sent?.msg?.entries], ["MsgSnap", "3", 2]);
  });

  it("shows a follower that adopts a term and a configuration, and answers", () => {
    const { core, lines, take } = traced();
    take();
    core.step({
      type: "message",
      from: 2,
      message: appendEntries({ term: 3, prevLogIndex: 1, prevLogTerm: 1 }),
    });
    const state = { term: 3, vote: "0", commit: 0 };
    assert.deepEqual(lines.map(({ name, state, role }) => ({ name, state, role })), [
      {
        name: "ReceiveAppendEntriesRequest",
        state: { term: 1, vote: "0", commit: 0 },
        role: "StateFollower",
      },
      { name: "BecomeFollower", state, role: "StateFollower" },
      { name: "SendAppendEntriesResponse", state, role: "StateFollower" },
    ]);
  });
});

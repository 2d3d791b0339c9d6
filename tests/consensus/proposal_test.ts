import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UNCOMMITTED_BYTES_MAX } from "../../src/limits.ts";
import { proposalOf } from "../../src/testing/core_cluster.ts";
import { acknowledgeAll, loneLeader, loneNode } from "../../src/testing/core_lone_node.ts";
import { appendEntries, vote } from "../../src/testing/core_messages.ts";
import { EntryKind } from "../../src/types.ts";

/** A batch of one command with this many bytes. */
function bytesOf(bytes: number) {
  return { type: "propose", kind: EntryKind.command, count: 1, bytes, source: ["a"] } as const;
}

describe("proposal", () => {
  it("appends a batch at the end of the leader's log, in its term", () => {
    const node = loneLeader({ terms: [1] });
    node.run(proposalOf(["a", "b"]));
    assert.deepEqual(node.log.slice(2), [{ term: 2, payload: "a" }, { term: 2, payload: "b" }]);
  });

  it("is refused by everybody but a leader, and appends nothing", () => {
    const node = loneNode();
    const source = ["a"];
    const propose = { ...bytesOf(1), source };
    node.run(propose);
    node.fire("election");
    node.run(propose);
    node.receive(2, vote({ preVote: true }));
    node.run(propose);
    node.receive(3, appendEntries());
    node.run(propose);
    assert.deepEqual(node.refusals, Array(4).fill({ source, reason: "not_leader" }));
    assert.equal(node.refusals[0]!.source, source, "what was handed in comes back");
    assert.deepEqual(node.log, []);
  });

  it("trap 30: is refused once the uncommitted bytes reach their limit, and taken again", () => {
    const node = loneLeader();
    node.run(bytesOf(UNCOMMITTED_BYTES_MAX - 1));
    node.run(bytesOf(2));
    assert.deepEqual(node.refusals.map(({ reason }) => reason), ["overloaded"]);
    assert.equal(node.core.lastIndex, 2);
    acknowledgeAll(node, [2]);
    node.run(bytesOf(2));
    assert.equal(node.core.lastIndex, 3);
  });

  it("trap 30: one batch of any size is taken where nothing is uncommitted", () => {
    const node = loneLeader();
    node.run(bytesOf(2 * UNCOMMITTED_BYTES_MAX));
    assert.equal(node.core.lastIndex, 2);
    node.run(bytesOf(1));
    assert.equal(node.refusals.length, 1);
  });

  it("ancestor A12: what a deposed leader held is not counted against its next term", () => {
    const node = loneLeader({ voters: [1] });
    const other = loneLeader();
    other.run(bytesOf(UNCOMMITTED_BYTES_MAX));
    other.receive(2, vote({ term: 5, voteGranted: false }));
    other.fire("election");
    other.receive(2, vote({ term: 6, preVote: true }));
    other.receive(2, vote({ term: 6 }));
    other.run(bytesOf(UNCOMMITTED_BYTES_MAX));
    assert.deepEqual([node.refusals, other.refusals], [[], []]);
  });

  it("ancestor A8: an empty command is an entry like any other", () => {
    const node = loneLeader({ voters: [1] });
    node.run({ ...bytesOf(0), source: [""] });
    assert.equal(node.core.commitIndex, 2);
    assert.equal(node.appliedIndex, 2);
    assert.deepEqual(node.log[1], { term: 1, payload: "" });
  });

  it("refuses to append nothing at all", () => {
    assert.throws(() => loneLeader().run(proposalOf([])), /cannot propose 0/);
  });

  it("ancestor A10: losing the leadership is told at once, with the term and no leader", () => {
    const node = loneLeader();
    node.run(proposalOf(["a"]));
    node.core.step({ type: "message", from: 2, message: vote({ term: 4, voteGranted: false }) });
    const { softState } = node.core.takeEffects();
    assert.deepEqual(softState, { role: "follower", term: 4, leaderId: null });
  });
});

/** Majorities are counted from what data directories hold and from who voted. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkChange } from "../../../src/testing/checkers/configuration_rule.ts";
import { DurableCopy } from "../../../src/testing/checkers/durable_copy.ts";
import type { ObservedEntry } from "../../../src/testing/checkers/observations.ts";
import {
  type ConfigurationAt,
  type LeaderCommit,
  QuorumRule,
} from "../../../src/testing/checkers/quorum_rule.ts";
import type { Member } from "../../../src/types.ts";

/** Entries of these terms, from an index on. */
function entriesOf(firstIndex: number, ...terms: number[]): ObservedEntry[] {
  return terms.map((term, i) => ({ index: firstIndex + i, term, payloadHash: "" }));
}

function members(...ids: number[]): Member[] {
  return ids.map((id) => ({ id, address: `node-${id}:1`, instanceId: `instance ${id}` }));
}

function configurationAt(
  index: number,
  voters: readonly Member[],
  votersOld: readonly Member[] = [],
): ConfigurationAt {
  return { index, configuration: { voters, votersOld, learners: [], promotions: [] } };
}

/** A rule for nodes whose logs end with entries of these terms, durably. */
function ruleOf(logs: Readonly<Record<number, readonly number[]>>): QuorumRule {
  const rule = new QuorumRule();
  for (const [id, terms] of Object.entries(logs)) {
    rule.copyOf(Number(id), `instance ${id}`).found(0, 0, entriesOf(1, ...terms));
  }
  return rule;
}

function commitOf(index: number, term: number, ...all: ConfigurationAt[]): LeaderCommit {
  return { nodeId: 1, index, term, configurations: { all, before: all.at(-1) ?? null } };
}

describe("DurableCopy", () => {
  it("holds what was in the log when a sync began, once it is done", () => {
    const copy = new DurableCopy();
    copy.syncBegins(0, entriesOf(1, 1, 1, 2));
    copy.syncBegins(0, entriesOf(1, 1, 1, 2, 2));
    assert.equal(copy.holds(1, 1), false);
    copy.syncCompletes();
    assert.deepEqual([copy.holds(2, 1), copy.holds(3, 2), copy.holds(4, 2)], [true, true, false]);
    copy.syncCompletes();
    assert.equal(copy.holds(4, 2), true);
  });

  it("trap 25: does not hold what replaces entries whose sync is under way", () => {
    const copy = new DurableCopy();
    copy.syncBegins(0, entriesOf(1, 1, 2, 2));
    copy.truncated(1);
    copy.syncCompletes();
    assert.deepEqual([copy.holds(1, 1), copy.holds(3, 2), copy.holds(3, 3)], [true, false, false]);
    copy.syncBegins(0, entriesOf(1, 1, 3, 3));
    copy.syncCompletes();
    assert.equal(copy.holds(3, 3), true);
  });

  it("holds what a snapshot covers, and after a start what is found", () => {
    const copy = new DurableCopy();
    copy.syncBegins(0, entriesOf(1, 1, 1));
    copy.installed(7);
    copy.syncCompletes();
    assert.deepEqual([copy.holds(7, 4), copy.holds(8, 4)], [true, false]);
    copy.syncBegins(7, entriesOf(8, 4));
    copy.found(5, 7, entriesOf(6, 4, 4));
    copy.syncCompletes();
    assert.deepEqual([copy.holds(7, 4), copy.holds(8, 4)], [true, false]);
  });
});

describe("QuorumRule", () => {
  const three = configurationAt(1, members(1, 2, 3));

  it("accepts a leader with the votes of a majority, of both halves while joint", () => {
    const rule = new QuorumRule();
    for (const id of [1, 2]) rule.onVote(`instance ${id}`, { term: 2, candidateId: 1 });
    rule.onLeader(1, 2, three);
    const joint = configurationAt(5, members(1, 2), members(1, 3, 4));
    assert.throws(() => rule.onLeader(1, 2, joint), /without votes of a majority of nodes 1, 3, 4/);
    assert.throws(() => rule.onLeader(1, 3, three), /term 3 without votes/);
  });

  it("trap 14: does not count the vote of another data directory", () => {
    const rule = new QuorumRule();
    rule.onVote("instance 1", { term: 2, candidateId: 1 });
    rule.onVote("another 2", { term: 2, candidateId: 1 });
    assert.throws(() => rule.onLeader(1, 2, three), /without votes/);
  });

  it("trap 24: finds what a leader commits that is not durable at a majority", () => {
    const rule = ruleOf({ 1: [1, 2], 2: [1, 2], 3: [1] });
    rule.onCommit(commitOf(2, 2, three));
    assert.equal(rule.committedIndex, 2);
    rule.copyOf(2, "instance 2").syncBegins(0, entriesOf(1, 1, 2, 2));
    assert.throws(() => rule.onCommit(commitOf(3, 2, three)), /entry 3, which is not durable/);
  });

  it("wants both majorities for a joint configuration, and for it itself", () => {
    const rule = ruleOf({ 1: [1, 2, 2], 2: [1, 2, 2], 3: [1], 4: [1] });
    const joint = configurationAt(2, members(1, 2), members(1, 2, 3, 4));
    assert.throws(
      () => rule.onCommit(commitOf(2, 2, three, joint)),
      /majority of nodes 1, 2, 3, 4/,
    );
    // The leader goes on to the next one at once: that does not excuse it.
    const commit = commitOf(2, 2, three, joint, configurationAt(3, members(1, 2)));
    const configurations = { ...commit.configurations, before: joint };
    assert.throws(() => rule.onCommit({ ...commit, configurations }), /not durable/);
  });

  it("accepts what was counted before a change that began in the same event", () => {
    const rule = ruleOf({ 1: [1, 2], 2: [1, 2], 3: [1] });
    const next = configurationAt(3, members(1, 2, 3, 4), members(1, 2, 3));
    const commit = commitOf(2, 2, three, next);
    rule.onCommit({ ...commit, configurations: { ...commit.configurations, before: three } });
    assert.equal(rule.committedIndex, 2);
  });

  it("trap 17: finds a follower that commits what no leader has", () => {
    const rule = ruleOf({ 1: [1, 2], 2: [1, 2], 3: [1] });
    rule.onCommit(commitOf(2, 2, three));
    rule.onFollowerCommit(3, 2);
    assert.throws(() => rule.onFollowerCommit(3, 3), /leaders have committed up to 2/);
  });
});

describe("Configuration rule", () => {
  const before = configurationAt(1, members(1, 2, 3, 4, 5));

  it("accepts what shares a voter, and a joint configuration in between", () => {
    const joint = configurationAt(2, members(1, 2), members(1, 2, 3, 4, 5));
    checkChange(before, joint);
    checkChange(joint, configurationAt(3, members(1, 2)));
    checkChange(before, configurationAt(2, members(1, 2, 3, 4)));
  });

  it("trap 34: finds voters that change at once so that two leaders could be elected", () => {
    const after = configurationAt(2, members(1, 2, 3));
    assert.throws(() => checkChange(before, after), /nodes 1, 2, 3 \(index 2\) need not share/);
  });

  it("trap 14: finds another data directory that votes under an id, or none that does", () => {
    const [one, two, three] = members(1, 2, 3) as [Member, Member, Member];
    const of123 = configurationAt(1, [one, two, three]);
    const to = (instanceId: string) => configurationAt(2, [one, two, { ...three, instanceId }]);
    assert.throws(() => checkChange(of123, to("other")), /need not share a node/);
    assert.throws(() => checkChange(of123, to("")), /voter 3 of index 2 has no data directory/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  allMembers,
  hasQuorum,
  isVoter,
  majority,
  quorumIndex,
  voteResult,
} from "../../src/consensus/quorum.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import type { Configuration, NodeId } from "../../src/types.ts";

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });
const someIds = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const configurations = fc.record({ voters: ids, votersOld: someIds, learners: someIds }).map(
  ({ voters, votersOld, learners }) => configurationOf(voters, { votersOld, learners }),
);
/** What each node has; from numbers that a sort as text would put into another order. */
const indexes = fc.array(fc.constantFrom(0, 1, 2, 9, 10, 11, 99, 100, 1000), {
  minLength: 10,
  maxLength: 10,
});
const answers = fc.array(fc.constantFrom(true, false, undefined), {
  minLength: 10,
  maxLength: 10,
});

/** The definition, by counting: more than half of each half agree. */
function naiveQuorum(configuration: Configuration, test: (id: NodeId) => boolean): boolean {
  return [configuration.voters, configuration.votersOld].every((voters) => {
    const agreeing = voters.filter((member) => test(member.id)).length;
    return voters.length === 0 || 2 * agreeing > voters.length;
  });
}

describe("quorum", () => {
  it("majority is more than half, and one of one", () => {
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(majority), [1, 2, 2, 3, 3, 4, 4]);
    assert.throws(() => majority(0), /no voters/);
  });

  it("hasQuorum equals counting", () => {
    fc.assert(fc.property(configurations, fc.array(fc.integer({ min: 1, max: 9 })), (one, yes) => {
      const test = (id: NodeId): boolean => yes.includes(id);
      assert.equal(hasQuorum(one, test), naiveQuorum(one, test));
    }));
  });

  it("quorumIndex equals trying every index", () => {
    fc.assert(fc.property(configurations, indexes, (one, reached) => {
      const candidates = [...reached].sort((a, b) => b - a);
      const naive = candidates.find((index) => naiveQuorum(one, (id) => reached[id]! >= index));
      assert.equal(quorumIndex(one, (id) => reached[id]!), naive);
    }));
  });

  it("voteResult equals trying both extremes of the missing answers", () => {
    fc.assert(fc.property(configurations, answers, (one, given) => {
      const votes = new Map<NodeId, boolean>();
      given.forEach((answer, id) => answer === undefined || votes.set(id, answer));
      const worst = naiveQuorum(one, (id) => given[id] ?? false);
      const best = naiveQuorum(one, (id) => given[id] ?? true);
      assert.equal(voteResult(one, votes), worst ? "won" : best ? "pending" : "lost");
    }));
  });

  it("two quorums of one configuration share a voter", () => {
    fc.assert(fc.property(configurations, someIds, someIds, (one, first, second) => {
      if (!hasQuorum(one, (id) => first.includes(id))) return;
      if (!hasQuorum(one, (id) => second.includes(id))) return;
      assert.ok(first.some((id) => second.includes(id) && isVoter(one, id)));
    }));
  });

  it("isVoter and allMembers agree with the lists", () => {
    fc.assert(fc.property(configurations, (one) => {
      const listed = [...one.voters, ...one.votersOld, ...one.learners].map(({ id }) => id);
      const expected = [...new Set(listed)].sort((a, b) => a - b);
      assert.deepEqual(allMembers(one).map(({ id }) => id), expected);
      const voters = [...one.voters, ...one.votersOld].map(({ id }) => id);
      for (let id = 0; id < 10; id += 1) assert.equal(isVoter(one, id), voters.includes(id));
    }));
  });

  it("trap 22: quorumIndex sorts indexes as numbers", () => {
    const reached = [0, 9, 100, 10];
    assert.equal(quorumIndex(configurationOf([1, 2, 3]), (id) => reached[id]!), 10);
  });

  it("trap 12: learners are in no quorum", () => {
    const one = configurationOf([1, 2, 3], { learners: [4, 5, 6] });
    assert.equal(hasQuorum(one, (id) => id === 1 || id >= 4), false);
    assert.equal(quorumIndex(one, (id) => id === 1 || id >= 4 ? 7 : 0), 0);
    const votes = new Map([[1, true], [4, true], [5, true], [6, true]]);
    assert.equal(voteResult(one, votes), "pending");
  });

  it("trap 37: a leader outside the voters does not count itself", () => {
    const one = configurationOf([2, 3, 4]);
    assert.equal(hasQuorum(one, (id) => id === 1 || id === 2), false);
    assert.equal(quorumIndex(one, (id) => id <= 2 ? 7 : 0), 0);
  });

  it("a joint configuration needs both majorities", () => {
    const joint = configurationOf([3, 4, 5], { votersOld: [1, 2, 3] });
    assert.equal(hasQuorum(joint, (id) => id >= 3), false);
    assert.equal(hasQuorum(joint, (id) => id <= 3), false);
    assert.equal(hasQuorum(joint, (id) => id >= 2 && id <= 4), true);
  });

  it("a member that rejoins counts for nothing in the place of what it lost", () => {
    const before = configurationOf([1, 2], { votersOld: [1, 2, 3], learners: [3] });
    const [learner] = before.learners;
    const rejoining = { ...before, learners: [{ ...learner!, instanceId: "another directory" }] };
    assert.equal(hasQuorum(before, (id) => id !== 2), false, "both of the new voters are needed");
    assert.equal(hasQuorum(rejoining, (id) => id === 1 || id === 3), false);
    assert.equal(hasQuorum(rejoining, (id) => id <= 2), true, "both that are left agree");
    assert.equal(quorumIndex(rejoining, (id) => id === 2 ? 5 : 9), 5, "of 9, 5 and none");
    assert.equal(quorumIndex(before, (id) => id === 2 ? 5 : 9), 5);
    assert.deepEqual([isVoter(before, 3), isVoter(rejoining, 3)], [true, false]);
  });

  it("of five, two that rejoin leave three to agree: all of them", () => {
    const ids = [1, 2, 3, 4, 5];
    const joint = configurationOf([1, 2, 3], { votersOld: ids, learners: [4, 5] });
    const learners = joint.learners.map((member) => ({ ...member, instanceId: "another" }));
    const rejoining = { ...joint, learners };
    assert.equal(hasQuorum(rejoining, (id) => id !== 3), false, "2 of 5 old voters, with 4 and 5");
    assert.equal(hasQuorum(joint, (id) => id !== 3), true);
    assert.equal(hasQuorum(rejoining, (id) => id <= 3), true);
    assert.equal(quorumIndex(rejoining, (id) => id), 1, "the third of the old voters that count");
  });
});

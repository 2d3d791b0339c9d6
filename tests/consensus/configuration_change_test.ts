/** What changes make of a configuration, and which of them are refused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ChangeFacts, planChange } from "../../src/consensus/configuration_change.ts";
import { MEMBERS_MAX } from "../../src/limits.ts";
import { memberChange } from "../../src/testing/core_cluster.ts";
import { configurationOf, membersOf } from "../../src/testing/core_log.ts";
import type { Configuration, MemberAction, MemberChange, NodeId } from "../../src/types.ts";

const allUp: ChangeFacts = {
  isUp: () => true,
  isCaughtUp: () => true,
  replaces: [],
  joinIndex: 0,
  force: false,
};

/** Facts where these nodes are down, or learners have not caught up. */
function facts(options: { down?: readonly NodeId[]; behind?: readonly NodeId[] }): ChangeFacts {
  const { down = [], behind = [] } = options;
  return {
    isUp: (id) => !down.includes(id),
    isCaughtUp: (id) => !down.includes(id) && !behind.includes(id),
    replaces: [],
    joinIndex: 0,
    force: false,
  };
}

/** "add 4" and the like. */
function changes(...texts: readonly string[]): MemberChange[] {
  return texts.map((text) => {
    const [action, id] = text.split(" ");
    return memberChange({ action: action as MemberAction, id: Number(id) });
  });
}

/** "1 2 3 | 4+ 5": voters, learners, and a plus where one is to be promoted. */
function show({ voters, learners, promotions }: Configuration): string {
  const names = learners.map(({ id }) => `${id}${promotions.includes(id) ? "+" : ""}`);
  return `${voters.map(({ id }) => id).join(" ")} | ${names.join(" ")}`.trimEnd();
}

const voters123 = configurationOf([1, 2, 3]);
const learners45 = configurationOf([1, 2, 3], { learners: [4, 5] });

/** The target of changes, or the reason of the refusal. */
function plan(
  current: Configuration,
  texts: readonly string[],
  given: ChangeFacts = allUp,
): string {
  const { target, refusal } = planChange(current, changes(...texts), given);
  return refusal === null ? show(target) : `${refusal.reason}: ${refusal.message}`;
}

const planned: readonly (readonly [Configuration, string, string])[] = [
  [voters123, "add 4", "1 2 3 | 4+"],
  [voters123, "addLearner 4", "1 2 3 | 4"],
  [voters123, "add 5,addLearner 4", "1 2 3 | 4 5+"],
  [voters123, "remove 2", "1 3 |"],
  [voters123, "demote 2", "1 3 | 2"],
  [voters123, "remove 1,remove 2,add 9", "3 | 9+"],
  [learners45, "promote 4", "1 2 3 4 | 5"],
  [learners45, "promote 4,promote 5,remove 1,remove 2", "3 4 5 |"],
  [learners45, "remove 4", "1 2 3 | 5"],
  [voters123, "promote 2", "1 2 3 |"],
  [learners45, "demote 4", "1 2 3 | 4 5"],
];

const refusals: readonly (readonly [Configuration, string, RegExp])[] = [
  [voters123, "promote 9", /^not_found: Node 9 is no member: the members are 1, 2, 3$/],
  [voters123, "demote 9", /^not_found/],
  [voters123, "remove 9", /^not_found/],
  [voters123, "setAddress 9", /^not_found/],
  [voters123, "remove 1,remove 2,remove 3", /^refused: .*last voter/],
  [configurationOf([1]), "demote 1", /^refused: .*last voter/],
  [voters123, "remove 2,add 2", /^invalid: Cannot change member 2 twice at once/],
];

describe("planChange", () => {
  for (const [current, text, want] of planned) {
    it(`${show(current)}, ${text}: ${want}`, () => {
      assert.equal(plan(current, text.split(",")), want);
    });
  }

  for (const [current, text, want] of refusals) {
    it(`refuses ${text} of ${show(current)}`, () => {
      assert.match(plan(current, text.split(",")), want);
    });
  }

  it("an empty list of changes is invalid", () => {
    assert.match(plan(voters123, []), /^invalid: .*at least one/);
  });

  it("a change of voters that would lose the quorum is refused with the numbers", () => {
    assert.equal(
      plan(voters123, ["remove 1"], facts({ down: [3] })),
      "refused: Cannot change the voters as the quorum would be lost: of the 2 voters afterwards " +
        "1 would be up, and 2 are needed; down: node 3",
    );
    assert.equal(plan(voters123, ["remove 3"], facts({ down: [3] })), "1 2 |", "the one down");
    const five = configurationOf([1, 2, 3, 4, 5]);
    assert.equal(plan(five, ["remove 1"], facts({ down: [5] })), "2 3 4 5 |");
    assert.match(plan(five, ["remove 1"], facts({ down: [4, 5] })), /of the 4 voters/);
  });

  describe("rejoin", () => {
    const [member] = membersOf([3]);
    const known = member!.instanceId as string;
    const address = "node-3:1";
    const ask = (current: Configuration, given: Partial<ChangeFacts>, instanceId = "fresh") =>
      planChange(current, [{ action: "rejoin", id: 3, address, instanceId }], {
        ...facts({ down: [3] }),
        replaces: [known],
        ...given,
      });

    it("takes the vote of what was lost away, and is to give it back", () => {
      const { target } = ask(voters123, {});
      assert.equal(show(target!), "1 2 | 3+");
      assert.deepEqual(target!.learners, [{ id: 3, address, instanceId: "fresh" }]);
    });

    it("leaves a learner that it was, and changes nothing when it is asked again", () => {
      const learner = configurationOf([1, 2], { learners: [3] });
      assert.equal(show(ask(learner, {}).target!), "1 2 | 3");
      const { target } = ask(voters123, {}, known);
      assert.equal(show(target!), "1 2 3 |");
    });

    it("takes a place that was reserved after a removal, as an empty directory does", () => {
      const members = configurationOf([1, 2], { learners: [3] });
      const free = { ...member!, instanceId: "" };
      const reserved = { ...members, learners: [free], promotions: [3] };
      const { target } = ask(reserved, {});
      assert.equal(show(target!), "1 2 | 3+");
      assert.deepEqual(target!.learners, [{ id: 3, address, instanceId: "fresh" }]);
      const voting = { ...voters123, voters: [...voters123.voters.slice(0, 2), free] };
      assert.match(ask(voting, {}).refusal!.message, /another data directory \(none\)/);
    });

    it("is refused for another directory than the one that is known", () => {
      const { refusal } = ask(voters123, { replaces: ["older"] });
      assert.match(refusal!.message, /known with another data directory/);
    });

    it("is refused while the one that is known answers", () => {
      assert.equal(ask(voters123, { isUp: () => true }).refusal!.reason, "in_progress");
    });

    it("is refused where the others are no majority of the voters, the lost one among them", () => {
      const { refusal } = ask(voters123, { isUp: (id) => id === 1 });
      assert.match(refusal!.message, /of the 3 voters 1 others are up, and 2 are needed/);
      assert.equal(refusal!.reason, "in_progress", "the other one may come up");
      const two = configurationOf([2, 3]);
      assert.equal(ask(two, {}).refusal!.reason, "refused", "nobody else can come up");
    });
  });

  it("who gets another address counts as down until it is reached there", () => {
    const set = (current: Configuration, id: NodeId, given: ChangeFacts) => {
      const change = memberChange({ action: "setAddress", id, address: "other:1" });
      return planChange(current, [change], given).refusal;
    };
    assert.equal(set(voters123, 3, allUp), null, "the two others are a quorum");
    assert.equal(set(learners45, 4, facts({ down: [2] })), null, "a learner costs no quorum");
    assert.equal(set(configurationOf([1]), 1, allUp), null, "nobody has to reach a single voter");
    const refusal = set(voters123, 3, facts({ down: [2] }));
    assert.equal(
      refusal?.message,
      "Cannot change the voters as the quorum would be lost: of the 3 voters afterwards 1 would " +
        "be up, and 2 are needed; down: node 2, 3",
    );
    assert.match(refusal!.why.join("\n"), /^Node 3 counts as down until it is reached at its new/);
    assert.equal(set(voters123, 3, { ...facts({ down: [2] }), force: true }), null);
    assert.equal(set(configurationOf([1, 2]), 2, allUp)?.reason, "refused");
    const same = memberChange({ action: "setAddress", id: 3, address: "node3:7000" });
    assert.equal(planChange(voters123, [same], facts({ down: [2] })).refusal, null, "no change");
  });

  it("--force skips the protection of the quorum, and nothing else", () => {
    const forced = { ...facts({ down: [2, 3], behind: [4] }), force: true };
    assert.equal(plan(voters123, ["remove 1"], forced), "2 3 |");
    assert.match(plan(voters123, ["remove 9"], forced), /^not_found/);
    assert.match(plan(configurationOf([1]), ["remove 1"], forced), /^refused: .*last voter/);
  });

  it("changes that leave the voters as they are need no quorum of those who are up", () => {
    const down = facts({ down: [2, 3] });
    assert.equal(plan(voters123, ["add 4"], down), "1 2 3 | 4+");
    assert.equal(plan(learners45, ["remove 4"], down), "1 2 3 | 5");
  });

  it("a learner that is behind is promoted later, and never in place of a voter that goes", () => {
    const behind = facts({ behind: [4] });
    assert.equal(plan(learners45, ["promote 4"], behind), "1 2 3 | 4+ 5");
    assert.match(plan(learners45, ["promote 4", "remove 1"], behind), /4 has not caught up: wait/);
  });

  it("trap 14: a known id with another data directory is refused, with the way out", () => {
    const change = memberChange({ action: "add", id: 2, instanceId: "f".repeat(32) });
    const { refusal } = planChange(voters123, [change], allUp);
    assert.equal(refusal?.reason, "refused");
    assert.match(refusal!.message, /another data directory \(0.*2\)/);
    assert.match(refusal!.fix!.join("\n"), /raft member remove 2 -e node1:7000/);
  });

  it("a member that joins binds its data directory and its address, and keeps its part", () => {
    const pending = { ...membersOf([4])[0]!, instanceId: "" };
    const current: Configuration = { ...voters123, learners: [pending] };
    const change = memberChange({ action: "add", id: 4, address: "other:1" });
    const { target } = planChange(current, [change], allUp);
    assert.deepEqual(target?.learners, [{ ...membersOf([4])[0]!, address: "other:1" }]);
    assert.deepEqual(target?.promotions, [], "who was added as a learner stays one");
  });

  it("one that was taken in and removed since is not added again, but takes a place", () => {
    const again = { ...allUp, joinIndex: 7 };
    assert.match(
      plan(voters123, ["add 4"], again),
      /^not_found: Node 4 was a member from index 7 on, and was removed since/,
    );
    assert.equal(plan(voters123, ["add 4"]), "1 2 3 | 4+");
    const pending = { ...membersOf([4])[0]!, instanceId: "" };
    const { target } = planChange({ ...voters123, learners: [pending] }, changes("add 4"), again);
    assert.deepEqual(target?.learners, membersOf([4]));
  });

  it("trap 14: a voter whose data directory is not known can be bound to none", () => {
    const voters = voters123.voters.map((member) => ({ ...member, instanceId: "" }));
    const change = memberChange({ action: "add", id: 3 });
    const { refusal } = planChange({ ...voters123, voters }, [change], allUp);
    assert.match(refusal!.message, /another data directory \(unknown\)/);
  });

  it("adding the same member at the same address once more changes nothing", () => {
    const again = memberChange({ action: "add", id: 2, instanceId: "" });
    assert.deepEqual(planChange(voters123, [again], allUp).target, voters123);
    const elsewhere = { ...again, address: "other:1" };
    const { refusal } = planChange(voters123, [elsewhere], allUp);
    assert.match(refusal!.message, /member already, at node2:7000/);
    assert.match(refusal!.why.join(), /raft member set 2 --address other:1/);
  });

  it("an address is one, and nobody else's", () => {
    const set = (address: string) =>
      planChange(voters123, [memberChange({ action: "setAddress", id: 2, address })], allUp);
    assert.equal(set("other:1").target!.voters[1]!.address, "other:1");
    assert.match(set("other").refusal!.message, /address "other" of node 2: want HOST:PORT/);
    assert.match(set("node3:7000").refusal!.message, /Nodes 2 and 3 cannot both be at node3:7000/);
  });

  it("the count of members is bounded", () => {
    const ids = Array.from({ length: MEMBERS_MAX }, (_, i) => i + 1);
    const full = configurationOf([1], { learners: ids.slice(1) });
    assert.match(plan(full, ["add 99"]), /Cannot have 65 members: want at most 64/);
    assert.match(plan(full, ["add 99", "remove 2"]), /^1 \| 3 /);
  });
});

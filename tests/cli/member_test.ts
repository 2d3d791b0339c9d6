import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ChangeInProgressError,
  NoQuorumError,
  NotFoundError,
  RefusedError,
  UnknownOutcomeError,
  UnreachableError,
} from "../../src/errors.ts";
import { FakeCluster, membershipOf } from "./fake_cluster.ts";
import { memberOf, statusOf } from "./fake_status.ts";
import { type Ran, runLine } from "./run_line.ts";

/** What the last change, transfer or snapshot was asked with, or undefined where none was. */
function asked({ cluster }: Ran, name = "changeMembership"): unknown {
  return cluster.asked.findLast((call) => call.name === name)?.options;
}

/** The changes that were sent, in few words. */
function changesOf(ran: Ran): string[] {
  const { changes } = asked(ran) as {
    changes: { action: string; id: number; address: string }[];
  };
  return changes.map(({ action, id, address }) => `${action} ${id} ${address}`.trim());
}

async function json(words: readonly string[], cluster = new FakeCluster()) {
  const ran = await runLine([...words, "--json"], { cluster });
  assert.equal(ran.exit, 0, ran.errors);
  return { ran, document: JSON.parse(ran.output) };
}

/** A cluster whose node 2 is not connected to the leader. */
function withoutNode2(): FakeCluster {
  const cluster = new FakeCluster();
  const members = cluster.membership.members.map((member) =>
    member.id === 2 ? { ...member, reachable: false } : member
  );
  cluster.membership = { ...cluster.membership, members };
  return cluster;
}

describe("raft member ls", () => {
  const members = [memberOf(1), memberOf(2, { voter: false })];
  const status = { members, promotions: [2], configurationIndex: 9 };

  it("has the fields of the contract", async () => {
    const cluster = new FakeCluster();
    cluster.statuses = [statusOf({ nodeId: 1, role: "leader", ...status })];
    const { document } = await json(["member", "ls"], cluster);
    assert.deepEqual(document, {
      members: [
        { id: 1, address: "127.0.0.1:7238", voter: true, promotion: false },
        { id: 2, address: "127.0.0.1:7248", voter: false, promotion: true },
      ],
      configurationIndex: 9,
      joint: false,
    });
  });

  it("tells people who becomes a voter, what is under way, and that it may be old", async () => {
    const cluster = new FakeCluster();
    cluster.statuses = [statusOf({ nodeId: 1, role: "follower", ...status, joint: true })];
    const { output, errors } = await runLine(["member", "ls"], { cluster });
    assert.match(output, /2 +127\.0\.0\.1:7248 +soon/);
    assert.match(errors, /no leader: this may be old/);
    assert.match(errors, /a change of the voters is under way/);
  });

  it("leaves out a node that only waits to be taken in", async () => {
    const cluster = new FakeCluster();
    cluster.statuses = [
      statusOf({ nodeId: 1, role: "leader", ...status }),
      statusOf({ nodeId: 9, role: "learner", members: [], term: 0 }),
    ];
    const { document } = await json(["member", "ls"], cluster);
    assert.equal(document.members.length, 2);
  });
});

describe("raft member add", () => {
  it("adds a learner that is promoted, and prints the command for its machine", async () => {
    const { ran, document } = await json(["member", "add", "4", "127.0.0.1:7268"]);
    assert.deepEqual(changesOf(ran), ["add 4 127.0.0.1:7268"]);
    const next = "raft start --id 4 --listen 127.0.0.1:7268 " +
      "--join 127.0.0.1:7238,127.0.0.1:7248,127.0.0.1:7258";
    const expected = { id: 4, address: "127.0.0.1:7268", voter: false, configurationIndex: 8 };
    assert.deepEqual(document, { ...expected, next });
    assert.ok(ran.errors.includes(next));
  });

  it("keeps a learner one, and names a cluster that has a name", async () => {
    const cluster = new FakeCluster();
    cluster.membership = { ...cluster.membership, clusterName: "blue" };
    const { ran, document } = await json(
      ["member", "add", "4", "127.0.0.1:7268", "--learner"],
      cluster,
    );
    assert.deepEqual(changesOf(ran), ["addLearner 4 127.0.0.1:7268"]);
    assert.match(document.next, /--learner --cluster blue$/);
  });

  it("may be repeated", async () => {
    const ran = await runLine(["member", "add", "2", "127.0.0.1:7248"]);
    assert.equal(ran.exit, 0);
    assert.match(ran.output, /is a member already/);
  });

  it("sends nothing that cannot be meant", async () => {
    const cases: readonly (readonly [string, string, RegExp, number?])[] = [
      ["2", "127.0.0.1:7999", /it is a member at 127\.0\.0\.1:7248[^]*raft member set 2/, 10],
      ["4", "127.0.0.1:7248", /node 2 is there/, 10],
      ["4", "0.0.0.0:7268", /nobody can be reached/],
      ["4", "127.0.0.1:0", /nobody can be reached/],
      ["4", "127.0.0.1", /the port is missing/],
      ["0", "127.0.0.1:7268", /want an integer ≥ 1/],
      ["x", "127.0.0.1:7268", /want an integer ≥ 1/],
    ];
    for (const [id, address, message, exit = 2] of cases) {
      const ran = await runLine(["member", "add", id, address]);
      assert.equal(ran.exit, exit, `${id} ${address}`);
      assert.match(ran.errors, message);
      assert.equal(asked(ran), undefined);
    }
  });

  it("refuses an address of one machine where the others are elsewhere", async () => {
    const cluster = new FakeCluster();
    const members = cluster.membership.members.map((member) => ({
      ...member,
      address: `10.0.0.${member.id}:7238`,
    }));
    cluster.membership = { ...cluster.membership, members };
    const ran = await runLine(["member", "add", "4", "127.0.0.1:7268"], { cluster });
    assert.equal(ran.exit, 10);
    assert.match(ran.errors, /only its own machine reaches it[^]*node 1 is at 10\.0\.0\.1/);
  });
});

describe("raft member promote, demote, remove, replace and set", () => {
  it("ask for what they say, several changes at once", async () => {
    const cases: readonly (readonly [string, string[]])[] = [
      ["member promote 2", ["promote 2"]],
      ["member demote 2", ["demote 2"]],
      ["member remove 2", ["remove 2"]],
      ["member replace 2 4 127.0.0.1:7268", ["remove 2", "add 4 127.0.0.1:7268"]],
      // The new node may stand where the old one stood.
      ["member replace 2 4 127.0.0.1:7248", ["remove 2", "add 4 127.0.0.1:7248"]],
      ["member set 2 --address 127.0.0.1:7268", ["setAddress 2 127.0.0.1:7268"]],
      ["undrain 2", ["promote 2"]],
    ];
    for (const [line, changes] of cases) {
      const { ran, document } = await json(line.split(" "));
      assert.deepEqual(changesOf(ran), changes, line);
      assert.equal(document.configurationIndex, 8);
    }
  });

  it("promote and undrain say of a voter that it is one", async () => {
    for (const line of ["member promote 2", "undrain 2"]) {
      const voter = await runLine(line.split(" "));
      assert.match(voter.output, /^node 2 is a voter already/, line);
      const cluster = new FakeCluster();
      const members = cluster.membership.members.map((member) => ({ ...member, voter: false }));
      cluster.membership = { ...cluster.membership, members };
      assert.match((await runLine(line.split(" "), { cluster })).output, /once it has caught up/);
    }
  });

  it("replace prints the command for the new machine, without the old one in it", async () => {
    const { document } = await json("member replace 2 4 127.0.0.1:7268".split(" "));
    const expected = "raft start --id 4 --listen 127.0.0.1:7268 --join " +
      "127.0.0.1:7238,127.0.0.1:7258";
    assert.equal(document.next, expected);
    assert.deepEqual([document.removed, document.id], [2, 4]);
  });

  it("end with 3 for a node that is no member, before anything is sent", async () => {
    const lines = ["promote 9", "demote 9", "remove 9", "replace 9 4 a:1", "set 9 --address a:1"];
    for (const line of [...lines.map((words) => `member ${words}`), "drain 9", "transfer 9"]) {
      const ran = await runLine(line.split(" "));
      assert.equal(ran.exit, 3, line);
      assert.match(ran.errors, /node 9 is no member[^]*the members are 1, 2, 3/);
      assert.equal(asked(ran), undefined);
    }
  });

  it("replace refuses an id that is used", async () => {
    assert.equal((await runLine("member replace 2 2 127.0.0.1:7268".split(" "))).exit, 2);
    assert.equal((await runLine("member replace 2 3 127.0.0.1:7268".split(" "))).exit, 10);
  });

  it("remove that loses the quorum ends with 10, the numbers and the flag", async () => {
    const cluster = withoutNode2();
    const why = "of the 2 voters afterwards 1 would be up, and 2 are needed; down: node 2";
    cluster.adminError = new RefusedError(`Cannot change the voters: ${why}`, ["start it"]);
    const { exit, errors } = await runLine(["member", "remove", "3"], { cluster });
    assert.equal(exit, 10);
    assert.match(errors, /1 would be up, and 2 are needed/);
    assert.match(errors, /the quorum would be lost: nothing was changed/);
    assert.match(errors, /start node 2 first/);
    assert.match(errors, /node 2 at 127\.0\.0\.1:7248 is not connected to the leader/);
    assert.match(errors, /raft member remove 3 --force/);
    const forced = await runLine(["member", "remove", "3", "--force"], {
      cluster: withoutNode2(),
    });
    assert.equal((asked(forced) as { force: boolean }).force, true);
  });

  it("set that is refused ends with 10, the reason and the flag", async () => {
    const cluster = new FakeCluster();
    cluster.adminError = new RefusedError("Node 2 does not answer at a:1", ["connection refused"]);
    const { exit, errors } = await runLine(["member", "set", "2", "--address", "127.0.0.1:1"], {
      cluster,
    });
    assert.equal(exit, 10);
    assert.match(errors, /Node 2 does not answer at a:1[^]*connection refused/);
    assert.match(errors, /raft member set 2 --address 127\.0\.0\.1:1 --force/);
    const forced = await runLine(["member", "set", "2", "--address", "127.0.0.1:1", "--force"]);
    assert.equal((asked(forced) as { force: boolean }).force, true);
  });

  it("do not offer a flag that is none", async () => {
    const cluster = withoutNode2();
    cluster.adminError = new RefusedError("Cannot change the voters", []);
    const { exit, errors } = await runLine(["member", "demote", "3"], { cluster });
    assert.equal(exit, 10);
    assert.doesNotMatch(errors, /--force/);
  });

  it("tell each other outcome by its exit code", async () => {
    const cases: readonly (readonly [Error, number, string, RegExp])[] = [
      [new ChangeInProgressError("x"), 4, "no", /another change of the members is under way/],
      [new NotFoundError("Node 2 is no member"), 3, "no", /Node 2 is no member/],
      [new NoQuorumError("x"), 6, "no", /not applied/],
      [new UnknownOutcomeError("the members are 1, 2"), 7, "unknown", /the members are 1, 2/],
    ];
    for (const [error, exit, applied, message] of cases) {
      const cluster = new FakeCluster();
      cluster.adminError = error;
      const ran = await runLine(["member", "remove", "2", "--json"], { cluster });
      assert.equal(ran.exit, exit, error.name);
      assert.equal(JSON.parse(ran.errors).error.applied, applied);
      assert.match(ran.errors, message);
      assert.doesNotMatch(ran.errors, /read the key/);
    }
  });
});

describe("raft transfer, drain and snapshot trigger", () => {
  it("transfer names who leads now", async () => {
    const { ran, document } = await json(["transfer", "2"]);
    assert.equal((asked(ran, "transferLeadership") as { target: number }).target, 2);
    const leader = { id: 2, address: "127.0.0.1:7248" };
    assert.deepEqual(document, { leader, term: 4, previous: 1 });
    const anybody = await json(["transfer"]);
    assert.equal("target" in (asked(anybody.ran, "transferLeadership") as object), false);
    assert.notEqual(anybody.document.leader.id, 1);
  });

  it("transfer refuses a learner, and explains what the leader refuses", async () => {
    const cluster = new FakeCluster();
    const [first, second] = membershipOf(1, 2).members;
    const members = [first!, { ...second!, voter: false }];
    cluster.membership = { ...cluster.membership, members };
    const { exit, errors } = await runLine(["transfer", "2"], { cluster });
    assert.equal(exit, 10);
    assert.match(errors, /it is a learner[^]*raft member promote 2/);
    const alone = await runLine(["drain", "1"], { cluster });
    assert.equal(alone.exit, 10);
    assert.match(alone.errors, /it is the only voter/);
    const refusing = new FakeCluster();
    refusing.adminError = new RefusedError("Node 2 is too far behind", ["it has 5 of 100"]);
    const refused = await runLine(["transfer", "2"], { cluster: refusing });
    assert.equal(refused.exit, 10);
    assert.match(refused.errors, /too far behind[^]*it has 5 of 100/);
    const silent = new FakeCluster();
    silent.adminError = new UnknownOutcomeError("node 1 leads");
    assert.equal((await runLine(["transfer", "2"], { cluster: silent })).exit, 7);
  });

  it("drain moves leadership away before it takes the vote", async () => {
    const { ran } = await json(["drain", "1"]);
    const names = ran.cluster.asked.map(({ name }) => name);
    assert.ok(names.indexOf("transferLeadership") < names.indexOf("changeMembership"));
    assert.deepEqual(changesOf(ran), ["demote 1"]);
    const other = await json(["drain", "2"]);
    assert.equal(asked(other.ran, "transferLeadership"), undefined);
  });

  it("drain leaves leadership where it is if the quorum would be lost", async () => {
    const cluster = withoutNode2();
    const ran = await runLine(["drain", "1"], { cluster });
    assert.equal(ran.exit, 10);
    assert.match(ran.errors, /the quorum would be lost: nothing was changed/);
    assert.match(ran.errors, /of the 2 voters afterwards 1 would be up, and 2 are needed/);
    assert.match(ran.errors, /node 2 at 127\.0\.0\.1:7248 is not connected to the leader/);
    assert.deepEqual([asked(ran, "transferLeadership"), asked(ran)], [undefined, undefined]);
  });

  it("snapshot trigger asks the leader, or the member that is named", async () => {
    const { ran, document } = await json(["snapshot", "trigger"]);
    const endpointOf = (one: Ran) =>
      (asked(one, "triggerSnapshot") as { endpoint: string }).endpoint;
    assert.equal(endpointOf(ran), "127.0.0.1:7238");
    assert.deepEqual(document, { id: 1, address: "127.0.0.1:7238", index: 100 });
    assert.equal(endpointOf((await json(["snapshot", "trigger", "3"])).ran), "127.0.0.1:7258");
    assert.equal((await runLine(["snapshot", "trigger", "9"])).exit, 3);
    const cluster = new FakeCluster();
    cluster.adminError = new UnknownOutcomeError("no answer");
    const slow = await runLine(["snapshot", "trigger"], { cluster });
    assert.equal(slow.exit, 7);
    assert.match(slow.errors, /--timeout 1m/);
    cluster.adminError = new UnreachableError("connection refused");
    const silent = await runLine(["snapshot", "trigger", "3"], { cluster });
    assert.equal(silent.exit, 5);
    assert.match(silent.errors, /node 3 does not answer: no snapshot was taken/);
    assert.match(silent.errors, /start node 3 at 127\.0\.0\.1:7258/);
    assert.doesNotMatch(silent.errors, /no cluster yet/);
  });
});

describe("raft wait member", () => {
  const learner = { voter: false, matchIndex: 40 };

  function clusterWith(fields: object): FakeCluster {
    const cluster = new FakeCluster();
    const members = cluster.membership.members.map((member) =>
      member.id === 3 ? { ...member, ...learner, ...fields } : member
    );
    cluster.membership = { ...cluster.membership, members };
    return cluster;
  }

  it("waits until the member has caught up, or votes", async () => {
    for (
      const [state, fields] of [["caught-up", { matchIndex: 100 }], ["voter", { voter: true }]]
    ) {
      const cluster = clusterWith({});
      const after = clusterWith(fields as object).membership;
      cluster.onAsk = (count) => cluster.membership = count < 2 ? cluster.membership : after;
      const words = ["wait", "member", "3", String(state), "-t", "10m"];
      const { exit, output } = await runLine(words, { cluster });
      const reached = state === "voter" ? "is a voter" : "has caught up";
      assert.deepEqual([exit, output], [0, `node 3 ${reached}\n`]);
      assert.equal(cluster.asked.length, 3);
    }
  });

  it("waits until the member is gone, and a change of the voters is whole", async () => {
    const cluster = new FakeCluster();
    const gone = membershipOf(1, 2);
    cluster.onAsk = (count) => {
      if (count === 1) cluster.membership = { ...gone, isJoint: true };
      if (count === 3) cluster.membership = gone;
    };
    const { document } = await json(["wait", "member", "3", "gone", "-t", "10m"], cluster);
    assert.equal(document.state, "gone");
    assert.equal(cluster.asked.length, 4);
  });

  it("ends with 4 and says how far it is", async () => {
    const words = ["wait", "member", "3", "caught-up", "-t", "100ms"];
    const { exit, errors } = await runLine(words, { cluster: clusterWith({}) });
    assert.equal(exit, 4);
    assert.match(errors, /node 3 has 40 of 100 entries/);
    const absent = await runLine(["wait", "member", "9", "voter", "-t", "100ms"]);
    assert.match(absent.errors, /node 9 is no member/);
    assert.equal((await runLine(["wait", "member", "3", "voters"])).exit, 2);
  });
});

describe("what is under way", () => {
  it("is shown by leader and status", async () => {
    const cluster = new FakeCluster();
    cluster.membership = { ...cluster.membership, transferTarget: 2 };
    const members = [memberOf(1), memberOf(4, { voter: false })];
    const more = { members, promotions: [4], joint: true, transferTarget: 2, snapshotIndex: 60 };
    cluster.statuses = [statusOf({ nodeId: 1, role: "leader", ...more })];
    const leader = await runLine(["leader"], { cluster });
    assert.match(leader.errors, /leadership is being handed to node 2/);
    const { output } = await runLine(["status"], { cluster });
    assert.match(output, /note: a change of the voters is under way/);
    assert.match(output, /note: leadership is being handed to node 2/);
    assert.match(output, /4 +127\.0\.0\.1:7268 +unknown +soon/);
    assert.match(output, /100 +0 +60 +1\.2\.3/);
    const { document } = await json(["status"], cluster);
    assert.deepEqual([document.joint, document.transferTarget], [true, 2]);
    assert.deepEqual(document.members.map(({ promotion }: { promotion: boolean }) => promotion), [
      false,
      true,
    ]);
  });
});

describe("raft error", () => {
  it("takes a code or its name", async () => {
    assert.match((await runLine(["error", "refused"])).output, /^10 refused[^]*--force/);
    assert.match((await runLine(["error", "4"])).output, /change of the members is under way/);
    assert.equal((await json(["error", "NOT_FOUND"])).document.code, 3);
    assert.equal((await json(["error", "130"])).document.name, "killed");
    const { exit, errors } = await runLine(["error", "refuse"]);
    assert.equal(exit, 2);
    assert.match(errors, /did you mean refused\?/);
  });
});

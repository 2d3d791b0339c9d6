import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { judgeHealth, viewCluster, voteOf } from "../../src/cli/cluster_view.ts";
import { DeniedError, NoQuorumError } from "../../src/errors.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { memberOf, silentNode, statusOf } from "./fake_status.ts";
import { runLine } from "./run_line.ts";

const members = [
  memberOf(1, { matchIndex: 100 }),
  memberOf(2, { matchIndex: 90 }),
  memberOf(3, { matchIndex: 50, version: "1.0.0" }),
];
const leader = statusOf({ nodeId: 1, role: "leader", members });
const follower = statusOf({ nodeId: 2, role: "follower", members, lastIndex: 90 });
const whole = [
  leader,
  follower,
  statusOf({ nodeId: 3, role: "follower", members, lastIndex: 50 }),
];

function clusterOf(statuses: FakeCluster["statuses"]): FakeCluster {
  const cluster = new FakeCluster();
  cluster.statuses = statuses;
  return cluster;
}

describe("viewCluster", () => {
  it("joins what members say of themselves with what the leader knows", () => {
    const view = viewCluster([leader, follower, silentNode(3)]);
    assert.deepEqual(view.leader, { id: 1, address: "127.0.0.1:7238" });
    assert.deepEqual(
      view.members.map(({ id, role, reachable, matchIndex, lag, version }) =>
        [id, role, reachable, matchIndex, lag, version].join(" ")
      ),
      [
        "1 leader true 100 0 1.2.3",
        "2 follower true 90 10 1.2.3",
        "3 unknown false 50 50 1.0.0",
      ],
    );
    assert.deepEqual(view.voters, { count: 3, reachable: 2, needed: 2 });
  });

  it("believes the leader of the highest term", () => {
    const old = statusOf({ nodeId: 1, role: "leader", members, term: 3 });
    const fresh = statusOf({ nodeId: 2, role: "leader", members, term: 4 });
    assert.equal(viewCluster([old, fresh]).leader?.id, 2);
    assert.equal(viewCluster([old, fresh]).term, 4);
  });

  it("does not believe a leader that somebody has a higher term than", () => {
    const old = statusOf({ nodeId: 1, role: "leader", members, term: 3 });
    const candidate = statusOf({ nodeId: 2, role: "candidate", members, term: 4 });
    assert.equal(viewCluster([old, candidate]).leader, null);
  });

  it("shows a node that is in nobody's configuration", () => {
    const stranger = statusOf({ nodeId: 9, role: "learner", members: [], term: 0 });
    const view = viewCluster([...whole, stranger]);
    assert.deepEqual(view.members.map(({ id }) => id), [1, 2, 3, 9]);
    assert.equal(view.voters.count, 3);
  });

  it("fails where nobody answers, and says so for each", () => {
    assert.throws(() => viewCluster([silentNode(1)]), /no endpoint answered/);
    const denied = { ...silentNode(1), error: new DeniedError("Wrong cluster") };
    assert.throws(() => viewCluster([denied]), /refused by every endpoint/);
  });
});

describe("judgeHealth", () => {
  it("tells healthy, degraded and no quorum apart", () => {
    const judge = (statuses: typeof whole) => judgeHealth(viewCluster(statuses));
    assert.deepEqual(judge(whole), { status: "healthy", reasons: [] });
    const degraded = judge([leader, follower, silentNode(3)]);
    assert.equal(degraded.status, "degraded");
    assert.match(degraded.reasons[0] ?? "", /voter 3 at 127\.0\.0\.1:7258 does not answer/);
    const lost = judge([follower, silentNode(1), silentNode(3)]);
    assert.equal(lost.status, "no_quorum");
    assert.match(lost.reasons.join("\n"), /1 of 3 voters answer, 2 are needed/);
  });

  it("counts no voter that waits to be taken in: it has no vote", () => {
    const own = [memberOf(2)];
    const waiting = statusOf({ nodeId: 2, role: "follower", members: own, configurationIndex: 0 });
    const view = viewCluster([
      statusOf({ nodeId: 1, role: "candidate", members, leaderId: 0, term: 4 }),
      { ...waiting, status: { ...waiting.status!, term: 0, commitIndex: 0 } },
      silentNode(3),
    ]);
    assert.deepEqual(view.voters, { count: 3, reachable: 1, needed: 2 });
    assert.deepEqual(view.members.map(voteOf), ["yes", "soon", "yes"]);
    const { status, reasons } = judgeHealth(view);
    assert.equal(status, "no_quorum");
    assert.equal(reasons[1], "1 of 3 voters answer, 2 are needed");
    assert.match(reasons[2] ?? "", /^voter 2 at \S+ waits to be taken in: it has no vote yet$/);
    const forming = [1, 2, 3].map((nodeId) =>
      statusOf({ nodeId, role: "follower", members, configurationIndex: 0, leaderId: 0 })
    );
    assert.equal(viewCluster(forming).voters.reachable, 3, "these found the cluster");
  });

  it("calls a follower that is far behind degraded, and notes too", () => {
    const far = [memberOf(1), memberOf(2, { matchIndex: 1 })];
    const behind = [
      statusOf({ nodeId: 1, role: "leader", members: far, lastIndex: 200_002 }),
      statusOf({ nodeId: 2, role: "follower", members: far }),
    ];
    assert.match(judgeHealth(viewCluster(behind)).reasons[0] ?? "", /200001 entries behind/);
    const noted = [statusOf({ nodeId: 1, role: "leader", notes: ["the disk is slow"] })];
    assert.deepEqual(judgeHealth(viewCluster(noted)).reasons, ["node 1: the disk is slow"]);
  });

  it("calls a cluster with an alarm degraded, and tells each alarm once", () => {
    const listed = [memberOf(1), memberOf(2)];
    const alarms = [{ nodeId: 2, index: 70, message: "node 2 differs" }];
    const view = viewCluster([
      statusOf({ nodeId: 1, role: "leader", members: listed, alarms }),
      statusOf({ nodeId: 2, role: "follower", members: listed, alarms }),
    ]);
    assert.deepEqual(view.alarms, alarms);
    assert.deepEqual(judgeHealth(view), { status: "degraded", reasons: ["node 2 differs"] });
  });

  it("calls a member degraded that the leader does not reach, or that does not follow it", () => {
    const listed = [memberOf(1), memberOf(2, { reachable: false }), memberOf(3)];
    const view = viewCluster([
      statusOf({ nodeId: 1, role: "leader", members: listed }),
      statusOf({ nodeId: 2, role: "candidate", members: listed, leaderId: 0 }),
      statusOf({ nodeId: 3, role: "follower", members: listed, leaderId: 0 }),
    ]);
    assert.deepEqual(view.members.map(({ reachable }) => reachable), [true, false, true]);
    assert.deepEqual(judgeHealth(view), {
      status: "degraded",
      reasons: [
        "voter 2 at 127.0.0.1:7248 answers, but leader 1 has no connection to it",
        "voter 3 at 127.0.0.1:7258 is a follower that does not follow leader 1",
      ],
    });
  });

  it("doubts a leader that heard from no majority for long", () => {
    const alone = [statusOf({ nodeId: 1, role: "leader", leaderContactAgeMs: 20_000 })];
    assert.equal(judgeHealth(viewCluster(alone)).status, "no_quorum");
  });
});

describe("raft status and raft health", () => {
  it("status has the fields of the contract", async () => {
    const { output } = await runLine(["status", "-o", "json"], { cluster: clusterOf(whole) });
    const document = JSON.parse(output);
    assert.deepEqual(
      Object.keys(document).slice(0, 6),
      ["cluster", "clusterId", "leader", "term", "commitIndex", "members"],
    );
    assert.deepEqual(Object.keys(document.members[0]).slice(0, 8), [
      "id",
      "address",
      "role",
      "voter",
      "reachable",
      "matchIndex",
      "lag",
      "version",
    ]);
  });

  it("status shows who does not answer, and ends with 5 where nobody does", async () => {
    const { output } = await runLine(["status"], {
      cluster: clusterOf([leader, follower, silentNode(3)]),
    });
    assert.match(output, /3 +127\.0\.0\.1:7258 +unknown +yes +NO/);
    assert.equal((await runLine(["status"], { cluster: clusterOf([silentNode(1)]) })).exit, 5);
  });

  it("health says it with its exit code", async () => {
    const exits: number[] = [];
    const lost = [follower, silentNode(1), silentNode(3)];
    for (const statuses of [whole, [leader, follower, silentNode(3)], lost, [silentNode(1)]]) {
      const { exit, output } = await runLine(["health", "--json"], {
        cluster: clusterOf(statuses),
      });
      exits.push(exit);
      assert.deepEqual(Object.keys(JSON.parse(output)), ["status", "reasons"]);
    }
    assert.deepEqual(exits, [0, 4, 6, 5]);
  });

  it("health does not trust a leader that cannot serve a linearizable read", async () => {
    const cluster = clusterOf(whole);
    cluster.keyValue.get = () => Promise.reject(new NoQuorumError("No quorum"));
    const { exit, output } = await runLine(["health", "--json"], { cluster });
    assert.equal(exit, 6);
    assert.match(JSON.parse(output).reasons[0], /a linearizable read failed/);
  });
});

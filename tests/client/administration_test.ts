import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RaftClient } from "../../src/client/raft_client.ts";
import {
  ChangeInProgressError,
  InvalidRequestError,
  NoQuorumError,
  NotFoundError,
  RefusedError,
  UnknownOutcomeError,
} from "../../src/errors.ts";
import type { MemberChange } from "../../src/wire/client_messages.ts";
import { addressOf, type Exchange, ScriptedCluster } from "./scripted_node.ts";

const ADD: MemberChange = { action: "add", id: 4, address: "n4:7238", instanceId: "" };
const REMOVE: MemberChange = { action: "remove", id: 3, address: "", instanceId: "" };

async function start(): Promise<{ cluster: ScriptedCluster; client: RaftClient }> {
  const cluster = await ScriptedCluster.start();
  const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
  return { cluster, client };
}

/** Node `id` does this with requests of a type, and everything else as a sound node does. */
function script(
  cluster: ScriptedCluster,
  type: Exchange["request"]["type"],
  handle: (exchange: Exchange, count: number) => void,
): void {
  let count = 0;
  for (const node of cluster.nodes) {
    node.script = (exchange) => {
      if (exchange.request.type !== type) return false;
      handle(exchange, count++);
      return true;
    };
  }
}

/** The members as a leader says them, with these and no others. */
function membersOf(...ids: number[]) {
  return ids.map((id) => ({
    id,
    address: addressOf(id),
    voter: true,
    reachable: true,
    matchIndex: 0,
    version: "",
  }));
}

describe("RaftClient.members", () => {
  it("says what the leader says", async () => {
    const { cluster, client } = await start();
    const [first, ...others] = membersOf(1, 2, 3);
    const members = [first!, { ...others[0]!, voter: false, matchIndex: 8 }];
    cluster.node(1).status = {
      members,
      promotions: [2],
      joint: true,
      transferTarget: 2,
      configurationIndex: 9,
      commitIndex: 10,
    };
    assert.deepEqual(await cluster.settle(client.members()), {
      clusterName: "test",
      leaderId: 1,
      term: 1,
      configurationIndex: 9,
      commitIndex: 10,
      isJoint: true,
      transferTarget: 2,
      members: [
        member(1, { voter: true, isPromoted: false, matchIndex: 0 }),
        member(2, { voter: false, isPromoted: true, matchIndex: 8 }),
      ],
    });
    client.close();

    function member(id: number, more: object) {
      return { id, address: addressOf(id), reachable: true, ...more };
    }
  });
});

describe("RaftClient.changeMembership", () => {
  it("asks the leader, whom it finds by a hint, and only once", async () => {
    const { cluster, client } = await start();
    await cluster.settle(client.members());
    cluster.leaderId = 2;
    script(cluster, "changeMembership", (exchange) => {
      const { leaderId } = cluster;
      if (cluster.node(2).exchanges.includes(exchange)) {
        exchange.reply({ type: "membershipAnswer", configurationIndex: 9 });
      } else exchange.refuse("notLeader", { leaderId, leaderAddress: addressOf(leaderId) });
    });
    const changed = client.changeMembership([ADD, REMOVE], { force: true });
    assert.deepEqual(await cluster.settle(changed), { configurationIndex: 9 });
    const [exchange, ...more] = cluster.node(2).received("changeMembership");
    assert.ok(exchange?.request.type === "changeMembership" && more.length === 0);
    assert.deepEqual(exchange.request.changes, [ADD, REMOVE]);
    assert.equal(exchange.request.force, true);
    client.close();
  });

  it("tells a refusal with its reasons, and does not try again", async () => {
    const { cluster, client } = await start();
    script(
      cluster,
      "changeMembership",
      (exchange, count) =>
        exchange.refuse(count === 0 ? "refused" : "notFound", { why: ["1 of 2"] }),
    );
    const refused = await cluster.rejection(client.changeMembership([REMOVE]));
    assert.ok(refused instanceof RefusedError);
    assert.deepEqual([...refused.why], ["1 of 2"]);
    const missing = await cluster.rejection(client.changeMembership([REMOVE]));
    assert.ok(missing instanceof NotFoundError);
    script(cluster, "changeMembership", (exchange) => exchange.refuse("invalidRequest"));
    const invalid = await cluster.rejection(client.changeMembership([REMOVE]));
    assert.ok(invalid instanceof InvalidRequestError);
    assert.equal(cluster.received("changeMembership").length, 3);
    client.close();
  });

  it("waits for another change, until its deadline", async () => {
    const { cluster, client } = await start();
    script(cluster, "changeMembership", (exchange, count) => {
      if (count < 3) exchange.refuse("changeInProgress");
      else exchange.reply({ type: "membershipAnswer", configurationIndex: 9 });
    });
    await cluster.settle(client.changeMembership([ADD]));
    assert.equal(cluster.received("changeMembership").length, 4);
    script(cluster, "changeMembership", (exchange) => exchange.refuse("changeInProgress"));
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.changeMembership([ADD], { timeoutMs: 2_000 }));
    assert.ok(error instanceof ChangeInProgressError);
    assert.ok(cluster.nowMs - startMs <= 2_000, `took ${cluster.nowMs - startMs} ms`);
    client.close();
  });

  it("is not made where no leader takes it", async () => {
    const { cluster, client } = await start();
    cluster.leaderId = 0;
    const error = await cluster.rejection(client.changeMembership([ADD], { timeoutMs: 500 }));
    assert.ok(error instanceof NoQuorumError);
    assert.equal(cluster.received("changeMembership").length, 0);
    client.close();
  });

  it("looks for what became of it where the answer was lost, and sends nothing twice", async () => {
    for (const loss of ["connection", "leadership", "silence"]) {
      const { cluster, client } = await start();
      script(cluster, "changeMembership", (exchange) => {
        if (loss === "connection") exchange.stream.destroy();
        if (loss === "leadership") exchange.refuse("leadershipLost", { applied: "unknown" });
      });
      const changed = client.changeMembership([REMOVE], { timeoutMs: 4_000 });
      await cluster.run(500);
      const members = membersOf(1, 2);
      cluster.leaderId = 2;
      cluster.term = 2;
      // Joint, then appended, then committed: only the last one is made.
      cluster.node(2).status = { members, joint: true, configurationIndex: 8, commitIndex: 8 };
      await cluster.run(200);
      cluster.node(2).status = { members, configurationIndex: 9, commitIndex: 8 };
      await cluster.run(200);
      const startMs = cluster.nowMs;
      let settledMs = 0;
      const outcome = changed.then((value) => {
        settledMs = cluster.nowMs;
        return value;
      });
      await cluster.run(loss === "silence" ? 2_500 : 200);
      assert.equal(settledMs, 0, loss);
      cluster.node(2).status = { members, configurationIndex: 9, commitIndex: 9 };
      assert.deepEqual(await cluster.settle(outcome), { configurationIndex: 9 });
      assert.ok(settledMs > startMs && settledMs <= 4_010, `${loss}: settled at ${settledMs}`);
      assert.equal(cluster.received("changeMembership").length, 1);
      client.close();
    }
  });

  it("is of unknown outcome where it is never seen, and says what was found", async () => {
    const { cluster, client } = await start();
    script(cluster, "changeMembership", (exchange) => exchange.stream.destroy());
    const error = await cluster.rejection(client.changeMembership([REMOVE]));
    assert.ok(error instanceof UnknownOutcomeError);
    assert.match(error.message, /the members are 1 n1:7238, 2 n2:7238, 3 n3:7238$/);
    for (const node of cluster.nodes) node.kill();
    client.close();
  });

  it("knows each change when it sees it", async () => {
    const cases: readonly (readonly [MemberChange["action"], object, boolean])[] = [
      ["add", { id: 4, voter: false }, true],
      ["add", { id: 4, address: "n9:7238" }, false],
      ["addLearner", { id: 4, voter: false }, true],
      ["setAddress", { id: 4 }, true],
      ["setAddress", { id: 4, address: "n9:7238" }, false],
      ["promote", { id: 4 }, true],
      ["promote", { id: 4, voter: false }, false],
      ["demote", { id: 4, voter: false }, true],
      ["demote", { id: 4 }, false],
      ["demote", { id: 5 }, false],
      ["remove", { id: 5 }, true],
      ["remove", { id: 4 }, false],
    ];
    for (const [action, fields, isMade] of cases) {
      const { cluster, client } = await start();
      const [other] = membersOf(4);
      cluster.node(1).status = { members: [...membersOf(1), { ...other!, ...fields }] };
      cluster.node(1).status = { ...cluster.node(1).status, commitIndex: 1 };
      script(cluster, "changeMembership", (exchange) => exchange.stream.destroy());
      const change = { ...ADD, action };
      const outcome = client.changeMembership([change], { timeoutMs: 400 }).then(
        () => true,
        () => false,
      );
      assert.equal(await cluster.settle(outcome), isMade, `${action} ${JSON.stringify(fields)}`);
      client.close();
    }
  });
});

describe("RaftClient.transferLeadership", () => {
  it("asks the leader; one that leads already needs no transfer", async () => {
    const { cluster, client } = await start();
    script(cluster, "transferLeadership", ({ request, reply }) => {
      assert.ok(request.type === "transferLeadership");
      reply({ type: "transferAnswer", leaderId: request.target || 3, term: 2 });
    });
    const transfer = (target?: number) =>
      cluster.settle(client.transferLeadership(target === undefined ? {} : { target }));
    assert.deepEqual(await transfer(2), { leaderId: 2, term: 2 });
    assert.deepEqual(await transfer(), { leaderId: 3, term: 2 });
    assert.deepEqual(await transfer(1), { leaderId: 1, term: 1 });
    assert.equal(cluster.received("transferLeadership").length, 2);
    client.close();
  });

  it("looks who leads where the answer was lost", async () => {
    for (const target of [2, undefined]) {
      const { cluster, client } = await start();
      script(cluster, "transferLeadership", ({ stream }) => {
        cluster.leaderId = 2;
        cluster.term = 2;
        stream.destroy();
      });
      const transfer = client.transferLeadership(target === undefined ? {} : { target });
      assert.deepEqual(await cluster.settle(transfer), { leaderId: 2, term: 2 });
      client.close();
    }
    const { cluster, client } = await start();
    script(cluster, "transferLeadership", ({ stream }) => stream.destroy());
    const error = await cluster.rejection(client.transferLeadership({ target: 2 }));
    assert.ok(error instanceof UnknownOutcomeError);
    assert.match(error.message, /node 1 leads, in term 1$/);
    client.close();
  });
});

describe("RaftClient.triggerSnapshot", () => {
  it("asks the node that is named, again where the answer was lost", async () => {
    const { cluster, client } = await start();
    script(cluster, "triggerSnapshot", ({ stream, reply }, count) => {
      if (count === 0) stream.destroy();
      else reply({ type: "snapshotAnswer", index: 50 });
    });
    const taken = client.triggerSnapshot({ endpoint: addressOf(3) });
    assert.deepEqual(await cluster.settle(taken), { index: 50 });
    assert.equal(cluster.node(3).received("triggerSnapshot").length, 2);
    client.close();
  });

  it("is of unknown outcome where the answer does not come in time", async () => {
    const { cluster, client } = await start();
    script(cluster, "triggerSnapshot", () => {});
    const error = await cluster.rejection(client.triggerSnapshot({ timeoutMs: 500 }));
    assert.ok(error instanceof UnknownOutcomeError);
    script(cluster, "triggerSnapshot", (exchange) => exchange.refuse("noQuorum"));
    const refused = await cluster.rejection(client.triggerSnapshot({ timeoutMs: 500 }));
    assert.ok(refused instanceof NoQuorumError);
    client.close();
  });
});

describe("an answer of another kind", () => {
  it("ends a request instead of leaving it without an outcome", async () => {
    const { cluster, client } = await start();
    for (const node of cluster.nodes) {
      node.script = (exchange) => {
        if (exchange.request.type === "status") return false;
        exchange.reply({ type: "snapshotAnswer", index: 1 });
        return true;
      };
    }
    const requests = [
      client.propose(new Uint8Array(1)),
      client.query(new Uint8Array(1)),
      client.changeMembership([ADD]),
    ];
    for (const request of requests) {
      const error = await cluster.rejection(request, 100);
      assert.match(error.message, /Answered with a "snapshotAnswer"|may have been applied/);
    }
    client.close();
  });
});

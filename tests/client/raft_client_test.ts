import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RaftClient } from "../../src/client/raft_client.ts";
import type { RaftClientOptions } from "../../src/client/raft_client.ts";
import { requestReportOf } from "../../src/client/request_report.ts";
import {
  DeniedError,
  InvalidRequestError,
  NoQuorumError,
  OverloadedError,
  RequestExpiredError,
  ShutdownError,
  TooLargeError,
  UnknownOutcomeError,
  UnreachableError,
} from "../../src/errors.ts";
import { CLIENT_REQUESTS_MAX, ENTRY_BYTES_MAX } from "../../src/limits.ts";
import { requestIssueTimeMs } from "../../src/state_machine/request_id.ts";
import { addressOf, ScriptedCluster } from "./scripted_node.ts";
import type { Exchange } from "./scripted_node.ts";

const COMMAND = new Uint8Array([1, 2, 3]);

function clientOf(cluster: ScriptedCluster, options: Partial<RaftClientOptions> = {}): RaftClient {
  return new RaftClient(cluster.runtime, { endpoints: cluster.endpoints, ...options });
}

/** The ids that the commands of some exchanges carried. */
function idsOf(exchanges: readonly Exchange[]): string[] {
  return exchanges.map(({ request }) => {
    assert.ok(request.type === "propose");
    return String(request.commandId);
  });
}

describe("RaftClient.propose", () => {
  it("finds the leader from any seed", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { endpoints: [addressOf(3)] });
    const outcome = await cluster.settle(client.propose(COMMAND));
    assert.deepEqual(outcome.result, COMMAND);
    assert.equal(outcome.index, 1);
    assert.equal(outcome.duplicate, false);
    assert.deepEqual(outcome.commandId, cluster.applied[0]?.commandId);
    assert.equal(cluster.node(1).received("propose").length, 1);
    assert.equal(client.clusterId, cluster.nodes[0]?.hellos.length === 0 ? "" : client.clusterId);
    client.close();
  });

  it("sends nothing but the command once the leader is known", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    await cluster.settle(client.propose(COMMAND));
    await cluster.run(100);
    const before = cluster.received("status").length;
    await cluster.settle(Promise.all([1, 2, 3].map(() => client.propose(COMMAND))));
    assert.equal(cluster.received("status").length, before);
    assert.equal(cluster.received("propose").length, 4);
    client.close();
  });

  it("follows the hint of a leader that stepped down at once", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    await cluster.settle(client.propose(COMMAND));
    cluster.leaderId = 2;
    const startMs = cluster.nowMs;
    await cluster.settle(client.propose(COMMAND));
    assert.ok(cluster.nowMs - startMs < 30, `took ${cluster.nowMs - startMs} ms`);
    assert.equal(cluster.node(2).received("propose").length, 1);
    client.close();
  });

  it("knows the members of late when the leader that it knew is gone", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { endpoints: [addressOf(1)] });
    const members = (ids: number[]) =>
      ids.map((id) => ({
        ...{ id, address: addressOf(id), voter: true },
        ...{ reachable: true, matchIndex: 0, version: "" },
      }));
    cluster.node(1).status = { members: members([1]) };
    await cluster.settle(client.propose(COMMAND));
    cluster.node(1).status = { members: members([1, 2]), configurationIndex: 2 };
    await cluster.run(1_500);
    await cluster.settle(client.propose(COMMAND));
    await cluster.run(100);
    cluster.node(1).kill();
    cluster.leaderId = 2;
    cluster.term = 2;
    await cluster.settle(client.propose(COMMAND));
    assert.equal(cluster.node(2).received("propose").length, 1);
    // One question a second while there is traffic, and none without.
    const asked = cluster.received("status").length;
    for (let i = 0; i < 40; i += 1) {
      await cluster.settle(client.propose(COMMAND));
      await cluster.run(100);
    }
    const more = cluster.received("status").length - asked;
    assert.ok(more >= 3 && more <= 5, `${more} questions in 4 s`);
    await cluster.run(60_000);
    assert.equal(cluster.received("status").length, asked + more);
    client.close();
  });

  it("makes ids from the log time of the cluster", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    const first = await cluster.settle(client.propose(COMMAND));
    await cluster.run(7_000);
    const second = await cluster.settle(client.propose(COMMAND));
    const [firstMs, secondMs] = [first, second].map((one) => requestIssueTimeMs(one.commandId));
    assert.ok(firstMs !== undefined && secondMs !== undefined);
    assert.ok(firstMs >= cluster.logTimeMs && firstMs < cluster.logTimeMs + 100);
    assert.ok(secondMs - firstMs >= 7_000 && secondMs - firstMs < 7_100);
    client.close();
  });

  it("repeats a command whose answer was lost with the same id: applied once", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    let isLost = false;
    cluster.node(1).script = ({ request, stream }) => {
      if (request.type !== "propose" || isLost) return false;
      isLost = true;
      cluster.apply(request);
      stream.destroy();
      return true;
    };
    const outcome = await cluster.settle(client.propose(COMMAND));
    assert.equal(outcome.duplicate, true);
    assert.equal(outcome.index, 1);
    assert.equal(cluster.applied.length, 1);
    assert.equal(new Set(idsOf(cluster.received("propose"))).size, 1);
    client.close();
  });

  it("repeats at the new leader what was in the log of the old one", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    cluster.node(1).script = (exchange) => {
      const { request } = exchange;
      if (request.type !== "propose") return false;
      cluster.apply(request);
      cluster.leaderId = 2;
      cluster.term = 2;
      exchange.refuse("leadershipLost", { applied: "unknown" });
      return true;
    };
    const outcome = await cluster.settle(client.propose(COMMAND));
    assert.equal(outcome.duplicate, true);
    assert.deepEqual(idsOf(cluster.node(1).received("propose")), [String(outcome.commandId)]);
    assert.deepEqual(idsOf(cluster.node(2).received("propose")), [String(outcome.commandId)]);
    client.close();
  });

  it("leaves a leader that hangs, long before the deadline", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    await cluster.settle(client.propose(COMMAND));
    cluster.node(1).machine.runtime?.process.pause();
    cluster.leaderId = 2;
    const startMs = cluster.nowMs;
    await cluster.settle(client.propose(COMMAND));
    const tookMs = cluster.nowMs - startMs;
    assert.ok(tookMs > 1_500 && tookMs < 2_500, `took ${tookMs} ms`);
    client.close();
  });

  it("waits through an election without a storm of questions", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    cluster.leaderId = 0;
    const outcomes = Promise.all(Array.from({ length: 1000 }, () => client.propose(COMMAND)));
    await cluster.run(3_000);
    assert.equal(cluster.received("propose").length, 0);
    assert.ok(cluster.received("status").length < 3 * 25, "few questions");
    cluster.leaderId = 2;
    const startMs = cluster.nowMs;
    await cluster.settle(outcomes);
    assert.ok(cluster.nowMs - startMs < 500, `took ${cluster.nowMs - startMs} ms`);
    assert.equal(cluster.node(2).received("propose").length, 1000);
    client.close();
  });

  it("does not believe hints to a dead node", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    cluster.node(3).kill();
    cluster.leaderId = 3;
    const outcome = client.propose(COMMAND);
    await cluster.run(2_000);
    assert.equal(cluster.received("propose").length, 0);
    assert.ok(cluster.received("status").length < 40);
    cluster.leaderId = 1;
    await cluster.settle(outcome);
    assert.equal(cluster.applied.length, 1);
    client.close();
  });

  it("bounds what it sends to nodes that name each other", async () => {
    const cluster = await ScriptedCluster.start(2);
    const client = clientOf(cluster, { timeoutMs: 2_000 });
    for (const node of cluster.nodes) {
      const other = 3 - node.id;
      node.status = { role: "leader", term: node.id };
      node.script = (exchange) => {
        if (exchange.request.type !== "propose") return false;
        exchange.refuse("notLeader", { leaderId: other, leaderAddress: addressOf(other) });
        return true;
      };
    }
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof NoQuorumError);
    assert.ok(cluster.received("propose").length < 80, `${cluster.received("propose").length}`);
    client.close();
  });
});

describe("RaftClient.propose: not applied", () => {
  it("says that nobody answered", async () => {
    const cluster = new ScriptedCluster();
    const client = clientOf(cluster, { endpoints: ["client:1", "client:2"], timeoutMs: 1_000 });
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof UnreachableError);
    assert.equal(error.applied, "no");
    assert.equal(cluster.nowMs - startMs, 1_000);
    const report = requestReportOf(error);
    assert.equal(report?.attempts, 0);
    assert.deepEqual(report?.why, [
      "0 of 2 endpoints answered within 1s",
      "client:1  connection refused",
      "client:2  connection refused",
    ]);
    client.close();
  });

  it("says who answered, and that there is no leader", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { endpoints: [addressOf(1)], timeoutMs: 3_000 });
    cluster.leaderId = 0;
    cluster.term = 42;
    cluster.node(2).kill();
    cluster.node(3).kill();
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof NoQuorumError);
    assert.equal(cluster.nowMs - startMs, 3_000);
    assert.deepEqual(requestReportOf(error)?.why, [
      "2 of 3 voters are needed, 1 answered within 3s",
      "1 n1:7238  follower, term 42, no leader for 38s",
      "2 n2:7238  connection refused",
      "3 n3:7238  connection refused",
    ]);
    client.close();
  });

  it("says at once that every endpoint refuses this client", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).helloReply = { refusal: "wrongCluster", reason: "this is cluster other" };
    const client = clientOf(cluster);
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof DeniedError);
    assert.match(error.message, /this is cluster other/);
    assert.ok(cluster.nowMs - startMs < 50);
    client.close();
  });

  it("works around an endpoint that refuses, and waits for one that is not ready", async () => {
    const cluster = await ScriptedCluster.start();
    cluster.node(2).helloReply = { refusal: "wrongCluster", reason: "this is cluster other" };
    cluster.node(1).helloReply = { refusal: "notReady", reason: "waiting for node 2" };
    const client = clientOf(cluster);
    const outcome = client.propose(COMMAND);
    await cluster.run(1_000);
    cluster.node(1).helloReply = {};
    await cluster.settle(outcome);
    client.close();
  });

  it("gives up what the cluster cannot take, at once", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      exchange.refuse("invalidRequest");
      return true;
    };
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof InvalidRequestError);
    assert.equal(cluster.received("propose").length, 1);
    const large = new Uint8Array(ENTRY_BYTES_MAX + 1);
    assert.ok(await cluster.rejection(client.propose(large)) instanceof TooLargeError);
    const options = { commandId: new Uint8Array(3) };
    const badId = await cluster.rejection(client.propose(COMMAND, options));
    assert.ok(badId instanceof InvalidRequestError);
    client.close();
  });

  it("comes back to an overloaded leader, less and less often", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { timeoutMs: 4_000 });
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      exchange.refuse("overloaded");
      return true;
    };
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof OverloadedError);
    assert.equal(error.applied, "no");
    const count = cluster.received("propose").length;
    assert.ok(count > 5 && count < 30, `${count} attempts`);
    client.close();
  });

  it("bounds the requests that are under way", async () => {
    const cluster = await ScriptedCluster.start();
    cluster.leaderId = 0;
    const client = clientOf(cluster, { timeoutMs: 100 });
    const errors: unknown[] = [];
    for (let i = 0; i < CLIENT_REQUESTS_MAX; i++) {
      client.propose(COMMAND).catch((error) => errors.push(error));
    }
    const error = await cluster.rejection(client.propose(COMMAND), 0);
    assert.ok(error instanceof OverloadedError);
    await cluster.run(200);
    assert.equal(errors.length, CLIENT_REQUESTS_MAX);
    assert.ok(errors.every((one) => one instanceof NoQuorumError));
    client.close();
  });

  it("says so when the client is closed", async () => {
    const cluster = await ScriptedCluster.start();
    cluster.leaderId = 0;
    const client = clientOf(cluster);
    const waiting = client.propose(COMMAND);
    await cluster.run(100);
    client.close();
    assert.ok(await cluster.rejection(waiting) instanceof ShutdownError);
    assert.ok(await cluster.rejection(client.propose(COMMAND)) instanceof ShutdownError);
    await cluster.run(2_000);
    assert.equal(cluster.world.network.connectionCount, 0);
  });
});

describe("RaftClient.propose: unknown (trap 53)", () => {
  it("names the id to repeat when no answer comes, exactly at the deadline", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { timeoutMs: 2_500 });
    cluster.node(1).script = ({ request }) => request.type === "propose";
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(error instanceof UnknownOutcomeError);
    assert.equal(error.applied, "unknown");
    assert.equal(cluster.nowMs - startMs, 2_500);
    const report = requestReportOf(error);
    assert.equal(report?.attempts, 1);
    assert.deepEqual(idsOf(cluster.received("propose")), [String(report?.commandId)]);
    client.close();
  });

  it("stays unknown when a repetition is refused as not applied", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster, { timeoutMs: 2_000 });
    let count = 0;
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      count++;
      if (count === 1) exchange.stream.destroy();
      else exchange.refuse("noQuorum");
      return true;
    };
    const error = await cluster.rejection(client.propose(COMMAND));
    assert.ok(count > 1);
    assert.ok(error instanceof UnknownOutcomeError);
    assert.equal(new Set(idsOf(cluster.received("propose"))).size, 1);
    client.close();
  });

  it("stays unknown when a repetition cannot be accepted at all", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    let count = 0;
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      count++;
      if (count === 1) exchange.refuse("leadershipLost", { applied: "unknown" });
      else exchange.refuse("tooLarge");
      return true;
    };
    assert.ok(await cluster.rejection(client.propose(COMMAND)) instanceof UnknownOutcomeError);
    assert.equal(count, 2);
    client.close();
  });

  it("stays unknown when the id expired before the repetition", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    let count = 0;
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      count++;
      if (count === 1) exchange.stream.destroy();
      else exchange.refuse("requestExpired", { applied: "unknown" });
      return true;
    };
    assert.ok(await cluster.rejection(client.propose(COMMAND)) instanceof UnknownOutcomeError);
    assert.equal(count, 2);
    client.close();
  });

  it("takes a new id when its own was expired at the first attempt", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    await cluster.settle(client.propose(COMMAND));
    const logTimeMs = 99_000_000;
    let count = 0;
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      count++;
      if (count > 1) return false;
      exchange.refuse("requestExpired", { applied: "unknown", logTimeMs });
      return true;
    };
    const outcome = await cluster.settle(client.propose(COMMAND));
    assert.equal(outcome.duplicate, false);
    assert.ok(requestIssueTimeMs(outcome.commandId) >= logTimeMs);
    assert.equal(new Set(idsOf(cluster.received("propose"))).size, 3);
    client.close();
  });

  it("never replaces an id that the caller gave", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    const commandId = new Uint8Array(16).fill(7);
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      exchange.refuse("requestExpired", { applied: "unknown" });
      return true;
    };
    const error = await cluster.rejection(client.propose(COMMAND, { commandId }));
    assert.ok(error instanceof RequestExpiredError);
    assert.deepEqual(idsOf(cluster.received("propose")), [String(commandId)]);
    client.close();
  });

  it("knows that an id of the future was never applied", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    const commandId = new Uint8Array(16).fill(7);
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "propose") return false;
      exchange.refuse("invalidRequest", { applied: "no", logTimeMs: 5 });
      return true;
    };
    const error = await cluster.rejection(client.propose(COMMAND, { commandId }));
    assert.ok(error instanceof InvalidRequestError, String(error));
    assert.equal(error.applied, "no");
    client.close();
  });

  it("answers a repetition by the caller with the first answer", async () => {
    const cluster = await ScriptedCluster.start();
    const first = clientOf(cluster);
    const { commandId } = await cluster.settle(first.propose(COMMAND));
    first.close();
    const second = clientOf(cluster);
    const outcome = await cluster.settle(second.propose(COMMAND, { commandId }));
    assert.equal(outcome.duplicate, true);
    assert.equal(outcome.index, 1);
    second.close();
  });

  it("is unknown when the client is closed while a command is under way", async () => {
    const cluster = await ScriptedCluster.start();
    const client = clientOf(cluster);
    cluster.node(1).script = ({ request }) => request.type === "propose";
    const outcome = client.propose(COMMAND);
    await cluster.run(100);
    client.close();
    assert.ok(await cluster.rejection(outcome) instanceof UnknownOutcomeError);
  });
});

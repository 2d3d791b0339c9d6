import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RaftClient } from "../../src/client/raft_client.ts";
import { requestReportOf } from "../../src/client/request_report.ts";
import {
  InvalidRequestError,
  NoQuorumError,
  StaleReadError,
  UnreachableError,
} from "../../src/errors.ts";
import { addressOf, ScriptedCluster } from "./scripted_node.ts";

const QUERY = new Uint8Array([9]);

describe("RaftClient.query", () => {
  it("asks a node that is at hand, the leader if it is known", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: [addressOf(2)] });
    const first = await cluster.settle(client.query(QUERY));
    assert.equal(first.servedBy, 2);
    assert.deepEqual(first.result, QUERY);
    await cluster.settle(client.propose(QUERY));
    const second = await cluster.settle(client.query(QUERY));
    assert.equal(second.servedBy, 1);
    const [exchange] = cluster.node(1).received("query");
    assert.ok(exchange?.request.type === "query");
    assert.equal(exchange.request.consistency, "linearizable");
    client.close();
  });

  it("spreads over all nodes when asked to", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    const outcomes = Array.from({ length: 6 }, () => client.query(QUERY, { spread: true }));
    await cluster.settle(Promise.all(outcomes));
    assert.deepEqual(cluster.nodes.map((node) => node.received("query").length), [2, 2, 2]);
    client.close();
  });

  it("asks only the endpoint that was given", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    const endpoint = addressOf(3);
    const options = { consistency: "stale", maxAgeMs: 50, endpoint } as const;
    const outcome = await cluster.settle(client.query(QUERY, options));
    assert.equal(outcome.servedBy, 3);
    cluster.node(3).kill();
    await cluster.run(10);
    const lost = client.query(QUERY, { endpoint, timeoutMs: 500 });
    const error = await cluster.rejection(lost);
    assert.ok(error instanceof UnreachableError, error.name);
    assert.equal(cluster.node(1).received("query").length, 0);
    assert.ok(
      await cluster.rejection(client.query(QUERY, { endpoint: "n1" })) instanceof
        InvalidRequestError,
    );
    client.close();
  });

  it("asks another node when one cannot confirm, hangs up or is stale", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    await cluster.settle(client.propose(QUERY));
    await cluster.run(100);
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type !== "query") return false;
      exchange.refuse("noQuorum");
      return true;
    };
    cluster.node(2).script = ({ request, stream }) => {
      if (request.type !== "query") return false;
      stream.destroy();
      return true;
    };
    const startMs = cluster.nowMs;
    const outcome = await cluster.settle(client.query(QUERY));
    assert.equal(outcome.servedBy, 3);
    assert.ok(cluster.nowMs - startMs < 100);
    client.close();
  });

  it("gives up at the deadline with what it saw", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, {
      endpoints: cluster.endpoints,
      timeoutMs: 1_500,
    });
    for (const node of cluster.nodes) {
      node.script = (exchange) => {
        if (exchange.request.type !== "query") return false;
        exchange.refuse("noQuorum");
        return true;
      };
    }
    const startMs = cluster.nowMs;
    const error = await cluster.rejection(client.query(QUERY));
    assert.ok(error instanceof NoQuorumError);
    assert.equal(error.applied, "no");
    assert.equal(cluster.nowMs - startMs, 1_500);
    assert.equal(requestReportOf(error)?.observations.length, 3);
    assert.ok(cluster.received("query").length < 60);
    client.close();
  });

  it("says that no node was fresh enough", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    for (const node of cluster.nodes) {
      node.script = (exchange) => {
        if (exchange.request.type !== "query") return false;
        exchange.refuse("tooStale");
        return true;
      };
    }
    const read = client.query(QUERY, { consistency: "stale", maxAgeMs: 10, timeoutMs: 300 });
    assert.ok(await cluster.rejection(read) instanceof StaleReadError);
    client.close();
  });
});

describe("RaftClient.status, statusOfAll and leader", () => {
  it("answers with the status of the given endpoint", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    const status = await cluster.settle(client.status({ endpoint: addressOf(2) }));
    assert.equal(status.nodeId, 2);
    assert.ok((await cluster.settle(client.status())).nodeId > 0);
    client.close();
  });

  it("asks every member that the seed names, and reports who is silent", async () => {
    const cluster = await ScriptedCluster.start();
    cluster.node(3).kill();
    const client = new RaftClient(cluster.runtime, { endpoints: [addressOf(2)] });
    const startMs = cluster.nowMs;
    const all = await cluster.settle(client.statusOfAll());
    assert.ok(cluster.nowMs - startMs < 100);
    assert.deepEqual(all.map(({ nodeId }) => nodeId), [1, 2, 3]);
    assert.deepEqual(all.map(({ status }) => status?.role), ["leader", "follower", undefined]);
    assert.ok(all[2]?.error instanceof UnreachableError);
    assert.match(all[2].error.message, /connection refused/);
    client.close();
  });

  it("waits for a hanging member until the deadline and no longer", async () => {
    const cluster = await ScriptedCluster.start();
    cluster.node(3).script = () => true;
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    const startMs = cluster.nowMs;
    const all = await cluster.settle(client.statusOfAll({ timeoutMs: 700 }));
    assert.equal(cluster.nowMs - startMs, 700);
    assert.deepEqual(all.map(({ error }) => error === null), [true, true, false]);
    client.close();
  });

  it("counts a node once that is known by two addresses", async () => {
    const cluster = await ScriptedCluster.start(1);
    cluster.node(1).status = {
      members: [{
        id: 1,
        address: "nowhere:1",
        voter: true,
        reachable: true,
        matchIndex: 0,
        version: "",
      }],
    };
    const client = new RaftClient(cluster.runtime, { endpoints: cluster.endpoints });
    const all = await cluster.settle(client.statusOfAll());
    assert.equal(all.length, 1);
    assert.equal(all[0]?.status?.nodeId, 1);
    assert.equal(client.observations.length, 1);
    assert.equal(client.observations[0]?.reached, true);
    client.close();
  });

  it("names the leader as the leader itself does", async () => {
    const cluster = await ScriptedCluster.start();
    const client = new RaftClient(cluster.runtime, { endpoints: [addressOf(3)] });
    const first = await cluster.settle(client.leader());
    assert.deepEqual(first, { id: 1, address: addressOf(1), term: 1 });
    cluster.leaderId = 2;
    cluster.term = 2;
    assert.equal((await cluster.settle(client.leader())).id, 2);
    cluster.leaderId = 0;
    const error = await cluster.rejection(client.leader({ timeoutMs: 400 }));
    assert.ok(error instanceof NoQuorumError);
    client.close();
  });
});

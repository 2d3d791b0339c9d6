/** Who may connect to a node, and what the others are told. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { commonProtocol, type HelloPolicy, judgeHello } from "../../src/raft/hello_policy.ts";
import type { Hello } from "../../src/wire/hello.ts";

const CLUSTER = "0123456789abcdef0123456789abcdef";
const OTHER_CLUSTER = "ffffffffffffffffffffffffffffffff";
const FORMER_CLUSTER = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
const INSTANCE = "11111111111111111111111111111111";
const OTHER_INSTANCE = "22222222222222222222222222222222";

const policy: HelloPolicy = {
  nodeId: 1,
  clusterId: CLUSTER,
  clusterName: "blue",
  instanceId: "33333333333333333333333333333333",
  formerClusterIds: [FORMER_CLUSTER],
  instanceOf: (id) => id === 2 ? INSTANCE : null,
  isMember: (id) => id >= 1 && id <= 3,
  standing: { phase: "running", latestIndex: 20, committedIndex: 10 },
};

const forming: HelloPolicy = {
  ...policy,
  standing: { phase: "forming", latestIndex: 0, committedIndex: null },
};

/** Node 1 was taken in by configuration 25. */
const joining: HelloPolicy = {
  ...policy,
  isMember: () => false,
  instanceOf: () => null,
  standing: { phase: "joining", latestIndex: 25, committedIndex: null },
};

const peer: Hello = {
  protocolMin: 1,
  protocolMax: 1,
  role: "peer",
  clusterId: CLUSTER,
  clusterName: "blue",
  nodeId: 2,
  instanceId: INSTANCE,
  address: "10.0.0.2:7238",
  targetNodeId: 1,
  configurationIndex: 0,
};

const client: Hello = {
  ...peer,
  role: "client",
  clusterId: "",
  clusterName: "",
  nodeId: 0,
  instanceId: "",
  address: "",
  targetNodeId: 0,
};

const accepted: readonly (readonly [string, Hello])[] = [
  ["a member under the data directory that it had", peer],
  ["a peer that was not met yet", { ...peer, nodeId: 3, instanceId: OTHER_INSTANCE }],
  ["a peer that speaks newer versions too", { ...peer, protocolMax: 7 }],
  ["a peer that does not care whom it reaches", { ...peer, targetNodeId: 0 }],
  ["a client that knows nothing", client],
  ["a client that wants this cluster", { ...client, clusterId: CLUSTER }],
  ["a client that wants this node", { ...client, targetNodeId: 1 }],
];

const refused: readonly {
  readonly name: string;
  readonly hello: Hello;
  readonly refusal: string;
  readonly reason: RegExp;
}[] = [
  {
    name: "a dialer that is too new",
    hello: { ...peer, protocolMin: 3, protocolMax: 4 },
    refusal: "noCommonVersion",
    reason: /Node 1 speaks protocol versions 1 to 2, the dialer 3 to 4: upgrade the older one/,
  },
  {
    name: "a peer that is no member",
    hello: { ...peer, nodeId: 4, instanceId: OTHER_INSTANCE },
    refusal: "unknownMember",
    reason: /Node 4 is no member of this cluster: check its id, and that every node was started/,
  },
  {
    name: "trap 28: a peer of another cluster",
    hello: { ...peer, clusterId: OTHER_CLUSTER, clusterName: "green" },
    refusal: "wrongCluster",
    reason: /belongs to cluster "blue" \(0123.*\), the dialer to "green" \(ffff.*\): check/,
  },
  {
    name: "a peer of the cluster that this one took the place of",
    hello: { ...peer, clusterId: FORMER_CLUSTER },
    refusal: "formerCluster",
    reason: /e{32} was recovered or restored, from what node 1 holds, as cluster 0123/,
  },
  {
    name: "trap 28: a peer that names no cluster",
    hello: { ...peer, clusterId: "" },
    refusal: "wrongCluster",
    reason: /check the addresses/,
  },
  {
    name: "trap 28: a client of another cluster",
    hello: { ...client, clusterId: OTHER_CLUSTER },
    refusal: "wrongCluster",
    reason: /check the addresses/,
  },
  {
    name: "a peer that looks for another node",
    hello: { ...peer, targetNodeId: 3 },
    refusal: "wrongNode",
    reason: /This is node 1, not node 3: check the addresses/,
  },
  {
    name: "a client that looks for another node",
    hello: { ...client, targetNodeId: 3 },
    refusal: "wrongNode",
    reason: /This is node 1, not node 3/,
  },
  {
    name: "a peer with this node's own id",
    hello: { ...peer, nodeId: 1 },
    refusal: "wrongNode",
    reason: /has the id 1 too: give every node an id of its own/,
  },
  {
    name: "trap 14: a known id with another data directory",
    hello: { ...peer, instanceId: OTHER_INSTANCE },
    refusal: "wrongInstance",
    reason: /Node 2 is known with another data directory \(1111.*forgotten its votes/,
  },
  {
    name: "trap 14: a known id without a data directory",
    hello: { ...peer, instanceId: "" },
    refusal: "wrongInstance",
    reason: /Node 2 is known with another data directory/,
  },
];

describe("judgeHello", () => {
  for (const [name, hello] of accepted) {
    it(`accepts ${name}`, () => {
      const verdict = { refusal: "none", reason: "", configurationIndex: 0 };
      assert.deepEqual(judgeHello(hello, policy), verdict);
    });
  }

  for (const { name, hello, refusal, reason } of refused) {
    it(`refuses ${name}`, () => {
      const verdict = judgeHello(hello, policy);
      assert.equal(verdict.refusal, refusal);
      assert.match(verdict.reason, reason);
    });
  }

  it("trap 38: a member that was removed is told, by which committed configuration", () => {
    const unknown = { ...peer, nodeId: 4 };
    for (const configurationIndex of [1, 9, 10]) {
      const verdict = judgeHello({ ...unknown, configurationIndex }, policy);
      assert.deepEqual([verdict.refusal, verdict.configurationIndex], ["removedMember", 10]);
    }
  });

  it("trap 38: a node that lags locks out nobody whom a newer configuration may have added", () => {
    const unknown = { ...peer, nodeId: 4 };
    const judge = (configurationIndex: number, by = policy) =>
      judgeHello({ ...unknown, configurationIndex }, by).refusal;
    assert.equal(judge(11), "none", "what is not committed here may not stay");
    assert.equal(judge(30), "none");
    const restarted = { ...policy, standing: { ...policy.standing, committedIndex: null } };
    assert.equal(judge(1, restarted), "none", "nothing is known to be committed");
    assert.equal(judge(30, forming), "unknownMember", "a list is all there is");
  });

  it("trap 14: another data directory under a known id needs a newer configuration", () => {
    const other = { ...peer, instanceId: OTHER_INSTANCE };
    const judge = (configurationIndex: number, by = policy) =>
      judgeHello({ ...other, configurationIndex }, by).refusal;
    assert.deepEqual([judge(0), judge(20), judge(21)], ["wrongInstance", "wrongInstance", "none"]);
    assert.equal(judge(21, forming), "wrongInstance");
  });

  it("trap 14: nobody takes a free place by a hello: who held its id was removed", () => {
    const free: HelloPolicy = { ...policy, instanceOf: () => "" };
    const judge = (configurationIndex: number) =>
      judgeHello({ ...peer, configurationIndex }, free).refusal;
    assert.deepEqual([judge(0), judge(10)], ["unknownMember", "removedMember"]);
    assert.equal(judge(21), "none", "a newer configuration may have bound the place to it");
  });

  it("trap 14: who joins listens to nobody that may take it for its predecessor", () => {
    const judge = (configurationIndex: number, by = joining) =>
      judgeHello({ ...peer, configurationIndex }, by).refusal;
    assert.deepEqual([judge(0), judge(24), judge(25)], ["notReady", "notReady", "none"]);
    const asking = { ...joining, standing: { ...joining.standing, latestIndex: 0 } };
    assert.equal(judge(0, asking), "notReady", "it was not taken in yet");
    assert.equal(judge(9, asking), "notReady");
  });

  it("who belongs to no cluster yet accepts nobody", () => {
    for (const hello of [peer, client]) {
      assert.equal(judgeHello(hello, { ...joining, clusterId: "" }).refusal, "notReady");
    }
  });

  it("says first that versions do not fit, as nothing else of the hello can be trusted", () => {
    const hello = { ...peer, protocolMin: 9, protocolMax: 9, clusterId: OTHER_CLUSTER };
    assert.equal(judgeHello(hello, policy).refusal, "noCommonVersion");
  });
});

describe("commonProtocol", () => {
  it("is the newest version that both speak", () => {
    assert.equal(commonProtocol(peer), 1);
    assert.equal(commonProtocol({ ...peer, protocolMax: 5 }), 2);
  });
});

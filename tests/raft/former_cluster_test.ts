/** A node whose cluster is said to be over stops, but not while that cluster has a leader. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FormerCluster } from "../../src/raft/former_cluster.ts";
import type { HelloReply } from "../../src/wire/hello.ts";
import type { Configuration } from "../../src/types.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";
import { DriverClock } from "./driver_world.ts";

const PATIENCE_MS = 1_000;
const REPLY = {
  ...{ reason: "it was recovered", address: "n1:7238", refusal: "formerCluster" },
  ...{ clusterId: "restored", clusterName: "new" },
} as HelloReply;
const FOREIGN = { ...REPLY, refusal: "wrongCluster" } as HelloReply;
const REPLACED = {
  ...{ ...REPLY, refusal: "wrongInstance" },
  reason: "Node 3 is known with another data directory",
} as HelloReply;
const VOTERS: Configuration = {
  voters: [1, 2, 3].map((id) => ({ id, address: `n${id}:7238`, instanceId: String(id) })),
  ...{ votersOld: [], learners: [], promotions: [] },
};

function told(isLed: () => boolean) {
  const clock = new DriverClock();
  const former = new FormerCluster({
    clock,
    identity: () => ({ nodeId: 3, clusterId: "old", clusterName: "raft" }) as Identity,
    hasLeader: isLed,
    patienceMs: PATIENCE_MS,
  });
  const tell = (peer = 1, reply = REPLY) => former.told(peer, reply, VOTERS);
  return { clock, former, tell };
}

describe("FormerCluster", () => {
  it("stops after having known no leader for long enough, and says how to go on", () => {
    const { clock, tell } = told(() => false);
    assert.equal(tell(), null);
    clock.atMs += PATIENCE_MS - 1;
    assert.equal(tell(), null);
    clock.atMs += 1;
    const error = tell();
    assert.match(error?.message ?? "", /Node 3 belongs to a cluster that is over: it was recov/);
    assert.match(error?.fix.join("\n") ?? "", /keep its data directory aside/);
    assert.match(error?.fix.join("\n") ?? "", /raft start --id 3 --data NEW --join n1:7238/);
  });

  it("counts from when it was told first, not from its start", () => {
    const { clock, tell } = told(() => false);
    clock.atMs += 10 * PATIENCE_MS;
    assert.equal(tell(), null);
  });

  it("goes on while it hears of a leader, and waits anew after that", () => {
    let isLed = false;
    const { clock, tell } = told(() => isLed);
    tell();
    clock.atMs += PATIENCE_MS;
    isLed = true;
    assert.equal(tell(), null);
    isLed = false;
    clock.atMs += PATIENCE_MS;
    assert.equal(tell(), null, "the time before the leader does not count");
    clock.atMs += PATIENCE_MS;
    assert.notEqual(tell(), null);
  });

  it("stops where those who answer for any other cluster leave no quorum, and no sooner", () => {
    const { clock, former, tell } = told(() => false);
    const after = (ms: number): void => void (clock.atMs += ms);
    assert.equal(tell(1, FOREIGN), null);
    after(PATIENCE_MS);
    assert.equal(tell(1, FOREIGN), null, "one stray node stops nobody");
    assert.equal(tell(2, FOREIGN), null);
    after(PATIENCE_MS - 1);
    assert.equal(tell(2, FOREIGN), null);
    former.accepted(1);
    after(1);
    assert.equal(tell(2, FOREIGN), null, "node 1 is a member again");
    assert.equal(tell(1, FOREIGN), null);
    after(PATIENCE_MS);
    const error = tell(1, FOREIGN);
    assert.match(error?.message ?? "", /Node 3 .*"raft" \(old\).* nodes 1, 2 .*"new" \(restored\)/);
    assert.match(error?.fix.join("\n") ?? "", /raft start --id 3 --data NEW --join n1:7238/);
  });

  it("stops where those who know it with another directory leave no quorum, and no sooner", () => {
    let isLed = true;
    const { clock, former, tell } = told(() => isLed);
    const after = (ms: number): void => void (clock.atMs += ms);
    for (const peer of [1, 2, 1, 2]) {
      assert.equal(tell(peer, REPLACED), null, "it hears a leader");
      after(PATIENCE_MS);
    }
    isLed = false;
    assert.equal(tell(1, REPLACED), null);
    after(PATIENCE_MS);
    assert.equal(tell(1, REPLACED), null, "one stray node stops nobody");
    assert.equal(tell(2, REPLACED), null, "node 2 may be wrong for a moment");
    former.accepted(1);
    after(PATIENCE_MS);
    assert.equal(tell(2, REPLACED), null, "node 1 accepts it");
    assert.equal(tell(1, REPLACED), null);
    after(PATIENCE_MS);
    const error = tell(2, REPLACED);
    assert.match(
      error?.message ?? "",
      /refused by nodes 1, 2, .*no quorum is left: Node 3 is known with/,
    );
    const fix = error?.fix.join("\n") ?? "";
    assert.match(fix, /raft member replace 3 NEW HOST:PORT -e n1:7238[^]*raft member remove 3/);
    assert.match(fix, /directories of nodes 1, 2 were mixed up\? start them with their own/);
  });

  it("does not add up what different refusals say", () => {
    const { clock, tell } = told(() => false);
    for (let round = 0; round < 3; round += 1) {
      assert.equal(tell(1, REPLACED), null);
      assert.equal(tell(2, FOREIGN), null);
      clock.atMs += PATIENCE_MS;
    }
  });

  it("leaves it to the leader to say so while its log names no voters", () => {
    const { clock, former } = told(() => false);
    for (let round = 0; round < 3; round += 1) {
      assert.equal(former.told(1, REPLACED, { ...VOTERS, voters: [] }), null);
      clock.atMs += PATIENCE_MS;
    }
  });

  it("forgets what it was told long ago", () => {
    const { clock, tell } = told(() => false);
    tell(1, FOREIGN);
    clock.atMs += 60_000;
    tell(2, FOREIGN);
    clock.atMs += PATIENCE_MS;
    assert.equal(tell(2, FOREIGN), null);
  });
});

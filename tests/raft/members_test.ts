import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MembershipView } from "../../src/consensus/consensus.ts";
import type { DataDirectory } from "../../src/log/data_directory.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { Members } from "../../src/raft/members.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";
import { DriverClock } from "./driver_world.ts";

const JOINING: Identity = {
  formatVersion: 1,
  clusterId: "c".repeat(32),
  clusterName: "members",
  nodeId: 4,
  instanceId: "4".repeat(32),
  born: false,
  members: [],
  removed: false,
  recovery: null,
  formerClusterIds: [],
  deviatesSince: 0,
  replaces: [],
  joinIndex: 0,
  promiseMs: null,
};

describe("members", () => {
  it("a node that joins is born once its log holds durably that it is a member", async () => {
    const saved: Identity[] = [];
    const directory = {
      identity: JOINING,
      saveIdentity: (identity: Identity) => Promise.resolve(void saved.push(identity)),
    };
    let isDurable = (): void => {};
    const durable = new Promise<void>((resolve) => isDurable = resolve);
    const members = new Members({
      nodeId: 4,
      directory: directory as unknown as DataDirectory,
      clock: new DriverClock(),
      logger: silentLogger,
      address: () => "node-4:7238",
      setPeers: () => {},
      stop: (error) => assert.fail(error),
      synced: () => durable,
      changed: () => {},
      hasLeader: () => false,
      patienceMs: 1_000,
    });
    const latest = { index: 9, configuration: configurationOf([1, 2, 3], { learners: [4] }) };
    const membership: MembershipView = {
      latest,
      committed: { index: 1, configuration: configurationOf([1, 2, 3]) },
      peers: [],
      hasJoined: true,
      isRemoved: false,
    };
    members.joining();
    members.running({ membership });
    for (let hop = 0; hop < 50; hop += 1) await undefined;
    assert.deepEqual(saved, [], "a crash now leaves a log that does not know this node");
    isDurable();
    for (let hop = 0; hop < 50; hop += 1) await undefined;
    assert.deepEqual(saved.map(({ born }) => born), [true]);
  });
});

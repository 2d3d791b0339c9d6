import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MembershipView } from "../../src/consensus/consensus.ts";
import type { DataDirectory } from "../../src/log/data_directory.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { Members, type MembersOptions } from "../../src/raft/members.ts";
import { configurationOf } from "../../src/testing/core_log.ts";
import type { HelloReply } from "../../src/wire/hello.ts";
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

function membersOf(options: Partial<MembersOptions>): Members {
  return new Members({
    nodeId: 4,
    directory: { identity: JOINING } as DataDirectory,
    clock: new DriverClock(),
    logger: silentLogger,
    address: () => "node-4:7238",
    setPeers: () => {},
    stop: (error) => assert.fail(error),
    synced: () => Promise.resolve(),
    changed: () => {},
    hasLeader: () => false,
    patienceMs: 1_000,
    ...options,
  });
}

describe("members", () => {
  it("a node that joins is born once its log holds durably that it is a member", async () => {
    const saved: Identity[] = [];
    const directory = {
      identity: JOINING,
      saveIdentity: (identity: Identity) => Promise.resolve(void saved.push(identity)),
    };
    let isDurable = (): void => {};
    const durable = new Promise<void>((resolve) => isDurable = resolve);
    const members = membersOf({
      directory: directory as unknown as DataDirectory,
      synced: () => durable,
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

  it("a peer that knows this node with another directory is named, and stops nobody", () => {
    const lines: [string, unknown][] = [];
    const warn = (message: string, fields?: object) =>
      void lines.push([message, (fields as { readonly peer?: number }).peer]);
    const clock = new DriverClock();
    const members = membersOf({
      directory: { identity: { ...JOINING, born: true, joinIndex: 1 } } as DataDirectory,
      clock,
      logger: { ...silentLogger, warn },
    });
    const configuration = configurationOf([1, 2, 4]);
    const told = { index: 1, configuration };
    members.refused(1, { refusal: "notReady" } as HelloReply);
    const membership = { latest: told, committed: told, peers: [], isRemoved: false };
    members.running({ membership: { ...membership, hasJoined: false } });
    lines.length = 0;
    const reply = { refusal: "wrongInstance", reason: "another directory" } as HelloReply;
    for (let round = 0; round < 5; round += 1) {
      members.refused(2, reply);
      clock.atMs += 1_000;
    }
    assert.deepEqual(lines.map(([, peer]) => peer), [2], "it is said once");
    assert.match(lines[0]![0], /A peer knows this node with another data directory/);
    assert.equal(members.notes.length, 1);
    assert.match(members.notes[0]!, /^node 2 refuses this node, .*another data directory/);
    members.connected(2);
    assert.deepEqual(members.notes, []);
    members.refused(2, reply);
    assert.equal(lines.length, 2, "it is news again");
  });

  it("a node that forms a cluster stops at the first such word: it has no cluster yet", () => {
    const errors: Error[] = [];
    const members = membersOf({ stop: (error) => void errors.push(error) });
    members.refused(
      2,
      { refusal: "wrongInstance", reason: "forgotten", address: "" } as HelloReply,
    );
    assert.match(errors[0]!.message, /Peer 2 refuses this node: forgotten/);
  });
});

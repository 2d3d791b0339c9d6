/** The identity of a node whose disk is full for a while. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ROOM_RETRY_MS } from "../../src/limits.ts";
import { NoRoomError } from "../../src/log/no_room_error.ts";
import { silentLogger } from "../../src/observability/logger.ts";
import { IdentityWriter } from "../../src/raft/identity_writer.ts";
import { FileError } from "../../src/runtime/runtime.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";
import { DriverClock } from "./driver_world.ts";

const IDENTITY: Identity = {
  formatVersion: 1,
  clusterId: "c".repeat(32),
  clusterName: "writer",
  nodeId: 1,
  instanceId: "1".repeat(32),
  born: true,
  members: [],
  removed: false,
  recovery: null,
  formerClusterIds: [],
  deviatesSince: 0,
  replaces: [],
  joinIndex: 0,
  promiseMs: null,
};

/** A directory whose disk is full as long as a test says so. */
class Writing {
  readonly clock = new DriverClock();
  readonly failures: Error[] = [];
  error: Error | null = new NoRoomError(512, new FileError("ENOSPC", "identity", "It is full"));
  tries = 0;
  readonly directory = {
    identity: IDENTITY,
    saveIdentity: async (identity: Identity): Promise<void> => {
      this.tries += 1;
      if (this.error !== null) throw this.error;
      this.directory.identity = identity;
    },
  };
  readonly writer = new IdentityWriter({
    directory: this.directory,
    clock: this.clock,
    logger: silentLogger,
    failed: (error) => void this.failures.push(error),
  });
}

describe("IdentityWriter", () => {
  it("waits for room, and keeps the order of the changes", async () => {
    const writing = new Writing();
    void writing.writer.save((before) => ({ ...before, clusterName: "first" }));
    void writing.writer.save((before) => ({
      ...before,
      clusterName: `${before.clusterName}, second`,
    }));
    await writing.clock.settle();
    await writing.clock.pass(3 * ROOM_RETRY_MS);
    assert.equal(writing.directory.identity.clusterName, "writer");
    assert.ok(writing.tries >= 3, `tried ${writing.tries} times`);
    writing.error = null;
    await writing.clock.pass(ROOM_RETRY_MS);
    assert.equal(writing.directory.identity.clusterName, "first, second");
    assert.deepEqual([writing.failures, writing.clock.waiting], [[], 0]);
  });

  it("ends with the node, and leaves no timer behind", async () => {
    const writing = new Writing();
    writing.writer.save((before) => before).catch(() => {});
    await writing.clock.settle();
    assert.equal(writing.clock.waiting, 1);
    await writing.writer.settled();
    assert.deepEqual([writing.clock.waiting, writing.tries], [0, 2]);
  });

  it("does not try again what failed otherwise", async () => {
    const writing = new Writing();
    writing.error = new FileError("EIO", "identity", "It is broken");
    writing.writer.save((before) => before).catch(() => {});
    await writing.clock.settle();
    await writing.clock.pass(3 * ROOM_RETRY_MS);
    assert.deepEqual([writing.tries, writing.failures], [1, [writing.error]]);
  });
});

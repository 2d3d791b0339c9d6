import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ShutdownError } from "../../src/errors.ts";
import { type Readiness, ReadinessWaiters } from "../../src/raft/readiness.ts";

/** Waiters of a node that comes as far as the test says, and what they were told. */
function createWaiters() {
  const reached = new Set<Readiness>();
  const waiters = new ReadinessWaiters((readiness) => reached.has(readiness));
  const told: string[] = [];
  const wait = (readiness: Readiness) =>
    waiters.wait(readiness).then(
      () => void told.push(readiness),
      (error) => void told.push(`${readiness}: ${error.message}`),
    );
  return { reached, waiters, told, wait };
}

describe("ReadinessWaiters", () => {
  it("resolve at once, or when the node has come so far", async () => {
    const { reached, waiters, told, wait } = createWaiters();
    reached.add("listening");
    const waiting = [wait("leader"), wait("joined"), wait("listening")];
    await waiting[2];
    assert.deepEqual(told, ["listening"]);
    reached.add("joined");
    waiters.check();
    await waiting[1];
    assert.deepEqual(told, ["listening", "joined"]);
    reached.add("leader");
    waiters.check();
    await waiting[0];
    assert.deepEqual(told, ["listening", "joined", "leader"]);
  });

  it("reject when the node stops, and from then on", async () => {
    const { reached, waiters, told, wait } = createWaiters();
    const waiting = wait("leader");
    waiters.fail(new ShutdownError("The node was stopped"));
    await waiting;
    reached.add("leader");
    await wait("leader");
    assert.deepEqual(told, Array(2).fill("leader: The node was stopped"));
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ChangeInProgressError,
  LeadershipLostError,
  NotFoundError,
  NotLeaderError,
  type RaftError,
  RefusedError,
  SessionExpiredError,
} from "../../src/errors.ts";
import { CLIENT_REQUESTS_MAX } from "../../src/limits.ts";
import type { ClientMessage } from "../../src/wire/client_messages.ts";
import { ServiceWorld } from "./client_service_world.ts";

const change = { action: "add", id: 4, address: "n4:7238", instanceId: "" } as const;
const requests: readonly ClientMessage[] = [
  { type: "changeMembership", requestId: 1, changes: [change], force: true },
  { type: "transferLeadership", requestId: 2, target: 3 },
  { type: "transferLeadership", requestId: 3, target: 0 },
  { type: "triggerSnapshot", requestId: 4 },
];

describe("ClientService: what operators ask for", () => {
  it("is handed to the backend, and its outcome answered", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    client.send(...requests);
    await world.run(10);
    assert.deepEqual(world.backend.administered, [
      ["change", [change], true],
      ["transfer", 3],
      ["transfer", null],
      ["snapshot"],
    ]);
    assert.deepEqual(client.received.slice(1), [
      { type: "membershipAnswer", requestId: 1, configurationIndex: 51 },
      { type: "transferAnswer", requestId: 2, leaderId: 3, term: 8 },
      { type: "transferAnswer", requestId: 3, leaderId: 3, term: 8 },
      { type: "snapshotAnswer", requestId: 4, index: 50 },
    ]);
  });

  it("is refused in the words of the wire", async () => {
    const cases: readonly (readonly [RaftError, string, string])[] = [
      [new RefusedError("x", ["1 of 2 up"]), "refused", "no"],
      [new ChangeInProgressError("x"), "changeInProgress", "no"],
      [new NotFoundError("x"), "notFound", "no"],
      [new LeadershipLostError("x"), "leadershipLost", "unknown"],
      [new SessionExpiredError("x", "unknown"), "sessionExpired", "unknown"],
      [new NotLeaderError(2, "n2:7238"), "notLeader", "no"],
    ];
    for (const [error, code, applied] of cases) {
      const world = await ServiceWorld.start();
      const client = await world.connect();
      world.backend.adminError = error;
      client.send(...requests);
      await world.run(10);
      assert.equal(client.received.length, 5, error.name);
      const [, answer] = client.received;
      assert.ok(answer?.type === "errorAnswer");
      assert.deepEqual([answer.code, answer.applied], [code, applied]);
      assert.deepEqual(answer.why, error instanceof RefusedError ? ["1 of 2 up"] : []);
    }
  });

  it("is bounded like other requests, and may be answered after its client has gone", async () => {
    const world = await ServiceWorld.start();
    const client = await world.connect();
    let open: () => void = () => {};
    world.backend.adminGate = new Promise((resolve) => open = resolve);
    for (let requestId = 1; requestId <= CLIENT_REQUESTS_MAX + 1; requestId += 1) {
      client.send({ type: "triggerSnapshot", requestId });
    }
    await world.run(50);
    assert.deepEqual(client.answers, [`errorAnswer ${CLIENT_REQUESTS_MAX + 1}`]);
    const gone = await world.connect();
    gone.send({ type: "triggerSnapshot", requestId: 1 });
    await world.run(10);
    gone.stream.destroy();
    await world.run(10);
    assert.equal(world.service.connectionCount, 1);
    open();
    await world.run(50);
    assert.equal(client.answers.length, CLIENT_REQUESTS_MAX + 1);
    client.send({ type: "triggerSnapshot", requestId: 1 });
    await world.run(10);
    assert.equal(client.answers.at(-1), "snapshotAnswer 1");
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeyValueClient } from "../../src/client/key_value_client.ts";
import { Session } from "../../src/client/session.ts";
import type { SessionHost } from "../../src/client/session.ts";
import {
  InvalidRequestError,
  OverloadedError,
  SessionExpiredError,
  ShutdownError,
  UnknownOutcomeError,
} from "../../src/errors.ts";
import { SESSION_ANSWERS_MAX } from "../../src/limits.ts";
import { readSessionCommandId, SessionControl } from "../../src/state_machine/command_id.ts";
import { CountingWorld, disturb, PEERS } from "./counting_world.ts";

type Send = SessionHost["propose"];
type Outcome = Awaited<ReturnType<Send>>;

/** A client that a test answers by hand, and its clock. */
class HandClient implements SessionHost {
  readonly sent: {
    readonly sequence: number;
    readonly lowestUnanswered: number;
    readonly command: number;
    readonly resolve: () => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  readonly timers = new Set<() => void>();
  hasEnded = false;
  readonly clock = {
    nowMs: () => 0,
    wallMs: () => 0,
    defer: () => {},
    setTimer: (callback: () => void) => {
      this.timers.add(callback);
      return callback;
    },
    clearTimer: (timer: unknown) => void this.timers.delete(timer as () => void),
  };

  propose: Send = (command, options = {}) => {
    const { promise, resolve, reject } = promiseWithResolvers<Outcome>();
    const commandId = options.commandId!;
    const { session, sequence, lowestUnanswered } = readSessionCommandId(commandId)!;
    assert.equal(session, 7);
    const outcome = { index: 1, term: 1, duplicate: false, result: new Uint8Array(0), commandId };
    this.sent.push({
      sequence,
      lowestUnanswered,
      command: command[0]!,
      resolve: () => resolve(outcome),
      reject,
    });
    return promise;
  };

  query = (): never => {
    throw new Error("no query is expected");
  };

  ended = (): void => {
    this.hasEnded = true;
  };

  /** Fires the one timer that is set. */
  fire(): void {
    const [timer] = this.timers;
    assert.equal(this.timers.size, 1);
    this.timers.delete(timer!);
    timer!();
  }
}

function promiseWithResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

function open(): { client: HandClient; session: Session } {
  const client = new HandClient();
  return { client, session: new Session(client, { number: 7, sessionTimeoutMs: 3_000 }) };
}

describe("session", () => {
  it("numbers commands and tells the lowest unanswered one", async () => {
    const { client, session } = open();
    const one = session.propose(Uint8Array.of(1));
    const two = session.propose(Uint8Array.of(2));
    client.sent[1]!.resolve();
    await two;
    void session.propose(Uint8Array.of(3));
    client.sent[0]!.resolve();
    await one;
    const four = session.propose(Uint8Array.of(4));
    const numbers = client.sent.map((sent) => [sent.sequence, sent.lowestUnanswered]);
    assert.deepEqual(numbers, [[1, 1], [2, 1], [3, 1], [4, 3]]);
    client.sent[3]!.reject(new UnknownOutcomeError("given up"));
    await assert.rejects(four, UnknownOutcomeError);
    client.sent[2]!.resolve();
    for (let hop = 0; hop < 10; hop += 1) await undefined;
    void session.propose(Uint8Array.of(5));
    assert.equal(client.sent[4]!.lowestUnanswered, 5, "what was given up is not asked for again");
  });

  it("refuses a command id, and more unanswered commands than answers are kept", async () => {
    const { client, session } = open();
    const command = Uint8Array.of(1);
    await assert.rejects(
      session.propose(command, { commandId: new Uint8Array(16) }),
      InvalidRequestError,
    );
    for (let i = 0; i < SESSION_ANSWERS_MAX; i += 1) void session.propose(command);
    await assert.rejects(session.propose(command), OverloadedError);
    const [first] = client.sent;
    first!.resolve();
    for (let hop = 0; hop < 10; hop += 1) await undefined;
    void session.propose(command);
    assert.equal(client.sent.length, SESSION_ANSWERS_MAX + 1);
  });

  it("says that it is there when it was not used, and notes that it expired", async () => {
    const { client, session } = open();
    client.fire();
    assert.equal(client.sent.length, 0, "it was opened just now");
    client.fire();
    const [keepAlive] = client.sent;
    assert.deepEqual([keepAlive!.sequence, keepAlive!.command], [0, SessionControl.keepAlive]);
    keepAlive!.reject(new SessionExpiredError("gone", "no"));
    for (let hop = 0; hop < 10; hop += 1) await undefined;
    assert.ok(session.isExpired && client.hasEnded);
    assert.equal(client.timers.size, 0);
    await assert.rejects(session.propose(Uint8Array.of(1)), SessionExpiredError);
    assert.equal(client.sent.length, 1);
  });

  it("close tells the cluster and takes nothing more", async () => {
    const { client, session } = open();
    const closed = session.close();
    assert.deepEqual([client.sent[0]!.sequence, client.sent[0]!.command], [
      0,
      SessionControl.close,
    ]);
    client.sent[0]!.reject(new UnknownOutcomeError("nobody there"));
    await closed;
    await session.close();
    assert.equal(client.sent.length, 1);
    await assert.rejects(session.propose(Uint8Array.of(1)), ShutdownError);
  });
});

describe("a session with a cluster whose leaders fail", () => {
  it("counts each command once, whatever fails (traps 52, 53, A16)", async () => {
    const run = new CountingWorld(3);
    await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
    await run.run(3_000);
    const session = await run.settle(run.client.openSession({ sessionTimeoutMs: 60_000 }));
    const inSession = new KeyValueClient(session);
    run.keyValue = Object.assign(Object.create(inSession), {
      increment: (key: string) => inSession.increment(key, { timeoutMs: 60_000 }),
    });
    const workers = Array.from({ length: 4 }, () => run.count());
    await run.run(500);
    await disturb(run);
    await run.run(3_000);
    run.isOver = true;
    await run.settle(Promise.all(workers));
    // Every answer came in the end, so the sum is exact.
    assert.deepEqual([run.tally.unknown, run.tally.refused], [0, 0]);
    const { value } = await run.settle(inSession.get("n"));
    assert.equal(Number(new TextDecoder().decode(value)), run.tally.applied);
    assert.ok(run.tally.applied > 150, `${run.tally.applied} were applied`);
    await run.settle(session.close());
    run.client.close();
  });

  it("tells an id that cannot be from one that is too old", async () => {
    const run = new CountingWorld(5);
    await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
    const commandId = new Uint8Array(16).fill(0xff);
    const proposed = run.client.propose(new Uint8Array(0), { commandId, timeoutMs: 20_000 });
    await assert.rejects(run.settle(proposed), InvalidRequestError);
    run.client.close();
  });

  it("keeps itself alive over its time-out, and expires when its client is gone", async () => {
    const run = new CountingWorld(4);
    await run.settle(Promise.all(PEERS.map(({ id }) => run.boot(id))));
    await run.run(3_000);
    const session = await run.settle(run.client.openSession({ sessionTimeoutMs: 2_000 }));
    await run.run(20_000);
    await run.settle(session.propose(new Uint8Array(0)));
    // Nobody hears the client, so it cannot say that it is there; log time goes on without it.
    const names = PEERS.map(({ id }) => `n${id}`);
    run.world.network.cut({ from: ["client"], to: names });
    await run.run(5_000);
    run.world.network.mendAll();
    const late = session.propose(new Uint8Array(0), { timeoutMs: 20_000 });
    await assert.rejects(run.settle(late), (error) => {
      assert.ok(error instanceof SessionExpiredError, String(error));
      assert.equal(error.applied, "no");
      return true;
    });
    assert.ok(session.isExpired);
    run.client.close();
  });
});

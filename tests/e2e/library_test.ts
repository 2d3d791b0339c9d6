/** The library as an application uses it: everything here comes from mod.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type ApplyContext,
  BadDataError,
  detectRuntime,
  KeyValueClient,
  MemoryLog,
  NotLeaderError,
  Raft,
  RaftClient,
  RaftError,
  type Runtime,
  startNode,
  type StateMachine,
} from "../../mod.ts";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (content: string) => new TextEncoder().encode(content);

/** A state machine of an application: a list of lines. */
class Journal implements StateMachine {
  readonly contexts: ApplyContext[] = [];
  #lines: string[] = [];

  /** Appends a line; answers with its number. */
  apply(command: Uint8Array, context: ApplyContext): Uint8Array {
    this.contexts.push({ ...context });
    this.#lines.push(text(command));
    return bytes(String(this.#lines.length));
  }

  /** Answers with everything. */
  query(_query: Uint8Array): Uint8Array {
    return bytes(this.#lines.join("\n"));
  }

  /** The lines as one piece. */
  takeSnapshot(): Iterator<Uint8Array, void> {
    return [bytes(JSON.stringify(this.#lines))].values() as Iterator<Uint8Array, void>;
  }

  /** Replaces the lines. */
  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let json = "";
    for await (const chunk of chunks) json += text(chunk);
    this.#lines = JSON.parse(json);
  }
}

/** Runs `body` with a folder of its own. */
async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "raft-library-"));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nodes of one application, all in this process. */
class JournalCluster {
  readonly rafts = new Map<number, Raft>();
  readonly journals = new Map<number, Journal>();
  readonly #runtime: Runtime;
  readonly #folder: string;
  readonly #ports: readonly number[];

  constructor(runtime: Runtime, options: { folder: string; ports: readonly number[] }) {
    this.#runtime = runtime;
    this.#folder = options.folder;
    this.#ports = options.ports;
  }

  /** Starts a node with an empty journal. */
  async start(id: number): Promise<void> {
    const journal = new Journal();
    const peers = this.#ports.map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` }));
    const raft = await Raft.start(this.#runtime, {
      nodeId: id,
      dataPath: join(this.#folder, String(id)),
      listen: { host: "127.0.0.1", port: this.#ports[id - 1]! },
      formation: { kind: "peers", peers },
      stateMachine: journal,
    });
    this.rafts.set(id, raft);
    this.journals.set(id, journal);
  }

  /** Starts all, and waits until all know the leader. */
  async startAll(): Promise<void> {
    const ids = this.#ports.map((_, i) => i + 1).filter((id) => !this.rafts.has(id));
    await Promise.all(ids.map((id) => this.start(id)));
    await Promise.all([...this.rafts.values()].map((raft) => raft.ready("leader")));
  }

  /** The node that leads. */
  leader(): Promise<Raft> {
    return eventually({
      what: "a leader",
      look: () => [...this.rafts.values()].find((raft) => raft.status().role === "leader") ?? null,
    });
  }

  /** A node that follows. */
  async follower(): Promise<Raft> {
    const leader = await this.leader();
    return [...this.rafts.values()].find((raft) => raft !== leader)!;
  }

  /** Proposes a line to whoever leads; again where it was not applied. */
  async append(line: string): Promise<number> {
    const outcome = await eventually({
      what: `"${line}" to be applied`,
      look: async () => {
        try {
          return await (await this.leader()).propose(bytes(line));
        } catch (error) {
          if (error instanceof RaftError && error.applied === "no") return null;
          throw error;
        }
      },
    });
    return Number(text(outcome.result));
  }

  /** Stops a node in good order. */
  async stop(id: number): Promise<void> {
    await this.rafts.get(id)?.stop();
    this.rafts.delete(id);
  }

  /** Stops all. */
  async stopAll(): Promise<void> {
    await Promise.all([...this.rafts.keys()].map((id) => this.stop(id)));
  }
}

/** Runs `body` with a cluster of three that has a leader. */
function withCluster(body: (cluster: JournalCluster) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const ports = await findFreePorts(3);
    const cluster = new JournalCluster(await detectRuntime(), { folder, ports });
    try {
      await cluster.startAll();
      await body(cluster);
    } finally {
      await cluster.stopAll();
    }
  });
}

const limit = { timeout: TEST_TIMEOUT_MS };

describe("startNode", () => {
  it("serves a client: the quick start", limit, () =>
    withFolder(async (folder) => {
      const runtime = await detectRuntime();
      const options = {
        nodeId: 1,
        dataPath: join(folder, "data"),
        listen: { host: "127.0.0.1", port: 0 },
        formation: { kind: "bootstrap" },
      } as const;
      const node = await startNode(runtime, options);
      await node.ready("leader");
      const client = new RaftClient(runtime, { endpoints: [node.address], timeoutMs: 30_000 });
      const store = new KeyValueClient(client);
      await store.put("greeting", "hello");
      assert.equal(text((await store.get("greeting")).value), "hello");
      client.close();
      await assert.rejects(startNode(runtime, options), BadDataError);
      await node.stop();
      assert.deepEqual(await node.stopped, { error: null });

      const again = await startNode(runtime, { ...options, formation: { kind: "existing" } });
      assert.equal(again.clusterId, node.clusterId);
      const other = new RaftClient(runtime, { endpoints: [again.address], timeoutMs: 30_000 });
      assert.equal(text((await new KeyValueClient(other).get("greeting")).value), "hello");
      other.close();
      await again.stop();
    }));
});

describe("Raft with a state machine of the application", () => {
  it(
    "applies commands on every node, and answers at leader and follower",
    limit,
    () =>
      withCluster(async (cluster) => {
        const leader = await cluster.leader();
        const outcome = await leader.propose(bytes("one"));
        assert.equal(text(outcome.result), "1");
        assert.equal(outcome.duplicate, false);
        assert.ok(outcome.index > 0 && outcome.term > 0);
        for (const raft of cluster.rafts.values()) {
          const { result, servedBy, ageMs } = await raft.query(bytes(""));
          assert.deepEqual([text(result), servedBy, ageMs], ["one", raft.nodeId, 0]);
        }
        await cluster.append("two");
        const follower = await cluster.follower();
        assert.equal(text((await follower.query(bytes(""))).result), "one\ntwo");
      }),
  );

  it(
    "refuses commands at a follower, and names the leader",
    limit,
    () =>
      withCluster(async (cluster) => {
        const leader = await cluster.leader();
        const follower = await cluster.follower();
        await assert.rejects(follower.propose(bytes("no")), (error: NotLeaderError) => {
          assert.ok(error instanceof NotLeaderError);
          assert.equal(error.applied, "no");
          assert.deepEqual([error.leaderId, error.leaderAddress], [leader.nodeId, leader.address]);
          return true;
        });
      }),
  );

  it(
    "applies a command once that is proposed twice under one id",
    limit,
    () =>
      withCluster(async (cluster) => {
        const id = crypto.getRandomValues(new Uint8Array(16)).fill(0, 0, 6);
        const leader = await cluster.leader();
        const first = await leader.propose(bytes("once"), id);
        const second = await leader.propose(bytes("once"), id);
        assert.deepEqual([second.duplicate, second.index], [true, first.index]);
        assert.equal(text(second.result), "1");
        assert.equal(text((await leader.query(bytes(""))).result), "once");
      }),
  );

  it(
    "goes on without its leader, and rebuilds the state of who comes back",
    limit,
    () =>
      withCluster(async (cluster) => {
        for (const line of ["a", "b"]) await cluster.append(line);
        const first = (await cluster.leader()).nodeId;
        await cluster.stop(first);
        assert.equal(await cluster.append("c"), 3);
        await cluster.startAll();
        const back = cluster.rafts.get(first)!;
        const { result } = await eventually({
          what: "the node that came back to serve a read",
          look: () => back.query(bytes("")).catch(() => null),
        });
        assert.equal(text(result), "a\nb\nc");
      }),
  );

  it(
    "rebuilds its state when all were stopped, each entry applied once",
    limit,
    () =>
      withCluster(async (cluster) => {
        const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
        for (const line of lines) await cluster.append(line);
        await cluster.stopAll();
        await cluster.startAll();
        const leader = await cluster.leader();
        assert.equal(text((await leader.query(bytes(""))).result), lines.join("\n"));
        const { contexts } = cluster.journals.get(leader.nodeId)!;
        assert.equal(contexts.length, 50);
        for (const [i, { index, term, logTimeMs }] of contexts.entries()) {
          const before = contexts[i - 1] ?? { index: 0, term: 0, logTimeMs: 0 };
          assert.ok(index > before.index && term >= before.term && logTimeMs >= before.logTimeMs);
        }
      }),
  );

  it("answers everything that waits when it stops", limit, () =>
    withCluster(async (cluster) => {
      const leader = await cluster.leader();
      const waiting = Array.from({ length: 100 }, (_, i) => leader.propose(bytes(`${i}`)));
      const queries = Array.from({ length: 100 }, () => leader.query(bytes("")));
      const all = Promise.allSettled([...waiting, ...queries]);
      await cluster.stop(leader.nodeId);
      for (const settled of await all) {
        if (settled.status === "fulfilled") continue;
        assert.ok(settled.reason instanceof RaftError, String(settled.reason));
      }
      await assert.rejects(leader.propose(bytes("late")), { code: "shutdown" });
      await assert.rejects(leader.query(bytes("")), { code: "shutdown" });
    }));

  it(
    "stops with the reason when the state machine throws",
    limit,
    () =>
      withFolder(async (folder) => {
        const journal = new Journal();
        journal.apply = () => {
          throw new Error("The journal is full");
        };
        const raft = await Raft.start(await detectRuntime(), {
          nodeId: 1,
          dataPath: join(folder, "data"),
          listen: { host: "127.0.0.1", port: 0 },
          formation: { kind: "bootstrap" },
          stateMachine: journal,
        });
        await raft.ready("leader");
        await assert.rejects(raft.propose(bytes("x")), { applied: "unknown" });
        const { error } = await raft.stopped;
        assert.equal(error?.message, "The journal is full");
      }),
  );

  it("runs on a log of the application's own", limit, () =>
    withFolder(async (folder) => {
      const runtime = await detectRuntime();
      const raft = await Raft.start(runtime, {
        nodeId: 1,
        dataPath: join(folder, "data"),
        listen: { host: "127.0.0.1", port: 0 },
        formation: { kind: "bootstrap" },
        stateMachine: new Journal(),
        openLog: () => Promise.resolve(new MemoryLog({ clock: runtime.clock })),
      });
      await raft.ready("leader");
      assert.equal(text((await raft.propose(bytes("kept in memory"))).result), "1");
      assert.equal(text((await raft.query(bytes(""))).result), "kept in memory");
      await raft.stop();
    }));
});

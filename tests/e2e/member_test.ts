/** A cluster that grows, changes its nodes and shrinks, while clients write to it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { detectRuntime, KeyValueClient, RaftClient } from "../../mod.ts";
import { TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { KeyWriter } from "./kit/key_writer.ts";
import { type Answer, assertExit, documentOf, errorOf, type Json } from "./kit/run_raft.ts";
import { runRaft } from "./kit/run_raft.ts";
import { TestNode } from "./kit/test_node.ts";

/** Elections that do not take long. */
const TIMING = ["--heartbeat", "50ms", "--election-timeout", "400ms"];

/** Nodes that come and go. */
class ChangingCluster {
  readonly folder = mkdtempSync(join(tmpdir(), "raft-e2e-"));
  readonly nodes: TestNode[] = [];
  #ports: number[] = [];

  async findPorts(count: number): Promise<void> {
    this.#ports = await findFreePorts(count);
  }

  /** A node that does not run; it has the id that follows. */
  add(flags: readonly string[]): TestNode {
    const id = this.nodes.length + 1;
    const address = `127.0.0.1:${this.#ports[id - 1]}`;
    const { folder } = this;
    const node = new TestNode({
      id,
      address,
      folder,
      flags: ["--cluster", "e2e", ...TIMING, ...flags],
    });
    this.nodes.push(node);
    return node;
  }

  /** A node that is to join those that run. */
  addJoining(flags: readonly string[] = []): TestNode {
    return this.add(["--join", this.endpoints.join(","), ...flags]);
  }

  node(id: number): TestNode {
    return this.nodes[id - 1]!;
  }

  /** The addresses of the nodes that run. */
  get endpoints(): string[] {
    return this.nodes.filter(({ isRunning }) => isRunning).map(({ address }) => address);
  }

  run(line: string): Promise<Answer> {
    return runRaft([...line.split(" "), "-e", this.endpoints.join(","), "-t", "30s", "-o", "json"]);
  }

  async document(line: string): Promise<Json> {
    return documentOf(await this.run(line));
  }

  async voters(): Promise<number[]> {
    const { members } = await this.document("member ls");
    return members.filter(({ voter }: Json) => voter).map(({ id }: Json) => id);
  }

  async dispose(): Promise<void> {
    for (const node of this.nodes) if (node.isRunning) await node.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe("a cluster whose members change", { timeout: TEST_TIMEOUT_MS }, () => {
  const cluster = new ChangingCluster();
  let client: RaftClient;
  let store: KeyValueClient;
  let writer: KeyWriter;

  before(async () => {
    await cluster.findPorts(5);
    const first = cluster.add(["--bootstrap"]);
    await first.start();
    client = new RaftClient(await detectRuntime(), { endpoints: [first.address] });
    store = new KeyValueClient(client);
    writer = new KeyWriter(store, { prefix: "member/", count: 4 });
  });

  after(async () => {
    await writer.stop();
    client.close();
    await cluster.dispose();
  });

  it("grows from one node to three by --join", async () => {
    const joining = [cluster.addJoining(), cluster.addJoining()];
    for (const node of joining) node.spawn();
    for (const node of joining) {
      await node.ready();
      await cluster.document(`wait member ${node.id} voter`);
    }
    await cluster.document("wait healthy --voters 3");
    assert.deepEqual(await cluster.voters(), [1, 2, 3]);
  });

  it("takes a learner in, which votes when it is told to", async () => {
    const node = cluster.addJoining(["--learner"]);
    const added = await cluster.document(`member add 4 ${node.address} --learner`);
    assert.match(added.next, /^raft start --id 4 .* --join .* --learner --cluster e2e$/);
    await node.start();
    await cluster.document("wait member 4 caught-up");
    assert.deepEqual(await cluster.voters(), [1, 2, 3]);
    await cluster.document("member promote 4");
    await cluster.document("wait member 4 voter");
    assert.deepEqual(await cluster.voters(), [1, 2, 3, 4]);
  });

  it("hands leadership over, and takes the vote of a node that is drained", async () => {
    await cluster.document("put told aaaa");
    const put = "put told bbbb --previous --request-id 0123456789abcdef0123456789abcdef";
    const told = await cluster.document(put);
    const { leader } = await cluster.document("transfer 4");
    assert.equal(leader.id, 4);
    // The next leader knows the answer as the first one gave it.
    const again = await cluster.document(put);
    assert.equal(told.previous.value, "aaaa");
    assert.deepEqual([again.previous, again.revision], [told.previous, told.revision]);
    assert.equal((await cluster.document("leader")).id, 4);
    await cluster.document("drain 4");
    assert.notEqual((await cluster.document("leader")).id, 4);
    assert.deepEqual(await cluster.voters(), [1, 2, 3]);
    await cluster.document("undrain 4");
    await cluster.document("wait member 4 voter");
  });

  it("replaces a node whose disk is lost, and stops it where it comes back", async () => {
    await cluster.node(2).kill();
    const node = cluster.addJoining();
    await cluster.document(`member replace 2 5 ${node.address}`);
    await node.start();
    await cluster.document("wait member 5 voter");
    assert.deepEqual(await cluster.voters(), [1, 3, 4, 5]);
    const { code } = await cluster.node(2).spawn().ended;
    assert.equal(code, 8);
    assert.match(cluster.node(2).log, /removed from/);
  });

  it("goes on without its leader where that is removed", async () => {
    const { id } = await cluster.document("leader");
    const ended = cluster.node(id).process.ended;
    await cluster.document(`member remove ${id}`);
    await cluster.document(`wait member ${id} gone`);
    assert.equal((await ended).code, 8);
    // Its directory remembers: it asks nobody, and is told what to do.
    const again = await runRaft(["start", "--id", String(id), "--data", cluster.node(id).dataPath]);
    assertExit(again, 8);
    assert.match(again.stderr, new RegExp(`Node ${id} was removed from cluster "e2e"`));
    assert.match(again.stderr, new RegExp(`fix: .*raft start --id ${id} --data NEW --join 127`));
    assert.notEqual((await cluster.document("leader")).id, id);
    assert.equal((await cluster.voters()).length, 3);
  });

  it("refuses to lose the quorum", async () => {
    const { id: leader } = await cluster.document("leader");
    const [down, other] = (await cluster.voters()).filter((id) => id !== leader);
    await cluster.node(down!).kill();
    const refused = await cluster.run(`member remove ${other}`);
    assertExit(refused, 10);
    const error = errorOf(refused);
    assert.equal(error.applied, "no");
    assert.match(
      error.why.join("\n"),
      /of the 2 voters afterwards 1 would be up, and 2 are needed/,
    );
    assert.match(error.fix.join("\n"), new RegExp(`raft member remove ${other} --force`));
    assert.equal((await cluster.voters()).length, 3);
    await cluster.node(down!).start();
    await cluster.document("wait healthy --voters 3");
  });

  it("takes a snapshot where it is told to, and has lost nothing", async () => {
    const { id, index } = await cluster.document("snapshot trigger");
    const { members } = await cluster.document("status");
    const member = members.find((one: Json) => one.id === id);
    assert.ok(index > 0 && member.snapshotIndex >= index, `${member.snapshotIndex} of ${index}`);
    await writer.stop();
    assert.ok(writer.acknowledged.size > 0);
    await writer.assertKept(store);
  });
});

/**
 * What nodes and clients say to each other, captured between them, as the `capnp` tool reads it:
 * any Cap'n Proto implementation can take part.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { detectRuntime, KeyValueClient, RaftClient } from "../../mod.ts";
import { decodeClientMessage } from "../../src/wire/client_codec.ts";
import { FrameDecoder } from "../../src/wire/frame.ts";
import { decodeHelloFrame } from "../../src/wire/hello_codec.ts";
import { decodePeerFrame } from "../../src/wire/peer_codec.ts";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { TestNode } from "./kit/test_node.ts";
import { RecordingProxy } from "./recording_proxy.ts";

const schema = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "schema");
const skip = spawnSync("capnp", ["--version"]).status === 0 ? false : "needs the capnp tool";

const PUTS = 100;

/** The whole frames in what was captured; the last one may have been cut. */
function framesOf(chunks: readonly Buffer[]): Uint8Array[] {
  const decoder = new FrameDecoder();
  const frames: Uint8Array[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) frames.push(frame);
  }
  return frames;
}

/** A message as the tool prints it. */
interface DecodedMessage {
  readonly kind: string;
  readonly text: string;
}

/** Decodes a stream of messages with the `capnp` tool and nothing of ours. */
function capnpDecode(
  root: "PeerMessage" | "ClientMessage",
  frames: Uint8Array[],
): DecodedMessage[] {
  if (frames.length === 0) return [];
  const file = join(schema, root === "PeerMessage" ? "peer.capnp" : "client.capnp");
  const result = spawnSync("capnp", ["decode", "--short", file, root], {
    input: Buffer.concat(frames),
    maxBuffer: 256 * 1024 * 1024,
  });
  assert.equal(result.status, 0, result.stderr.toString());
  assert.equal(result.stderr.toString(), "", "the tool complains");
  const lines = result.stdout.toString().split("\n").filter((line) => line !== "");
  assert.equal(lines.length, frames.length, `${lines.length} of ${frames.length} messages`);
  return lines.map((text) => {
    // (checksum = 1, term = 2, KIND = …): requestId in place of term for clients.
    const kind = /^\(checksum = \d+, (?:term|requestId) = \d+, (\w+) = /.exec(text)?.[1];
    assert.ok(kind !== undefined, `no kind in: ${text.slice(0, 200)}`);
    return { kind, text };
  });
}

/** How many messages there are of each kind. */
function countKinds(messages: readonly { readonly kind: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of messages) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** What went both ways on a connection. */
interface Conversation {
  readonly sent: Uint8Array[];
  readonly answered: Uint8Array[];
}

describe("captured traffic", { skip }, () => {
  let folder = "";
  let nodes: TestNode[] = [];
  let proxies: RecordingProxy[] = [];
  let peerTalks: Conversation[] = [];
  let clientTalks: Conversation[] = [];

  before(async () => {
    if (skip !== false) return;
    folder = mkdtempSync(join(tmpdir(), "raft-capture-"));
    const ports = await findFreePorts(6);
    const [listening, dialed] = [ports.slice(0, 3), ports.slice(3)];
    const addresses = dialed.map((port) => `127.0.0.1:${port}`);
    const peers = addresses.map((address, i) => `${i + 1}=${address}`).join(",");
    proxies = listening.map((port) => new RecordingProxy(port));
    await Promise.all(proxies.map((proxy, i) => proxy.listen(dialed[i]!)));
    nodes = listening.map((port, i) =>
      new TestNode({
        id: i + 1,
        address: `127.0.0.1:${port}`,
        folder,
        flags: ["--peers", peers, "--cluster", "captured"],
      })
    );
    await Promise.all(nodes.map((node) => node.start()));
    await work(addresses);
    // What the nodes say goes on for ever; what is captured by now is enough.
    const talks = proxies.flatMap(({ connections }) => connections).map((connection) => ({
      sent: framesOf(connection.sent),
      answered: framesOf(connection.answered),
    })).filter(({ sent }) => sent.length > 0);
    const isPeer = ({ sent }: Conversation) => decodeHelloFrame(sent[0]!).role === "peer";
    peerTalks = talks.filter(isPeer);
    clientTalks = talks.filter((talk) => !isPeer(talk));
  }, { timeout: TEST_TIMEOUT_MS });

  after(async () => {
    await Promise.all(nodes.map((node) => node.isRunning ? node.kill() : undefined));
    for (const proxy of proxies) proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }, { timeout: TEST_TIMEOUT_MS });

  /** Writes, reads at every node, large and small; the leader fails once. */
  async function work(addresses: string[]): Promise<void> {
    const runtime = await detectRuntime();
    const raft = new RaftClient(runtime, { endpoints: addresses, timeoutMs: 60_000 });
    const store = new KeyValueClient(raft);
    const put = (number: number) => store.put(`key ${number}`, "x".repeat(1 + number * 50));
    await Promise.all(Array.from({ length: PUTS / 2 }, (_, number) => put(number)));
    await store.put("large", new Uint8Array(300_000));
    const leaderId = (await raft.leader()).id;
    const leader = nodes[leaderId - 1]!;
    await leader.kill();
    for (let number = PUTS / 2; number < PUTS; number += 1) await put(number);
    await leader.start();
    for (const endpoint of addresses) {
      const found = await store.get(`key ${PUTS - 1}`, { endpoint });
      assert.equal(found.found, true);
      assert.equal((await raft.status({ endpoint })).clusterName, "captured");
    }
    await eventually({
      what: "the node that was killed to have everything",
      look: async () => {
        const { appliedIndex, commitIndex } = await raft.status({ endpoint: leader.address });
        return appliedIndex >= PUTS && appliedIndex === commitIndex || null;
      },
    });
    raft.close();
  }

  it("between peers is PeerMessage, and is what this project reads", { skip }, () => {
    assert.ok(peerTalks.length >= 6, `${peerTalks.length} connections between peers`);
    for (const { sent, answered } of peerTalks) {
      for (const frames of [sent, answered]) {
        const kinds = capnpDecode("PeerMessage", frames).map(({ kind }) => kind);
        assert.deepEqual(kinds, frames.map((frame) => decodePeerFrame(frame).type));
      }
    }
  });

  it("between peers begins with one hello and one reply, and then flows one way", { skip }, () => {
    for (const { sent, answered } of peerTalks) {
      const said = countKinds(capnpDecode("PeerMessage", sent));
      assert.equal(said.get("hello"), 1);
      assert.equal(said.get("helloReply"), undefined);
      const replies = capnpDecode("PeerMessage", answered);
      assert.ok(replies.length <= 1, `${replies.length} answers`);
      assert.ok(replies.every(({ kind }) => kind === "helloReply"));
    }
  });

  it("between peers has elections, entries and acknowledgements", { skip }, () => {
    const messages = peerTalks.flatMap(({ sent }) => capnpDecode("PeerMessage", sent));
    const counts = countKinds(messages);
    const count = (kind: string) => counts.get(kind) ?? 0;
    const described = JSON.stringify([...counts]);
    // Two elections: each a round of pre-votes and one of votes.
    const votes = messages.filter(({ kind }) => kind === "requestVoteRequest");
    assert.ok(votes.some(({ text }) => text.includes("preVote = true")), described);
    assert.ok(votes.some(({ text }) => text.includes("preVote = false")), described);
    assert.ok(count("requestVoteResponse") >= 2, described);
    assert.ok(count("appendEntriesResponse") >= 2, described);
    assert.ok(count("appendEntriesResponse") <= count("appendEntriesRequest"), described);
    assert.ok(count("readIndexRequest") >= 1, "a follower asks the leader for a read");
    assert.ok(count("readIndexResponse") >= 1, described);
    const entries = messages.reduce(
      (sum, { text }) => sum + Number(/entryCount = (\d+)/.exec(text)?.[1] ?? 0),
      0,
    );
    // Every entry goes to two followers; the one that was killed gets some of them later.
    assert.ok(entries >= 2 * PUTS, `${entries} entries were sent`);
  });

  it("of clients is ClientMessage, every request with its answer", { skip }, () => {
    assert.ok(clientTalks.length >= 3, `${clientTalks.length} connections of clients`);
    const total = new Map<string, number>();
    for (const { sent, answered } of clientTalks) {
      const said = capnpDecode("ClientMessage", sent);
      const answers = capnpDecode("ClientMessage", answered);
      assert.deepEqual(said.map(({ kind }) => kind), sent.map((f) => decodeClientMessage(f).type));
      const types = answered.map((frame) => decodeClientMessage(frame).type);
      assert.deepEqual(answers.map(({ kind }) => kind), types);
      assert.equal(said[0]!.kind, "hello");
      assert.ok(answers.length <= said.length, `${answers.length} answers of ${said.length}`);
      for (const [kind, count] of countKinds([...said, ...answers])) {
        total.set(kind, (total.get(kind) ?? 0) + count);
      }
    }
    const described = JSON.stringify([...total]);
    assert.ok((total.get("propose") ?? 0) >= PUTS + 1, described);
    assert.ok((total.get("proposeAnswer") ?? 0) >= PUTS + 1, described);
    assert.ok((total.get("queryAnswer") ?? 0) >= 3, described);
    assert.ok((total.get("statusAnswer") ?? 0) >= 3, described);
  });
});

/**
 * The port of a node in the hands of strangers: whatever they send, their connection alone ends,
 * with a log line that says why, the node lives in bounded memory, and the cluster serves.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect as connectTls } from "node:tls";
import { putUint32 } from "../../src/bytes.ts";
import { CHECKSUM_OFFSET, sealFrame } from "../../src/wire/frame_checksum.ts";
import type { Hello } from "../../src/wire/hello.ts";
import { encodeKvCommand } from "../../src/wire/kv_codec.ts";
import { clientBytes, clientHello, helloBytes, HostileConnection } from "./hostile_connection.ts";
import { eventually } from "./kit/eventually.ts";
import { describeCluster, type TestCluster } from "./kit/test_cluster.ts";
import type { TestNode } from "./kit/test_node.ts";

/** What the memory of a node may grow by, all attacks together: garbage that waits for its end. */
const GROWTH_BYTES_MAX = 160 * 1024 * 1024;

const ROUNDS = 5;
const IDLE_CONNECTIONS = 300;
const OTHER_CLUSTER = "ffffffffffffffffffffffffffffffff";
const HELLO_TIMEOUT_MS = 5_000;

/** The resident memory of a node. */
function residentBytes(node: TestNode): number {
  const status = readFileSync(`/proc/${node.process.pid}/status`, "utf8");
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}

/** What `impostor` says to `node`: all that it takes can be asked of it. */
async function impostorHello(node: TestNode, impostor: TestNode): Promise<Hello> {
  const connection = await HostileConnection.open(impostor.address);
  const { clusterId, clusterName, instanceId } = await connection.greet(clientHello);
  connection.destroy();
  return {
    ...clientHello,
    role: "peer",
    clusterId,
    clusterName,
    nodeId: impostor.id,
    instanceId,
    address: "127.0.0.1:1",
    targetNodeId: node.id,
  };
}

/** The log line of a node, written since `offset`, that has all these words. */
function logLine(node: TestNode, offset: number, ...words: (string | RegExp)[]): Promise<string> {
  return eventually({
    what: `a log line of node ${node.id} with ${words.join(" and ")}`,
    look: () => {
      const lines = node.log.slice(offset).split("\n");
      const has = (line: string) =>
        words.every((word) => typeof word === "string" ? line.includes(word) : word.test(line));
      return lines.find(has) ?? null;
    },
  });
}

/** Requires that a put works, through every node. */
async function assertServes(cluster: TestCluster, key: string): Promise<void> {
  const { raft, store } = await cluster.client();
  await store.put(key, "served");
  const { value } = await store.get(key);
  assert.equal(new TextDecoder().decode(value), "served");
  raft.close();
  for (const node of cluster.nodes) assert.ok(node.isRunning, `node ${node.id} has ended`);
}

/** Sends bytes to a node again and again; each time it must close, and say why. */
async function attack(
  cluster: TestCluster,
  options: { readonly bytes: Uint8Array | string; readonly reason: RegExp },
): Promise<void> {
  const node = cluster.node(1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const offset = node.log.length;
    const connection = await HostileConnection.open(node.address);
    connection.write(options.bytes);
    await connection.closed;
    await logLine(node, offset, connection.localAddress, options.reason);
  }
  await assertServes(cluster, "after an attack");
}

function frameHeader(segments: number, words: number): Uint8Array {
  const bytes = new Uint8Array(8);
  putUint32(bytes, 0, segments - 1);
  putUint32(bytes, 4, words);
  return bytes;
}

/** A put, as a client that said hello would send it. */
function putBytes(key: string): Uint8Array {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return clientBytes({
    type: "propose",
    requestId: 1,
    commandId: crypto.getRandomValues(new Uint8Array(16)).fill(0, 0, 6),
    command: encodeKvCommand({
      type: "put",
      key: bytes(key),
      value: bytes("a value that nobody wanted"),
      condition: { type: "none" },
      returnPrevious: false,
    }),
  });
}

const attacks: readonly {
  readonly name: string;
  readonly bytes: Uint8Array | string;
  readonly reason: RegExp;
}[] = [
  { name: "garbage", bytes: new Uint8Array(5_000).fill(0x5a), reason: /segments: want exactly 1/ },
  {
    name: "an HTTP request",
    bytes: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    reason: /HTTP request, and this port speaks Raft/,
  },
  {
    name: "a length of 4 GiB",
    bytes: frameHeader(1, 0x1fffffff),
    reason: /message of 4294967296 bytes: want at most 4096/,
  },
  {
    name: "a table of 2^32 segments",
    bytes: frameHeader(0, 1),
    reason: /message of 4294967296 segments: want exactly 1/,
  },
  {
    name: "a hello with the wrong magic",
    bytes: (() => {
      const frame = helloBytes(clientHello);
      const at = new TextDecoder("latin1").decode(frame).indexOf("RAFT2026");
      frame[at + 7] = "5".charCodeAt(0);
      putUint32(frame, CHECKSUM_OFFSET, 0);
      sealFrame(frame);
      return frame;
    })(),
    reason: /magic of Raft/,
  },
  {
    name: "a hello with a flipped bit",
    bytes: helloBytes(clientHello).map((byte, i) => i === 40 ? byte ^ 1 : byte),
    reason: /its checksum is/,
  },
  {
    name: "a request without a hello",
    bytes: putBytes("unwanted"),
    reason: /want a hello first/,
  },
];

describeCluster({ name: "a hostile port" }, (clusterIt) => {
  let residentBefore = 0;

  clusterIt("serves before anything else", async (cluster) => {
    await assertServes(cluster, "first");
    residentBefore = residentBytes(cluster.node(1));
  });

  for (const { name, bytes, reason } of attacks) {
    clusterIt(`trap 55: survives ${name}`, (cluster) => attack(cluster, { bytes, reason }));
  }

  clusterIt("trap 55: survives a TLS handshake", async (cluster) => {
    const node = cluster.node(1);
    const offset = node.log.length;
    const port = Number(node.address.split(":")[1]);
    const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await new Promise<void>((resolve) => {
      socket.once("error", () => {});
      socket.once("close", () => resolve());
    });
    await logLine(node, offset, /it looks like TLS; want TLS on both sides or on none/);
    await assertServes(cluster, "after TLS");
  });

  clusterIt("trap 28: refuses peers and clients of another cluster", async (cluster) => {
    const node = cluster.node(1);
    const stranger = await impostorHello(node, cluster.node(2));
    const client = { ...clientHello, clusterName: "elsewhere", clusterId: OTHER_CLUSTER };
    for (const hello of [{ ...stranger, clusterId: OTHER_CLUSTER }, client]) {
      const offset = node.log.length;
      const connection = await HostileConnection.open(node.address);
      const reply = await connection.greet(hello);
      assert.equal(reply.refusal, "wrongCluster");
      assert.match(reply.reason, /check the addresses/);
      await connection.closed;
      await logLine(node, offset, connection.localAddress, "belongs to cluster", /check the/);
    }
    await assertServes(cluster, "after another cluster");
  });

  clusterIt("refuses peers and clients that want another node", async (cluster) => {
    const node = cluster.node(1);
    const stranger = await impostorHello(node, cluster.node(2));
    for (const hello of [{ ...stranger, targetNodeId: 2 }, { ...clientHello, targetNodeId: 2 }]) {
      const offset = node.log.length;
      const connection = await HostileConnection.open(node.address);
      assert.equal((await connection.greet(hello)).refusal, "wrongNode");
      await connection.closed;
      await logLine(node, offset, connection.localAddress, "This is node 1, not node 2");
    }
    await assertServes(cluster, "after another node");
  });

  clusterIt("trap 14: refuses another data directory under a known id", async (cluster) => {
    const node = cluster.node(1);
    const offset = node.log.length;
    const connection = await HostileConnection.open(node.address);
    const hello = { ...await impostorHello(node, cluster.node(2)), instanceId: OTHER_CLUSTER };
    assert.equal((await connection.greet(hello)).refusal, "wrongInstance");
    await connection.closed;
    await logLine(node, offset, connection.localAddress, "has forgotten its votes");
    await assertServes(cluster, "after another directory");
  });

  clusterIt("trap 55: survives garbage behind the hello of a peer", async (cluster) => {
    const node = cluster.node(1);
    const hello = await impostorHello(node, cluster.node(2));
    // The real one would dial at once, and take the place of the impostor's connection.
    await cluster.node(2).kill();
    for (
      const [bytes, reason] of [
        [new Uint8Array(1_000).fill(0x33), "want exactly 1"],
        [frameHeader(1, 0x10000000), "want at most 16777216"],
        [helloBytes(hello), "sent a hello twice"],
      ] as const
    ) {
      const offset = node.log.length;
      const connection = await HostileConnection.open(node.address);
      assert.equal((await connection.greet(hello)).refusal, "none");
      connection.write(bytes);
      await connection.closed;
      await logLine(node, offset, `peer=${hello.nodeId}`, reason);
    }
    await cluster.node(2).start();
    await assertServes(cluster, "after a strange peer");
  });

  clusterIt("trap 55: survives garbage behind the hello of a client", async (cluster) => {
    const node = cluster.node(1);
    for (
      const [bytes, reason] of [
        [new Uint8Array(1_000).fill(0x33), "want exactly 1"],
        [frameHeader(1, 0x10000000), "want at most 16777216"],
      ] as const
    ) {
      const offset = node.log.length;
      const connection = await HostileConnection.open(node.address);
      assert.equal((await connection.greet(clientHello)).refusal, "none");
      connection.write(bytes);
      await connection.closed;
      await logLine(node, offset, connection.localAddress, reason);
    }
    await assertServes(cluster, "after a strange client");
  });

  clusterIt("applies no command of which a bit was flipped on its way", async (cluster) => {
    const leader = await cluster.leader();
    const good = putBytes("flipped");
    const { store } = await cluster.client();
    for (let at = 8; at < good.length; at += 7) {
      const offset = leader.log.length;
      const connection = await HostileConnection.open(leader.address);
      await connection.greet(clientHello);
      connection.write(good.map((byte, i) => i === at ? byte ^ (1 << (at % 8)) : byte));
      await connection.closed;
      await logLine(leader, offset, connection.localAddress, "Closed the connection of client");
    }
    assert.equal((await store.get("flipped")).found, false);
    const connection = await HostileConnection.open(leader.address);
    await connection.greet(clientHello);
    connection.write(good);
    assert.equal((await connection.nextMessage()).type, "proposeAnswer");
    connection.destroy();
    assert.equal((await store.get("flipped")).found, true, "the command itself was good");
    await assertServes(cluster, "after flipped bits");
  });

  clusterIt("bears those who say nothing, or not all, and hundreds who idle", async (cluster) => {
    const node = cluster.node(1);
    const offset = node.log.length;
    const hello = helloBytes(clientHello);
    const open = (count: number) =>
      Promise.all(Array.from({ length: count }, () => HostileConnection.open(node.address)));
    const gone = await open(5);
    for (const connection of gone) {
      connection.write(hello.subarray(0, 30));
      connection.end();
    }
    const cut = await open(5);
    for (const connection of cut) connection.write(hello.subarray(0, hello.length - 1));
    const silent = await open(IDLE_CONNECTIONS);
    const idle = await open(IDLE_CONNECTIONS);
    for (const connection of idle) await connection.greet(clientHello);
    await Promise.all(gone.map((connection) => connection.closed));
    await assertServes(cluster, "among idle connections");

    await Promise.all([...cut, ...silent].map((connection) => connection.closed));
    for (const connection of [...cut, silent[0]!]) {
      await logLine(node, offset, connection.localAddress, `no hello within ${HELLO_TIMEOUT_MS}`);
    }
    assert.ok(idle.every((connection) => !connection.isClosed), "a client may idle");
    for (const connection of idle) connection.destroy();
    await assertServes(cluster, "after idle connections");
  });

  clusterIt("lives in bounded memory, and as the process that it was", async (cluster) => {
    const node = cluster.node(1);
    const grown = residentBytes(node) - residentBefore;
    const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    assert.ok(grown < GROWTH_BYTES_MAX, `it grew by ${mebibytes(grown)}`);
    for (const { log } of cluster.nodes) {
      assert.doesNotMatch(log, /Assertion failed|TypeError|The node stops/);
    }
    await assertServes(cluster, "last");
  });
});

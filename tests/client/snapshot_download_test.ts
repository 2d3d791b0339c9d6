/** A snapshot on its way here: pieces in order, few asked for ahead, no failure unsaid. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SnapshotDownload } from "../../src/client/snapshot_download.ts";
import {
  DeniedError,
  NoQuorumError,
  OverloadedError,
  ShutdownError,
  UnreachableError,
} from "../../src/errors.ts";
import { BACKUP_READS_AHEAD, SNAPSHOT_SEND_BYTES_MAX } from "../../src/limits.ts";
import type { ReadSnapshotRequest } from "../../src/wire/client_messages.ts";
import { addressOf, CLUSTER_ID, type Exchange, ScriptedCluster } from "./scripted_node.ts";

const PIECES = 7;
const TOTAL_BYTES = (PIECES - 1) * SNAPSHOT_SEND_BYTES_MAX + 10;

/** The bytes of the snapshot from `offset` on, one piece of them. */
function pieceAt(offset: number): Uint8Array {
  const length = Math.min(SNAPSHOT_SEND_BYTES_MAX, TOTAL_BYTES - offset);
  return new Uint8Array(length).fill(1 + offset / SNAPSHOT_SEND_BYTES_MAX);
}

function offsetOf({ request }: Exchange): number {
  return (request as ReadSnapshotRequest).offset;
}

/** Answers a question for a piece as a sound node does. */
function answer(exchange: Exchange): boolean {
  const offset = offsetOf(exchange);
  exchange.reply({ type: "snapshotData", offset, data: pieceAt(offset) });
  return true;
}

/** Node 1, with a snapshot; what it does with questions for pieces a test says. */
class Source {
  readonly cluster: ScriptedCluster;
  onRead: (exchange: Exchange) => boolean = answer;
  onOpen: (exchange: Exchange) => void = (exchange) =>
    exchange.reply({
      type: "snapshotOpened",
      nodeId: 1,
      snapshotId: "5".repeat(32),
      clusterId: CLUSTER_ID,
      index: 90,
      term: 4,
      totalBytes: TOTAL_BYTES,
    });

  private constructor(cluster: ScriptedCluster) {
    this.cluster = cluster;
    cluster.node(1).script = (exchange) => {
      if (exchange.request.type === "readSnapshot") return this.onRead(exchange);
      if (exchange.request.type === "openSnapshot") this.onOpen(exchange);
      return exchange.request.type === "openSnapshot";
    };
  }

  static async start(): Promise<Source> {
    return new Source(await ScriptedCluster.start(1));
  }

  /** The places that were asked for. */
  get asked(): number[] {
    const reads = this.cluster.received("readSnapshot");
    return reads.map((exchange) => offsetOf(exchange) / SNAPSHOT_SEND_BYTES_MAX);
  }

  open(address = addressOf(1)): Promise<SnapshotDownload> {
    return SnapshotDownload.open(this.cluster.runtime, {
      address,
      clusterId: CLUSTER_ID,
      clusterName: "test",
      consistency: "stale",
    });
  }

  /** Opens it, and draws it to its end or to the error that it ends with. */
  async draw(): Promise<{ readonly chunks: Uint8Array[]; readonly error: unknown }> {
    const download = await this.cluster.settle(this.open());
    const chunks: Uint8Array[] = [];
    const all = (async () => {
      for await (const chunk of download.chunks()) chunks.push(chunk);
    })();
    const error = await this.cluster.settle(all.then(() => null, (reason: unknown) => reason));
    download.close();
    return { chunks, error };
  }
}

describe("SnapshotDownload", () => {
  it("hands out every piece in order, and says where it comes from", async () => {
    const source = await Source.start();
    const { chunks, error } = await source.draw();
    assert.equal(error, null);
    assert.deepEqual(chunks.map((chunk) => [chunk.length, chunk[0]]), [
      ...Array.from({ length: PIECES - 1 }, (_, i) => [SNAPSHOT_SEND_BYTES_MAX, i + 1]),
      [10, PIECES],
    ]);
    const { source: from } = await source.cluster.settle(source.open());
    assert.deepEqual([from.nodeId, from.index, from.term, from.totalBytes], [
      ...[1, 90, 4, TOTAL_BYTES],
    ]);
    assert.equal(from.address, addressOf(1));
    const [opening] = source.cluster.received("openSnapshot");
    assert.equal(opening?.request.type === "openSnapshot" && opening.request.consistency, "stale");
  });

  it("asks for a few pieces ahead, and for no more before one is taken", async () => {
    const source = await Source.start();
    const download = await source.cluster.settle(source.open());
    const chunks = download.chunks();
    await source.cluster.settle(chunks.next());
    await source.cluster.run(1_000);
    assert.deepEqual(source.asked, [0, 1, 2, 3].slice(0, BACKUP_READS_AHEAD));
    await source.cluster.settle(chunks.next());
    await source.cluster.run(1_000);
    assert.equal(source.asked.length, BACKUP_READS_AHEAD + 1);
    download.close();
  });

  it("takes no piece for another one, and none that is too short", async () => {
    for (
      const wrong of [
        (at: number) => ({ offset: at + 1, data: pieceAt(at) }),
        (at: number) => ({ offset: at, data: pieceAt(at).subarray(1) }),
      ]
    ) {
      const source = await Source.start();
      source.onRead = (exchange) => {
        const at = offsetOf(exchange);
        if (at !== 2 * SNAPSHOT_SEND_BYTES_MAX) return answer(exchange);
        exchange.reply({ type: "snapshotData", ...wrong(at) });
        return true;
      };
      const { chunks, error } = await source.draw();
      assert.equal(chunks.length, 2);
      assert.match(`${error}`, /Cannot use \d+ bytes at \d+: want \d+ at 262144/);
    }
  });

  it("ends with an error where the node dies on the way", async () => {
    const source = await Source.start();
    source.onRead = (exchange) => {
      const piece = offsetOf(exchange) / SNAPSHOT_SEND_BYTES_MAX;
      if (piece < 2) return answer(exchange);
      // Asked for once the first two were taken.
      if (piece === 1 + BACKUP_READS_AHEAD) source.cluster.node(1).kill();
      return true;
    };
    const { chunks, error } = await source.draw();
    assert.equal(chunks.length, 2);
    assert.ok(error instanceof UnreachableError);
    assert.match(error.message, /Lost the connection to n1:7238/);
  });

  it("gives up a node that lives and answers with no piece", async () => {
    const source = await Source.start();
    source.onRead = () => true;
    const { chunks, error } = await source.draw();
    assert.equal(chunks.length, 0);
    assert.ok(error instanceof UnreachableError, `${error}`);
  });

  it("hands on what a refusal says", async () => {
    const cases = [
      ["overloaded", OverloadedError],
      ["shutdown", ShutdownError],
      ["noQuorum", NoQuorumError],
    ] as const;
    for (const [code, kind] of cases) {
      const source = await Source.start();
      source.onOpen = (exchange) => exchange.refuse(code);
      const error = await source.cluster.rejection(source.open());
      assert.ok(error instanceof kind, `${code}: ${error}`);
      assert.match(error.message, new RegExp(`refused: ${code}`));
      await source.cluster.run(10);
      assert.equal(source.cluster.node(1).streams.size, 0, "the connection is closed");
    }
  });

  it("tells a node that cannot be reached from one that refuses this client", async () => {
    const source = await Source.start();
    const denied = source.cluster.node(1);
    denied.helloReply = { refusal: "wrongCluster", reason: "another cluster" };
    const refused = await source.cluster.rejection(source.open());
    assert.ok(refused instanceof DeniedError, `${refused}`);
    assert.match(refused.message, /Refused by n1:7238: another cluster/);
    const unreachable = await source.cluster.rejection(source.open("n1:9"));
    assert.match(unreachable.message, /Cannot reach n1:9/);
  });

  it("takes no other answer for the one that it wants", async () => {
    const source = await Source.start();
    source.onOpen = (exchange) =>
      exchange.reply({ type: "snapshotData", offset: 0, data: new Uint8Array(1) });
    const error = await source.cluster.rejection(source.open());
    assert.match(error.message, /Answered with a "snapshotData"/);
  });
});

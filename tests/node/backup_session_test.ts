/** The snapshot that one connection reads: what is open, how much is read at once, what closes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  InvalidRequestError,
  NoQuorumError,
  NotFoundError,
  OverloadedError,
} from "../../src/errors.ts";
import { BACKUP_READS_MAX, SNAPSHOT_SEND_BYTES_MAX } from "../../src/limits.ts";
import type { SnapshotReader } from "../../src/log/snapshot_store.ts";
import { BackupSession } from "../../src/node/backup_session.ts";
import type { ClientBackend } from "../../src/node/client_backend.ts";
import type { Consistency, StatusAnswer } from "../../src/wire/client_messages.ts";
import { metaOf } from "../log/snapshot_world.ts";

const TOTAL_BYTES = 1_000;

/** A reader whose reads end when they are let go. */
class HeldReader implements SnapshotReader {
  readonly snapshot;
  readonly lengths: number[] = [];
  readonly #held: (() => void)[] = [];
  closedCount = 0;

  constructor(index: number) {
    this.snapshot = { meta: metaOf(index), totalBytes: TOTAL_BYTES };
  }

  read(offset: number, bytesMax: number): Promise<Uint8Array> {
    assert.equal(this.closedCount, 0, "nothing is read of what is closed");
    this.lengths.push(bytesMax);
    return new Promise((resolve) => this.#held.push(() => resolve(Uint8Array.of(offset & 255))));
  }

  letGo(): void {
    for (const finish of this.#held.splice(0)) finish();
  }

  async close(): Promise<void> {
    this.closedCount += 1;
  }
}

/** A session of a node that opens these readers, one after the other; null for a refusal. */
function sessionOf(readers: readonly (HeldReader | null)[]) {
  const asked: Consistency[] = [];
  const left = [...readers];
  const backend: Pick<ClientBackend, "openSnapshot" | "status"> = {
    openSnapshot: async (consistency) => {
      asked.push(consistency);
      return left.shift() ?? Promise.reject(new NoQuorumError("nobody answers"));
    },
    status: () => ({ nodeId: 7 }) as StatusAnswer,
  };
  const session = new BackupSession(backend);
  return { asked, session };
}

const open = { type: "openSnapshot", requestId: 3, consistency: "linearizable" } as const;
const read = (offset: number) => ({ type: "readSnapshot", requestId: 4, offset }) as const;

describe("BackupSession", () => {
  it("says what it has opened, as it was asked for", async () => {
    const { session, asked } = sessionOf([new HeldReader(30)]);
    assert.deepEqual(await session.open(open), {
      type: "snapshotOpened",
      requestId: 3,
      nodeId: 7,
      snapshotId: "a".repeat(32),
      clusterId: "c".repeat(32),
      index: 30,
      term: 3,
      totalBytes: TOTAL_BYTES,
    });
    assert.deepEqual(asked, ["linearizable"]);
  });

  it("reads pieces of the size that the client counts on, its end included", async () => {
    const reader = new HeldReader(30);
    const { session } = sessionOf([reader]);
    await session.open(open);
    const answers = Promise.all([session.read(read(5)), session.read(read(TOTAL_BYTES))]);
    reader.letGo();
    const [piece, end] = await answers;
    assert.deepEqual(piece, {
      type: "snapshotData",
      requestId: 4,
      offset: 5,
      data: Uint8Array.of(5),
    });
    assert.equal(end.offset, TOTAL_BYTES);
    assert.deepEqual(reader.lengths, [SNAPSHOT_SEND_BYTES_MAX, SNAPSHOT_SEND_BYTES_MAX]);
  });

  it("refuses what is not open, and what lies behind the end", async () => {
    const { session } = sessionOf([new HeldReader(30)]);
    await assert.rejects(session.read(read(0)), NotFoundError);
    await session.open(open);
    await assert.rejects(session.read(read(TOTAL_BYTES + 1)), InvalidRequestError);
    session.close();
    await assert.rejects(session.read(read(0)), NotFoundError);
  });

  it("has so many reads under way and no more, whatever is opened meanwhile", async () => {
    const readers = [new HeldReader(10), new HeldReader(20)];
    const { session } = sessionOf(readers);
    await session.open(open);
    const reads = Array.from({ length: BACKUP_READS_MAX }, (_, i) => session.read(read(i)));
    await assert.rejects(session.read(read(9)), OverloadedError);
    await session.open(open);
    await assert.rejects(session.read(read(9)), OverloadedError, "the old reads count");
    readers[0]!.letGo();
    await Promise.all(reads);
    const last = session.read(read(9));
    readers[1]!.letGo();
    assert.equal((await last).offset, 9);
  });

  it("opens one at a time, and another one after a failure", async () => {
    const { session } = sessionOf([null, new HeldReader(10)]);
    const first = session.open(open);
    await assert.rejects(session.open(open), OverloadedError);
    await assert.rejects(first, NoQuorumError);
    assert.equal((await session.open(open)).index, 10);
  });

  it("closes what another one replaces once, after its last read", async () => {
    const readers = [new HeldReader(10), new HeldReader(20)];
    const { session } = sessionOf(readers);
    await session.open(open);
    const reads = [session.read(read(1)), session.read(read(2))];
    await session.open(open);
    assert.equal(readers[0]!.closedCount, 0, "it is being read");
    readers[0]!.letGo();
    await Promise.all(reads);
    session.close();
    assert.deepEqual(readers.map(({ closedCount }) => closedCount), [1, 1]);
  });

  it("closes what is opened after the connection has ended", async () => {
    const reader = new HeldReader(10);
    const { session } = sessionOf([reader]);
    const opening = session.open(open);
    session.close();
    await opening;
    assert.equal(reader.closedCount, 1);
    await assert.rejects(session.read(read(0)), NotFoundError);
  });

  it("closes at its end what nobody reads, and the rest when it was read", async () => {
    const reader = new HeldReader(10);
    const { session } = sessionOf([reader]);
    await session.open(open);
    const last = session.read(read(1));
    session.close();
    assert.equal(reader.closedCount, 0);
    reader.letGo();
    await last;
    assert.equal(reader.closedCount, 1);
  });
});

/**
 * Sends the newest snapshot to a follower that needs entries which are compacted: the bytes of the
 * file, in chunks, a few of them ahead of what the follower has stored. So what waits on the
 * connection is bounded, and heartbeats are never far behind.
 *
 * An attempt starts with an empty chunk, which asks how much of this file the follower has stored,
 * and goes on from there. It ends when the follower has installed the snapshot or refuses it, when
 * the connection breaks, when nothing is answered for long, or when the file cannot be read; the
 * core asks for the next one. As long as its file serves the purpose, the next attempt goes on with
 * the same file, which stays open for a while, removed or not. After a refusal or a failed read the
 * next attempt comes when there is hope for it (snapshot_trouble.ts).
 *
 * Chunks and answers belong to an attempt by term, session and snapshot id. The follower takes
 * bytes only where its own end is, so a chunk that comes twice or late does no harm.
 *
 * @module
 */
import type { SendSnapshot } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { InstallSnapshotResponse } from "../consensus/messages.ts";
import { SNAPSHOT_SEND_BYTES_MAX, SNAPSHOT_WINDOW_BYTES_MAX } from "../limits.ts";
import type { SnapshotReader, SnapshotStore, StoredSnapshot } from "../log/snapshot_store.ts";
import type { Log } from "../log/log.ts";
import type { Logger } from "../observability/logger.ts";
import { crc32 } from "../runtime/checksum.ts";
import type { Clock, TimerHandle } from "../runtime/runtime.ts";
import type { Transport } from "../transport/transport.ts";
import type { NodeId, Term } from "../types.ts";

/** How many times in a row an attempt asks again where nothing is answered. */
const ASKED_AGAIN_MAX = 5;

/** How many election timeouts a file stays open for the next attempt. */
const KEPT_ELECTION_TIMEOUTS = 10;

/** What the sender works with. */
export interface SnapshotSenderOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: Transport;
  readonly snapshots: Pick<SnapshotStore, "latest" | "openReader">;
  readonly logger: Logger;
  /** The follower is asked again where it answers nothing for so long. */
  readonly electionTimeoutMs: number;
  /** The term that this node leads, or null. */
  readonly leadingTerm: () => Term | null;
  /** Called with `snapshotEnded` when an attempt ends, maybe before `send` returns. */
  readonly ended: (input: Input) => void;
  /** A snapshot cannot be read; resolves when another attempt makes sense. */
  readonly unusable: (snapshot: StoredSnapshot, error: unknown) => Promise<void>;
  /** A follower refused a snapshot; resolves when another attempt makes sense. */
  readonly refused: (snapshot: StoredSnapshot) => Promise<void>;
}

/** The sending of one file to one follower, through one or more attempts. */
interface Transfer {
  readonly snapshot: StoredSnapshot;
  readonly reader: Promise<SnapshotReader>;
  readonly startMs: number;
  /** The effect of the attempt under way, or null between two. */
  effect: SendSnapshot | null;
  /** Whether the follower has said where to start. */
  started: boolean;
  /** Everything before this was sent. */
  offset: number;
  /** Everything before this is stored at the follower. */
  storedBytes: number;
  reading: boolean;
  askedAgain: number;
  /** Whether the follower has refused it, and that was told. */
  isRefused: boolean;
  timer: TimerHandle | null;
}

const NO_BYTES = new Uint8Array(0);

/** Sends snapshots to followers. */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #transfers = new Map<NodeId, Transfer>();
  /** Those who wait before the core hears that an attempt has ended. */
  readonly #pauses = new Set<TimerHandle>();

  /** Creates a sender. */
  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Starts an attempt. */
  send(effect: SendSnapshot): void {
    const { transport, snapshots } = this.#options;
    const { latest } = snapshots;
    if (latest === null || !transport.isConnected(effect.to)) {
      this.#report(effect);
      return;
    }
    const transfer = this.#usable(effect.to) ?? this.#open(effect.to, latest);
    // Another session of the same member: nobody waits for the end of the attempt before.
    this.#clearTimer(transfer);
    transfer.effect = effect;
    transfer.started = false;
    transfer.askedAgain = 0;
    this.#ask(effect.to, transfer);
  }

  /** A follower answered. */
  answered(from: NodeId, response: InstallSnapshotResponse): void {
    const transfer = this.#transfers.get(from);
    const effect = transfer?.effect ?? null;
    if (transfer === undefined || effect === null) return;
    const { snapshotId } = transfer.snapshot.meta;
    if (response.term !== effect.term || response.session !== effect.session) return;
    if (response.snapshotId !== snapshotId) return;
    if (response.status === "refused") return this.#refused(from, transfer);
    if (response.status === "installed") {
      this.#tellInstalled(from, transfer);
      this.#end(from, transfer);
      this.#forget(from, transfer);
      return;
    }
    const { storedBytes } = response;
    if (!transfer.started) {
      transfer.started = true;
      transfer.offset = storedBytes;
    } else if (storedBytes < transfer.storedBytes) {
      // It has lost what it had: ask anew.
      this.#end(from, transfer);
      return;
    } else if (transfer.askedAgain > 0) {
      // Whatever was sent before the question and is not stored by now is lost.
      transfer.offset = storedBytes;
    }
    transfer.askedAgain = 0;
    transfer.storedBytes = storedBytes;
    transfer.offset = Math.max(transfer.offset, storedBytes);
    this.#armTimer(from, transfer);
    this.#pump(from, transfer);
  }

  /** What was sent to `peer` may be lost. */
  connectionLost(peer: NodeId): void {
    const transfer = this.#transfers.get(peer);
    if (transfer !== undefined) this.#end(peer, transfer);
  }

  /** Ends everything: this node leads no longer, or stops. */
  stop(): void {
    for (const [peer, transfer] of this.#transfers) {
      this.#end(peer, transfer);
      this.#forget(peer, transfer);
    }
    for (const timer of this.#pauses) this.#options.clock.clearTimer(timer);
    this.#pauses.clear();
  }

  /** The transfer to go on with, where its file is still what the follower needs. */
  #usable(to: NodeId): Transfer | null {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return null;
    // A follower that installs it must find the entries behind it.
    const isUsable = transfer.snapshot.meta.lastIncludedIndex >= this.#options.log.firstIndex - 1;
    if (!isUsable) this.#forget(to, transfer);
    return isUsable ? transfer : null;
  }

  #tellInstalled(to: NodeId, { snapshot, startMs }: Transfer): void {
    const { clock, logger } = this.#options;
    logger.info("A follower has got the snapshot", {
      index: snapshot.meta.lastIncludedIndex,
      to,
      bytes: snapshot.totalBytes,
      durationMs: Math.round(clock.nowMs() - startMs),
    });
  }

  #open(to: NodeId, snapshot: StoredSnapshot): Transfer {
    const { meta, totalBytes } = snapshot;
    const { logger, clock } = this.#options;
    logger.info("Sends a snapshot", { index: meta.lastIncludedIndex, to, bytes: totalBytes });
    const transfer: Transfer = {
      snapshot,
      reader: this.#options.snapshots.openReader(snapshot),
      startMs: clock.nowMs(),
      effect: null,
      started: false,
      offset: 0,
      storedBytes: 0,
      reading: false,
      askedAgain: 0,
      isRefused: false,
      timer: null,
    };
    this.#transfers.set(to, transfer);
    transfer.reader.catch((error) => this.#broken(to, transfer, error));
    return transfer;
  }

  /** Asks how much the follower has. */
  #ask(to: NodeId, transfer: Transfer): void {
    this.#sendChunk(to, transfer, { offset: 0, data: NO_BYTES });
    this.#armTimer(to, transfer);
  }

  /** Reads and sends the next chunk, as far as the window allows. */
  #pump(to: NodeId, transfer: Transfer): void {
    const { snapshot: { totalBytes }, offset, storedBytes, effect } = transfer;
    const isFull = offset - storedBytes >= SNAPSHOT_WINDOW_BYTES_MAX;
    if (transfer.reading || !transfer.started || isFull || offset >= totalBytes) return;
    transfer.reading = true;
    transfer.reader
      .then((reader) => reader.read(offset, SNAPSHOT_SEND_BYTES_MAX))
      .then((data) => {
        transfer.reading = false;
        if (transfer.effect === null) return;
        // Something else was asked for while the disk was busy.
        if (transfer.effect === effect && transfer.offset === offset) {
          if (!this.#sendChunk(to, transfer, { offset, data })) return;
          transfer.offset = offset + data.length;
        }
        this.#pump(to, transfer);
      }, (error) => this.#broken(to, transfer, error));
  }

  /** False where the attempt is over. */
  #sendChunk(
    to: NodeId,
    transfer: Transfer,
    chunk: { readonly offset: number; readonly data: Uint8Array },
  ): boolean {
    const { transport } = this.#options;
    const { effect, snapshot: { meta, totalBytes } } = transfer;
    if (effect === null) return false;
    if (this.#options.leadingTerm() !== effect.term) {
      this.#end(to, transfer);
      return false;
    }
    transport.send(to, {
      type: "installSnapshotRequest",
      term: effect.term,
      session: effect.session,
      snapshotId: meta.snapshotId,
      lastIncludedIndex: meta.lastIncludedIndex,
      lastIncludedTerm: meta.lastIncludedTerm,
      totalBytes,
      dataChecksum: crc32(chunk.data),
      ...chunk,
    }, []);
    transport.flush();
    return true;
  }

  /** An attempt is over; the file stays open for the next one. */
  #end(peer: NodeId, transfer: Transfer): void {
    this.#clearTimer(transfer);
    const { effect } = transfer;
    transfer.effect = null;
    transfer.storedBytes = 0;
    const { clock, electionTimeoutMs } = this.#options;
    transfer.timer = clock.setTimer(() => {
      transfer.timer = null;
      this.#forget(peer, transfer);
    }, KEPT_ELECTION_TIMEOUTS * electionTimeoutMs);
    if (effect !== null && this.#transfers.get(peer) === transfer) this.#report(effect);
  }

  #forget(peer: NodeId, transfer: Transfer): void {
    this.#clearTimer(transfer);
    transfer.effect = null;
    if (this.#transfers.get(peer) === transfer) this.#transfers.delete(peer);
    transfer.reader.then((reader) => reader.close()).catch(() => {
      // Nothing was to be written: there is nothing to lose.
    });
  }

  /** The file cannot be read: the next attempt opens whichever is the newest then. */
  #broken(peer: NodeId, transfer: Transfer, error: unknown): void {
    const isCurrent = this.#transfers.get(peer) === transfer;
    const { effect, snapshot } = transfer;
    if (!isCurrent) return;
    this.#forget(peer, transfer);
    this.#reportAfter(effect, this.#options.unusable(snapshot, error));
  }

  /** The follower cannot store it, or it is not whole: nothing changes within a moment. */
  #refused(peer: NodeId, transfer: Transfer): void {
    const { snapshots, logger } = this.#options;
    const { effect, snapshot: { meta } } = transfer;
    transfer.effect = null;
    this.#end(peer, transfer);
    if (!transfer.isRefused) {
      const fields = { index: meta.lastIncludedIndex, to: peer };
      logger.warn("A follower refuses the snapshot: its log says why", fields);
      transfer.isRefused = true;
    }
    if (snapshots.latest?.meta.snapshotId !== meta.snapshotId) this.#forget(peer, transfer);
    const settled = [this.#pause(), this.#options.refused(transfer.snapshot)];
    this.#reportAfter(effect, Promise.all(settled));
  }

  /** Resolves after an election timeout, unless everything ends before. */
  #pause(): Promise<void> {
    const { clock, electionTimeoutMs } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimer(() => {
        this.#pauses.delete(timer);
        resolve();
      }, electionTimeoutMs);
      this.#pauses.add(timer);
    });
  }

  #reportAfter(effect: SendSnapshot | null, settled: Promise<unknown>): void {
    void settled.then(() => {
      if (effect !== null) this.#report(effect);
    });
  }

  #report({ to: peer, term, session }: SendSnapshot): void {
    this.#options.ended({ type: "snapshotEnded", peer, term, session });
  }

  #armTimer(to: NodeId, transfer: Transfer): void {
    const { clock, electionTimeoutMs } = this.#options;
    this.#clearTimer(transfer);
    transfer.timer = clock.setTimer(() => {
      transfer.timer = null;
      transfer.askedAgain += 1;
      if (transfer.askedAgain > ASKED_AGAIN_MAX) this.#end(to, transfer);
      else this.#ask(to, transfer);
    }, electionTimeoutMs);
  }

  #clearTimer(transfer: Transfer): void {
    if (transfer.timer !== null) this.#options.clock.clearTimer(transfer.timer);
    transfer.timer = null;
  }
}

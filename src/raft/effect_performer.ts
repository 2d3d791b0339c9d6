/**
 * Performs the core's effects in the order that consensus/effects.ts writes down, and asserts it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Consensus } from "../consensus/consensus.ts";
import type { Append, Effects, LogChange, Refusal, Send, SoftState } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { Message } from "../consensus/messages.ts";
import {
  type NotLeaderError,
  OverloadedError,
  type RaftError,
  TransferUnderWayError,
} from "../errors.ts";
import type { HardState, HardStateStore, Log, RecordBatch } from "../log/log.ts";
import type { SnapshotStore } from "../log/snapshot_store.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Transport } from "../transport/transport.ts";
import { type Configuration, EntryKind, type Term } from "../types.ts";
import { encodeConfiguration } from "../wire/storage_codec.ts";
import type { ApplyLoop } from "./apply_loop.ts";
import { encodeEntry, encodeProposals } from "./batch_encoder.ts";
import type { EntrySender } from "./entry_sender.ts";
import type { Lease } from "./lease.ts";
import { restartLog } from "./log_contents.ts";
import type { LogTime } from "./log_time.ts";
import type { MemberRequests } from "./member_requests.ts";
import { lastTimestampMs, receivedBatch, type ReceivedRecords } from "./message_intake.ts";
import type { RaftObserver } from "./observer.ts";
import type { ProposalBatch, Proposals } from "./proposals.ts";
import type { Reads } from "./reads.ts";
import { positionOf } from "./restore_state.ts";
import type { ReceivedSnapshot, SnapshotIntake } from "./snapshot_intake.ts";
import type { SnapshotSender } from "./snapshot_sender.ts";
import type { SyncWatchdog } from "./sync_watchdog.ts";
import type { TailCache } from "./tail_cache.ts";
import type { Timers } from "./timers.ts";
import type { Transfers } from "./transfers.ts";

/** What effects are performed on. */
export interface EffectPerformerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Log;
  readonly hardState: HardStateStore;
  readonly cache: TailCache;
  readonly transport: Transport;
  readonly sender: EntrySender;
  readonly snapshotSender: SnapshotSender;
  readonly snapshotIntake: SnapshotIntake;
  readonly snapshots: SnapshotStore;
  /** Replaces the state of the state machine. */
  readonly restoreState: (chunks: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly timers: Timers;
  readonly applyLoop: ApplyLoop;
  readonly proposals: Proposals;
  readonly memberRequests: MemberRequests;
  readonly reads: Reads;
  readonly lease: Lease;
  readonly transfers: Transfers;
  readonly watchdog: SyncWatchdog;
  readonly logTime: LogTime;
  readonly observer: RaftObserver | undefined;
  /** Called when the appends of a record are durable. */
  readonly durable: (input: Input) => void;
  /** Called when role, term or leader changed. */
  readonly softState: (state: SoftState) => void;
  /** The error for a proposal that only a leader takes, with the hint to follow. */
  readonly notLeader: () => NotLeaderError;
  /** The error for a proposal for which there is no room on too many disks. */
  readonly noRoom: () => RaftError;
  readonly failed: (error: Error) => void;
}

const NO_PAYLOAD = new Uint8Array(0);

/** Performs records of effects, one at a time. */
export class EffectPerformer {
  readonly #options: EffectPerformerOptions;
  /** What a crash cannot take back: nothing may be said under a later term. */
  #durable: HardState;
  /** The term that this node leads, as told by the soft state. */
  #leadingTerm: Term | null = null;
  /** The proposals of the record at hand that are neither in the log nor answered yet. */
  readonly #owed = new Set<ProposalBatch>();
  #stopped = false;

  /** Creates a performer that has done nothing. */
  constructor(options: EffectPerformerOptions) {
    this.#options = options;
    this.#durable = options.hardState.state;
  }

  /** Whether appends wait for a sync: what is proposed now had better wait for the next one. */
  get isSyncing(): boolean {
    return this.#options.watchdog.isSyncing;
  }

  /** The term that this node leads, or null. */
  get leadingTerm(): Term | null {
    return this.#leadingTerm;
  }

  /**
   * Performs one record.
   *
   * @returns A promise where the hard state must be made durable first: nothing else of the record
   * has happened before it resolves, and no other record may be performed meanwhile.
   */
  perform(effects: Effects): Promise<void> | null {
    assert(!this.#stopped, "a stopped node acts");
    this.#owe(effects);
    if (effects.hardState === null) {
      this.#performRest(effects);
      return null;
    }
    const hardState = effects.hardState;
    assert(hardState.currentTerm >= this.#durable.currentTerm, "the durable term would fall");
    return this.#options.hardState.save(hardState).then(() => {
      this.#durable = hardState;
      if (!this.#stopped) this.#performRest(effects);
    });
  }

  /** Where storage failed: a leader can still ask another to lead, for that needs no write. */
  abdicate(consensus: Consensus): void {
    const { transport } = this.#options;
    if (!consensus.isLeader || consensus.term !== this.#leadingTerm) return;
    consensus.step({ type: "storageStalled" });
    for (const send of consensus.takeEffects().messagesNow) {
      if (send.type !== "message" || send.message.type !== "timeoutNow") continue;
      transport.send(send.to, send.message, []);
    }
    transport.flush();
  }

  /** Performs nothing more; a record that waits for its hard state, or failed midway, ends here. */
  stop(error: () => RaftError): void {
    this.#stopped = true;
    for (const { proposals } of this.#owed) {
      for (const { sink, requestId } of proposals) sink.proposalFailed(requestId, error());
    }
    this.#owed.clear();
  }

  #owe(effects: Effects): void {
    for (const change of effects.logChanges) {
      if (change.type !== "append" || change.append.kind === null) continue;
      if (change.append.kind !== EntryKind.command) continue;
      this.#owed.add(change.append.source as ProposalBatch);
    }
    for (const { source } of effects.refusals) {
      // A tick has no source: nobody waits for it, and the next one is due soon.
      if (source !== null) this.#owed.add(source as ProposalBatch);
    }
  }

  #performRest(effects: Effects): void {
    const lostLeadership = this.#noteLeadership(effects.softState);
    let appended = false;
    for (const change of effects.logChanges) appended = this.#changeLog(change) || appended;
    if (effects.roundStarted !== null) this.#options.lease.roundStarted(effects.roundStarted);
    for (const send of effects.messagesNow) this.#send(send);
    if (appended) this.#sync(effects.sequence);
    for (const chunk of effects.snapshotChunks) this.#options.snapshotIntake.take(chunk);
    if (effects.appliableIndex !== null) {
      this.#options.observer?.committed(effects.appliableIndex, this.#durable.currentTerm);
      this.#options.applyLoop.advance(effects.appliableIndex);
    }
    if (effects.roundPromised !== null) this.#options.lease.roundPromised(effects.roundPromised);
    for (const read of effects.reads) this.#options.reads.outcome(read);
    for (const refusal of effects.refusals) this.#refuse(refusal);
    for (const change of effects.changes) this.#options.memberRequests.ended(change);
    for (const transfer of effects.transfers) this.#options.transfers.outcome(transfer);
    for (const timer of effects.timers) this.#options.timers.change(timer);
    if (lostLeadership) {
      this.#options.proposals.failLogged(
        this.#options.applyLoop.appliedIndex,
        "Leadership ended while the command was in the log: it may be applied or replaced",
      );
    }
    if (effects.softState === null) return;
    this.#options.observer?.roleChanged(effects.softState);
    this.#options.softState(effects.softState);
  }

  /** Starts or stops the log's clock; true where a leadership ended. */
  #noteLeadership(softState: SoftState | null): boolean {
    if (softState === null) return false;
    const leadingTerm = softState.role === "leader" ? softState.term : null;
    if (leadingTerm === this.#leadingTerm) return false;
    const lost = this.#leadingTerm !== null;
    if (lost) {
      this.#options.logTime.steppedDown();
      this.#options.snapshotSender.stop();
    }
    if (leadingTerm !== null) this.#options.logTime.elected();
    this.#leadingTerm = leadingTerm;
    return lost;
  }

  /** Changes the log; true for an append, which needs a sync. */
  #changeLog(change: LogChange): boolean {
    const { log, cache, failed } = this.#options;
    if (change.type === "truncateSuffix") {
      log.truncateSuffix(change.lastIndexKept).catch(failed);
      cache.truncateSuffix(change.lastIndexKept);
      this.#options.observer?.truncated(change.lastIndexKept);
      return false;
    }
    if (change.type === "installSnapshot") {
      this.#install(change.source as ReceivedSnapshot);
      return false;
    }
    const batch = this.#batch(change.append);
    log.append(batch);
    cache.push(batch);
    this.#options.observer?.appended(batch);
    return true;
  }

  /**
   * Starts the log anew behind a snapshot. The snapshot was made durable before, and a start after
   * a crash discards a log that does not hold its last entry: so nothing waits for the disk here.
   */
  #install(received: ReceivedSnapshot): void {
    const { log, cache, applyLoop, proposals, failed } = this.#options;
    const { meta } = received.stored;
    proposals.failLogged(
      applyLoop.appliedIndex,
      "A snapshot of the leader replaced the log that held the command: it may be applied",
    );
    restartLog(log, meta.lastIncludedIndex).catch(failed);
    cache.truncateSuffix(0);
    this.#options.logTime.appended(meta.logTimeMs);
    this.#options.observer?.installed(meta);
    applyLoop.restore({
      position: positionOf(meta),
      run: () => this.#restore(received),
    });
  }

  async #restore({ stored, from, startMs }: ReceivedSnapshot): Promise<void> {
    const { clock, logger, snapshots } = this.#options;
    const restoreStartMs = clock.nowMs();
    await this.#options.restoreState(snapshots.state(stored));
    if (this.#stopped) return;
    logger.info("Installed a snapshot", {
      index: stored.meta.lastIncludedIndex,
      from,
      bytes: stored.totalBytes,
      durationMs: Math.round(clock.nowMs() - startMs),
      restoreMs: Math.round(clock.nowMs() - restoreStartMs),
    });
  }

  #batch(append: Append): RecordBatch {
    const { logTime, proposals } = this.#options;
    if (append.kind === null) {
      const received = append.source as ReceivedRecords;
      logTime.appended(lastTimestampMs(received));
      return receivedBatch(received, append.firstIndex);
    }
    const timestampMs = logTime.now();
    const header = { firstIndex: append.firstIndex, term: append.term, timestampMs };
    logTime.appended(timestampMs);
    if (append.kind === EntryKind.noop || append.kind === EntryKind.tick) {
      return encodeEntry(append.kind, NO_PAYLOAD, header);
    }
    if (append.kind === EntryKind.configuration) {
      return encodeEntry(append.kind, encodeConfiguration(append.source as Configuration), header);
    }
    const batch = append.source as ProposalBatch;
    proposals.logged(batch, append.firstIndex);
    this.#owed.delete(batch);
    return encodeProposals(batch.proposals, header);
  }

  #send(send: Send): void {
    if (send.type === "snapshot") return this.#options.snapshotSender.send(send);
    this.#assertDurable(send.message);
    this.#options.observer?.said?.(send.message, send.to);
    if (send.type === "entries") this.#options.sender.send(send);
    else this.#options.transport.send(send.to, send.message, []);
  }

  /** A node speaks under a term only once that term, and its vote in it, are durable. */
  #assertDurable(message: Message): void {
    const isQuestion = (message.type === "requestVoteRequest" ||
      message.type === "requestVoteResponse") && message.preVote;
    if (isQuestion) return;
    assert(
      message.term <= this.#durable.currentTerm,
      () =>
        `a ${message.type} of term ${message.term} goes out while ${this.#durable.currentTerm} ` +
        "is durable",
    );
  }

  #sync(sequence: number): void {
    const synced = this.#options.observer?.syncing?.();
    this.#options.watchdog.started();
    this.#options.log.sync((error) => {
      this.#options.watchdog.completed();
      if (error !== null) return this.#options.failed(error);
      synced?.();
      this.#options.durable({ type: "durable", sequence });
    });
  }

  #refuse(refusal: Refusal): void {
    if (refusal.source === null) return;
    const batch = refusal.source as ProposalBatch;
    // Whoever was answered before may have stopped this node, and with it the rest.
    if (!this.#owed.delete(batch)) return;
    const error = this.#refusalError(refusal.reason);
    this.#options.proposals.refused(batch.proposals.length);
    for (const { sink, requestId } of batch.proposals) sink.proposalFailed(requestId, error);
  }

  #refusalError(reason: Refusal["reason"]): RaftError {
    switch (reason) {
      case "not_leader":
        return this.#options.notLeader();
      case "transferring":
        return new TransferUnderWayError(
          "Cannot take the command as leadership is being transferred",
        );
      case "no_room":
        return this.#options.noRoom();
      case "overloaded":
        return new OverloadedError(
          "Cannot take the command as too much is appended and not committed",
        );
    }
  }
}

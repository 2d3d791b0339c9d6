/**
 * The loop of one node: gathers what happens into turns, steps the core, and has its effects
 * performed. Everything that comes within one turn of the event loop shares one batch of effects,
 * one write to the log and one write to each connection.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Input } from "../consensus/input.ts";
import { InvalidRequestError, type RaftError, ShutdownError, StorageError } from "../errors.ts";
import { APPEND_BYTES_MAX, TAIL_CACHE_BYTES_MAX, UNIT_BYTES_MAX } from "../limits.ts";
import type { TimerHandle } from "../runtime/runtime.ts";
import { EntryKind, type Index, type NodeId, type Term } from "../types.ts";
import { ApplyLoop } from "./apply_loop.ts";
import { proposalsBytes } from "./batch_encoder.ts";
import { DiskRoom } from "./disk_room.ts";
import type { DriverLoopOptions } from "./driver_options.ts";
import { EffectPerformer } from "./effect_performer.ts";
import { EntrySender } from "./entry_sender.ts";
import { LeaderContact } from "./leader_contact.ts";
import { Lease } from "./lease.ts";
import { LogTime } from "./log_time.ts";
import { MemberRequests, type MembershipRequest } from "./member_requests.ts";
import { type Proposal, Proposals } from "./proposals.ts";
import { type Query, Reads } from "./reads.ts";
import { SnapshotIntake } from "./snapshot_intake.ts";
import { SnapshotSender } from "./snapshot_sender.ts";
import { SnapshotTaker } from "./snapshot_taker.ts";
import { SnapshotTrouble } from "./snapshot_trouble.ts";
import { createStateComparison, type StateComparison } from "./state_comparison.ts";
import { successionDelayMs } from "./succession.ts";
import { TailCache } from "./tail_cache.ts";
import { SyncWatchdog } from "./sync_watchdog.ts";
import { TICK, TickTimer } from "./tick_timer.ts";
import { Timers } from "./timers.ts";
import { type TransferResult, Transfers } from "./transfers.ts";

/** Drives one core. */
export class DriverLoop {
  readonly logTime: LogTime;
  readonly taker: SnapshotTaker;
  readonly room: DiskRoom;
  readonly trouble: SnapshotTrouble;
  /** Compares the state with those of the others. */
  readonly states: StateComparison;
  readonly #options: DriverLoopOptions;
  readonly #proposals = new Proposals();
  readonly #memberRequests: MemberRequests;
  #membershipVersion = 0;
  readonly #reads: Reads;
  readonly #applyLoop: ApplyLoop;
  readonly #performer: EffectPerformer;
  readonly #snapshotSender: SnapshotSender;
  readonly #snapshotIntake: SnapshotIntake;
  readonly #timers: Timers;
  readonly #ticks: TickTimer;
  readonly #lease: Lease;
  readonly #contact: LeaderContact;
  readonly #watchdog: SyncWatchdog;
  readonly #transfers: Transfers;
  #inputs: Input[] = [];
  #scheduled = false;
  /** A hard state is being made durable: inputs wait. */
  #blocked = false;
  #stopped = false;
  #readTimer: TimerHandle | null = null;
  /** Resolves `drain`; not null once nothing new is taken. */
  #resolveDrained: (() => void) | null = null;

  /** Creates a loop; nothing happens before {@linkcode DriverLoop.start}. */
  constructor(options: DriverLoopOptions) {
    const { clock, random, log, transport, consensus } = options;
    this.#options = options;
    this.#membershipVersion = consensus.membershipVersion;
    this.#memberRequests = new MemberRequests(options.notLeader);
    this.logTime = new LogTime(clock, options.lastTimestampMs);
    const cache = new TailCache(options.tailCacheBytesMax ?? TAIL_CACHE_BYTES_MAX);
    const failed = (error: Error) => this.#fail(error);
    this.#timers = new Timers(clock, random, {
      ...options,
      expired: (timer) => this.input({ type: "timer", timer }),
      successionMs: () => successionDelayMs(options),
    });
    this.#ticks = this.#createTicks(options);
    this.room = new DiskRoom(consensus, log, options.snapshots.logger);
    this.taker = this.#createTaker();
    this.trouble = new SnapshotTrouble({ clock, ...options.snapshots, taker: this.taker, failed });
    this.#applyLoop = this.#createApplyLoop(cache);
    this.states = createStateComparison(options, this.#applyLoop);
    this.#reads = this.#createReads(options);
    this.#snapshotSender = this.#createSnapshotSender();
    this.#snapshotIntake = this.#createSnapshotIntake();
    this.#lease = new Lease(clock);
    this.#contact = new LeaderContact({ clock, random, consensus, applyLoop: this.#applyLoop });
    this.#transfers = new Transfers(options.notLeader);
    this.#watchdog = new SyncWatchdog({
      clock,
      stallMs: 2 * options.electionTimeoutMs,
      stalled: () => this.input({ type: "storageStalled" }),
    });
    const sender = new EntrySender({
      appendBytesMax: options.appendBytesMax ?? APPEND_BYTES_MAX,
      log,
      cache,
      transport,
      observer: options.observer,
      leadingTerm: () => this.#leadingTerm(),
      sent: (input) => this.input(input),
      failed,
    });
    this.#performer = new EffectPerformer({
      ...options,
      logger: options.snapshots.logger,
      cache,
      sender,
      snapshotSender: this.#snapshotSender,
      snapshotIntake: this.#snapshotIntake,
      snapshots: options.snapshots.store,
      restoreState: (chunks) => options.gate.restoreSnapshot(chunks),
      timers: this.#timers,
      applyLoop: this.#applyLoop,
      proposals: this.#proposals,
      memberRequests: this.#memberRequests,
      reads: this.#reads,
      lease: this.#lease,
      transfers: this.#transfers,
      watchdog: this.#watchdog,
      logTime: this.logTime,
      durable: (input) => this.#durable(input),
      softState: (state) => {
        this.#ticks.update();
        options.softState(state);
      },
      noRoom: () => this.room.refusal(),
      failed,
    });
  }

  /** The last entry applied. */
  get appliedIndex(): Index {
    return this.#applyLoop.appliedIndex;
  }

  /** Whether a snapshot replaces the state: it may not be asked, nor a snapshot be taken of it. */
  get isRestoring(): boolean {
    return this.#applyLoop.isRestoring;
  }

  /** How long ago the leader was heard, and how old the state is. */
  get contact(): Pick<LeaderContact, "ageMs" | "stateAgeMs"> {
    return this.#contact;
  }

  /** What is counted, for metrics. */
  get meters(): { readonly proposals: Proposals; readonly watchdog: SyncWatchdog } {
    return { proposals: this.#proposals, watchdog: this.#watchdog };
  }

  /** Starts: the core's timers run from here. */
  start(): void {
    this.#options.log.watchShortage?.(() => this.#roomChanged());
    if (this.room.isFull) this.#roomChanged();
    this.#schedule();
  }

  /** Takes an input at the end of this turn of the event loop. */
  input(input: Input): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    this.#schedule();
  }

  /** Takes a command; its sink is called exactly once. */
  propose(proposal: Proposal): void {
    if (this.#isClosed) {
      proposal.sink.proposalFailed(proposal.requestId, shutdown());
      return;
    }
    const refusal = this.#options.gate.refusal(proposal.commandId, proposal.command);
    if (refusal !== null) {
      const { consensus, notLeader } = this.#options;
      // A leader that is of a newer version may well take it.
      const error = consensus.isLeader ? new InvalidRequestError(refusal) : notLeader();
      proposal.sink.proposalFailed(proposal.requestId, error);
      return;
    }
    this.#proposals.add(proposal);
    this.#schedule();
  }

  /** Has the members changed; resolves with the index of the configuration that holds then. */
  changeMembership(request: MembershipRequest): Promise<Index> {
    if (this.#stopped) return Promise.reject(shutdown());
    const { consensus, transport } = this.#options;
    const unconnected = consensus.membership.peers.map(({ id }) => id).filter((id) =>
      !transport.isConnected(id)
    );
    return this.#memberRequests.begin((source) => {
      this.input({ type: "changeMembership", ...request, unconnected, source });
    });
  }

  /** Takes a linearizable query; its sink is called exactly once. */
  query(query: Query): void {
    // A follower whose disk is full may never come to the index that the read would wait for.
    const isStuck = this.room.isFull && !this.#options.consensus.isLeader;
    if (this.#isClosed || isStuck) {
      const error = isStuck ? this.#options.notLeader() : shutdown();
      query.sink.queryFailed(query.requestId, error);
      return;
    }
    this.#reads.add(query);
    // A save that does not come to its end holds up the turn in which the query would be asked.
    if (this.#blocked) this.#armReadTimer();
    this.#schedule();
  }

  /** Has `serve` answer a query from the state as it is; the sink is called exactly once. */
  staleQuery(query: Query, serve: (query: Query) => void): void {
    if (this.#stopped) query.sink.queryFailed(query.requestId, shutdown());
    else this.#reads.addStale(query, serve);
  }

  /**
   * Takes a query that a lease may answer: at once and without a message where this node holds one,
   * else like any other query.
   */
  leaseQuery(query: Query): void {
    const { consensus } = this.#options;
    const isHeld = !this.#isClosed && consensus.mayUseLease && this.#lease.isHeldIn(consensus.term);
    if (!isHeld) return this.query(query);
    this.#reads.addConfirmed(query, consensus.commitIndex);
    if (!this.#reads.isEmpty) this.#armReadTimer();
  }

  /**
   * Hands leadership over: to `target`, or with null to the voter that is furthest.
   *
   * @returns Who leads then. Rejects with a typed error.
   */
  transferLeadership(target: NodeId | null): Promise<TransferResult> {
    if (this.#stopped) return Promise.reject(shutdown());
    return this.#transfers.request(target, (source) => {
      this.input({ type: "transferLeadership", target, source });
    });
  }

  /** Takes no command and no query any more; resolves once those that it took are answered. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#resolveDrained = resolve;
      this.#checkDrained();
    });
  }

  /** Ends: everything that waits is answered, and nothing is done any more. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#applyLoop.stop();
    this.taker.stop();
    this.states.close();
    this.#snapshotSender.stop();
    this.#snapshotIntake.stop();
    this.trouble.close();
    this.#performer.stop(shutdown);
    this.#timers.close();
    this.#ticks.close();
    this.#watchdog.close();
    if (this.#readTimer !== null) this.#options.clock.clearTimer(this.#readTimer);
    this.#memberRequests.fail();
    this.#proposals.failWaiting(shutdown);
    this.#proposals.failLogged(
      this.#applyLoop.appliedIndex,
      "The node stopped while the command was in its log: it may be applied or replaced",
    );
    this.#reads.failAll(shutdown);
    this.#transfers.failAll(shutdown);
    this.#resolveDrained?.();
  }

  #createReads(options: DriverLoopOptions): Reads {
    return new Reads({
      clock: options.clock,
      electionTimeoutMs: options.electionTimeoutMs,
      // A late answer to a read of an earlier run must not meet one of this run.
      firstReadId: options.random.uint32() * 65536 + 1,
      serve: options.serveQuery,
      appliedIndex: () => this.#applyLoop.isRestoring ? -1 : this.#applyLoop.appliedIndex,
    });
  }

  #createTicks({ clock, consensus, gate }: DriverLoopOptions): TickTimer {
    return new TickTimer({
      clock,
      logTime: this.logTime,
      isLeader: () => consensus.isLeader,
      nextDeadlineMs: () => gate.nextDeadlineMs(),
      propose: () => this.input(TICK),
    });
  }

  get #isClosed(): boolean {
    return this.#stopped || this.#resolveDrained !== null;
  }

  #checkDrained(): void {
    if (this.#proposals.isEmpty && this.#reads.isEmpty) this.#resolveDrained?.();
  }

  #createApplyLoop(cache: TailCache): ApplyLoop {
    return new ApplyLoop({
      ...this.#options,
      cache,
      proposals: this.#proposals,
      agreed: (index) => this.states.agreed(index),
      ticked: (logTimeMs) => this.#ticks.ticked(logTimeMs),
      applied: (position) => {
        this.#ticks.update();
        this.#reads.applied();
        this.taker.applied(position);
        this.states.applied(position.index);
        this.#checkDrained();
      },
      restored: (position) => {
        this.#ticks.update();
        this.#reads.restored();
        this.taker.restored(position);
        this.states.restored();
        this.#checkDrained();
        this.input({ type: "snapshotRestored", index: position.index });
      },
      failed: (error) => this.#fail(error),
    });
  }

  #createSnapshotSender(): SnapshotSender {
    return new SnapshotSender({
      ...this.#options,
      snapshots: this.#options.snapshots.store,
      logger: this.#options.snapshots.logger,
      leadingTerm: () => this.#leadingTerm(),
      ended: (input) => this.input(input),
      unusable: (snapshot, error) => this.trouble.unusable(snapshot, error),
      refused: (snapshot) => this.trouble.refused(snapshot),
    });
  }

  #createSnapshotIntake(): SnapshotIntake {
    return new SnapshotIntake({
      ...this.#options,
      snapshots: this.#options.snapshots.store,
      logger: this.#options.snapshots.logger,
      term: () => this.#options.consensus.term,
      received: (input) => {
        this.trouble.received();
        this.input(input);
      },
      failed: (error) => this.trouble.notReceived(error),
    });
  }

  #leadingTerm(): Term | null {
    const { consensus } = this.#options;
    return consensus.isLeader ? consensus.term : null;
  }

  #createTaker(): SnapshotTaker {
    return new SnapshotTaker({
      ...this.#options,
      isRestoring: () => this.#applyLoop.isRestoring,
      compactableIndex: () => this.#options.consensus.compactableIndex,
      compacted: (index) => this.input({ type: "compacted", index }),
      failed: (error) => this.#fail(error),
    });
  }

  #roomChanged(): void {
    if (this.#stopped) return;
    this.room.changed();
    this.input({ type: "storageRoom", isFull: this.room.isFull });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.clock.defer(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#blocked || this.#stopped) return;
    try {
      do {
        this.#stepInputs();
        const pending = this.#performer.perform(this.#options.consensus.takeEffects());
        if (pending !== null) {
          this.#block(pending);
          return;
        }
      } while (this.#inputs.length > 0 && !this.#stopped);
      this.#options.transport.flush();
      this.#tellMembership();
      this.#checkDrained();
    } catch (error) {
      // A broken invariant: this node stops before it does harm.
      this.#fail(error);
    }
  }

  #tellMembership(): void {
    const version = this.#options.consensus.membershipVersion;
    if (version === this.#membershipVersion || this.#stopped) return;
    this.#membershipVersion = version;
    this.states.membersChanged();
    this.#options.membershipChanged();
  }

  #stepInputs(): void {
    const { consensus } = this.#options;
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) {
      if (input.type === "timer" && this.#timers.takeOvertaken(input.timer)) continue;
      this.#contact.step(input);
      this.#noteSnapshots(input);
    }
    if (this.#reads.isDue) {
      consensus.step({ type: "readIndex", readId: this.#reads.ask() });
      this.#armReadTimer();
    }
    // What is proposed while a sync runs becomes the next batch: it could not be durable sooner.
    // On a full disk that sync may be long in coming, and who waits is to be told why.
    const hold = consensus.isLeader && this.#performer.isSyncing && !this.room.isFull;
    if (this.#proposals.isWaiting && !hold) this.#stepProposals();
  }

  /** The core knows how far a follower is; the sender also wants to know how many bytes it has. */
  #noteSnapshots(input: Input): void {
    if (input.type === "connectionLost") this.#snapshotSender.connectionLost(input.peer);
    if (input.type !== "message" || input.message.type !== "installSnapshotResponse") return;
    this.#snapshotSender.answered(input.from, input.message);
  }

  #stepProposals(): void {
    const proposals = this.#proposals.takeWaiting(UNIT_BYTES_MAX);
    this.#options.consensus.step({
      type: "propose",
      kind: EntryKind.command,
      count: proposals.length,
      bytes: proposalsBytes(proposals),
      source: { proposals, firstIndex: 0 },
    });
    // What did not fit follows in the next turn.
    if (this.#proposals.isWaiting) this.#schedule();
  }

  #block(pending: Promise<void>): void {
    this.#blocked = true;
    pending.then(() => {
      this.#blocked = false;
      this.#turn();
    }, (error) => this.#fail(error));
  }

  #durable(input: Input): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    // At once, for an acknowledgement waits; a microtask, for one sync completes many calls.
    Promise.resolve().then(() => this.#turn());
  }

  #armReadTimer(): void {
    if (this.#readTimer !== null) return;
    this.#readTimer = this.#options.clock.setTimer(() => {
      this.#readTimer = null;
      this.#reads.expire();
      if (!this.#reads.isEmpty) this.#armReadTimer();
      this.#checkDrained();
      this.#schedule();
    }, this.#options.electionTimeoutMs);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    if (error instanceof StorageError) this.#performer.abdicate(this.#options.consensus);
    this.stop();
    const cause = error instanceof Error ? error : new Error(String(error));
    assert(this.#stopped, "a failed loop goes on");
    this.#options.failed(cause);
  }
}

function shutdown(): RaftError {
  return new ShutdownError("Cannot take the request as the node is stopping");
}

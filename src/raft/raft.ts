/**
 * A node of a Raft cluster inside the consuming application: it takes part in the cluster, proposes
 * commands, reads linearizably, and says how things stand.
 *
 * @module
 */
import { Consensus } from "../consensus/consensus.ts";
import { allMembers } from "../consensus/quorum.ts";
import { NoQuorumError, NotLeaderError, ShutdownError } from "../errors.ts";
import type { SnapshotReader, StoredSnapshot } from "../log/snapshot_store.ts";
import { syncLog } from "../log/sync_log.ts";
import { type Logger, silentLogger } from "../observability/logger.ts";
import type { NodeReadings } from "../observability/node_readings.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { CommandGate } from "../state_machine/command_gate.ts";
import { makeRequestId, REQUEST_ID_RANDOM_BYTES } from "../state_machine/request_id.ts";
import type { Address, Index, LogTimeMs, NodeId } from "../types.ts";
import type { Consistency } from "../wire/client_messages.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import { type AppliedPosition, NOTHING_APPLIED } from "./apply_loop.ts";
import { Birth } from "./birth.ts";
import { ClusterPort } from "./cluster_port.ts";
import { DriverLoop } from "./driver_loop.ts";
import { hurryFirstElection } from "./first_election.ts";
import { Greeter } from "./greeter.ts";
import { handOver } from "./hand_over.ts";
import { LeaderNews } from "./leader_news.ts";
import { Members } from "./members.ts";
import type { MembershipRequest } from "./member_requests.ts";
import { openBackup } from "./open_backup.ts";
import { type PeerEventParts, peerEvents } from "./peer_events.ts";
import type { ProposalOutcome, ProposalSink } from "./proposals.ts";
import { OwnAddress } from "./own_address.ts";
import { isAloneFromBirth, owedMsOf, promiseMsOf } from "./promises.ts";
import { type RaftOptions, type RaftTiming, timingOf } from "./raft_options.ts";
import { readRaft } from "./raft_readings.ts";
import { formingStatus, type RaftStatus, runningStatus } from "./raft_status.ts";
import {
  closeStorage,
  formingMembers,
  nodeStart,
  openStorage,
  type RaftStorage,
} from "./raft_storage.ts";
import { type Readiness, ReadinessWaiters } from "./readiness.ts";
import { LINEARIZABLE, type QueryFreshness, QueryServer } from "./query_server.ts";
import type { QueryOutcome, QuerySink } from "./reads.ts";
import { restoreState } from "./restore_state.ts";
import { deviationMessage } from "./state_comparison.ts";
import type { TransferResult } from "./transfers.ts";

/** Why a node stopped: null where it was asked to. */
export interface StopReason {
  readonly error: Error | null;
}

/** The part of a node that exists once its cluster has formed. */
interface Running {
  readonly consensus: Consensus;
  readonly driver: DriverLoop;
  readonly news: LeaderNews;
}

/**
 * One node.
 *
 * @example A cluster of one, in process
 * ```ts ignore
 * import { detectRuntime, KeyValueStore, Raft } from "raft";
 *
 * const raft = await Raft.start(await detectRuntime(), {
 *   nodeId: 1,
 *   dataPath: "data/1",
 *   listen: { host: "127.0.0.1", port: 0 },
 *   formation: { kind: "bootstrap" },
 *   stateMachine: new KeyValueStore(),
 * });
 * await raft.ready("leader");
 * await raft.stop();
 * ```
 */
export class Raft {
  /** Resolves when the node has stopped, with the error that stopped it, if any. */
  readonly stopped: Promise<StopReason>;
  readonly #runtime: Runtime;
  readonly #options: RaftOptions;
  readonly #storage: RaftStorage;
  readonly #logger: Logger;
  readonly #gate: CommandGate;
  readonly #queries: QueryServer;
  readonly #greeter: Greeter;
  readonly #port: ClusterPort;
  readonly #timing: RaftTiming;
  readonly #startedAtMs: number;
  readonly #waiters: ReadinessWaiters;
  /** Where the state machine stands when the node begins to take part. */
  #startPosition: AppliedPosition = NOTHING_APPLIED;
  readonly #members: Members;
  readonly #birth: Birth;
  #running: Running | null = null;
  #ending: Promise<void> | null = null;
  #resolveStopped: (reason: StopReason) => void = () => {};

  private constructor(runtime: Runtime, options: RaftOptions, storage: RaftStorage) {
    this.#runtime = runtime;
    this.#options = options;
    this.#storage = storage;
    this.#logger = options.logger ?? silentLogger;
    this.#gate = new CommandGate(options.stateMachine);
    this.#queries = new QueryServer({
      nodeId: options.nodeId,
      gate: this.#gate,
      appliedIndex: () => this.#running?.driver.appliedIndex ?? 0,
      logTimeMs: () => this.logTimeMs,
    });
    this.#startedAtMs = runtime.clock.nowMs();
    this.#timing = timingOf(options);
    this.#waiters = new ReadinessWaiters((readiness) => this.#isReady(readiness));
    this.stopped = new Promise((resolve) => this.#resolveStopped = resolve);
    this.#members = this.#createMembers();
    this.#greeter = new Greeter({
      identity: () => storage.directory.identity,
      instanceOf: (id) => this.#members.instanceOf(id),
      isMember: (id) => this.#members.isKnown(id),
      standing: () => this.#members.standing,
      address: () => this.address,
      logTimeMs: () => this.logTimeMs,
      version: options.version ?? "",
    });
    this.#port = new ClusterPort({
      runtime,
      nodeId: options.nodeId,
      listen: options.listen,
      silenceMs: 3 * this.#timing.electionTimeoutMs,
      greeter: this.#greeter,
      logger: this.#logger,
      handler: peerEvents(this.#logger, () => this.#parts),
      peerAccepted: (hello) => this.#members.accepted(hello),
      peerFailed: (peer) => this.#members.lost(peer),
      serveClient: options.serveClient,
    });
    this.#birth = new Birth({
      runtime,
      raft: options,
      storage,
      members: this.#members,
      logger: this.#logger,
      address: () => this.address,
      setPeers: (peers) => this.#port.transport.setPeers(peers),
      done: () => this.#run(),
      running: () => this.#running,
      failed: (error) => void this.#end(error),
    });
  }

  /**
   * Opens the data directory and listens. The cluster may still have to form: see `ready`.
   *
   * @throws {BadDataError} If the data directory is damaged or in use.
   * @throws {DeniedError} If it belongs to another node or cluster.
   * @throws {NetworkError} If the address cannot be listened on.
   */
  static async start(runtime: Runtime, options: RaftOptions): Promise<Raft> {
    const storage = await openStorage(runtime, options);
    const raft = new Raft(runtime, options, storage);
    try {
      raft.#startPosition = await restoreState(storage, { gate: raft.#gate, logger: raft.#logger });
      await options.observer?.opened(nodeStart(storage));
      await raft.#port.listen();
      raft.#birth.begin();
    } catch (error) {
      await raft.#end(null);
      throw error;
    }
    return raft;
  }

  /** The id of this node. */
  get nodeId(): NodeId {
    return this.#options.nodeId;
  }

  /** Where others reach this node. */
  get address(): Address {
    return this.#options.advertise ?? this.#port.address;
  }

  /** The cluster that this node belongs to. */
  get clusterId(): string {
    return this.#storage.directory.identity.clusterId;
  }

  /** The log time of this node. */
  get logTimeMs(): LogTimeMs {
    return this.#running?.driver.logTime.now() ?? 1;
  }

  /** Who leads, as this node knows it. */
  get leader(): { readonly id: NodeId; readonly address: Address | "" } | null {
    const consensus = this.#running?.consensus;
    const id = consensus?.leaderId ?? null;
    if (consensus === undefined || id === null) return null;
    const member = allMembers(consensus.configuration).find((other) => other.id === id);
    // A node that was restored tells the others in a moment where it is.
    return { id, address: member?.address || (id === this.nodeId ? this.address : "") };
  }

  /**
   * Resolves when the node listens, takes part in a cluster (`joined`), or knows its leader.
   * Rejects with what stopped the node, or a ShutdownError, where it stops before.
   */
  ready(readiness: Readiness): Promise<void> {
    return this.#waiters.wait(readiness);
  }

  /**
   * Proposes a command and waits until it is applied here.
   *
   * @param command What the state machine understands.
   * @param commandId 16 bytes that name the command: a retry that repeats them is applied once.
   * @throws {RaftError} Whose `applied` says what is known of the command.
   */
  propose(command: Uint8Array, commandId?: Uint8Array): Promise<ProposalOutcome> {
    const random = this.#runtime.random.fill(new Uint8Array(REQUEST_ID_RANDOM_BYTES));
    const id = commandId ?? makeRequestId(this.logTimeMs, random);
    return new Promise((resolve, reject) => {
      const sink: ProposalSink = {
        proposalApplied: (_, outcome) => resolve({ ...outcome, result: outcome.result.slice() }),
        proposalFailed: (_, error) => reject(error),
      };
      this.proposeTo(id, command, sink, 0);
    });
  }

  /**
   * {@linkcode Raft.propose} without a promise, for a service that answers many. Four parameters,
   * as one object a request would cost more than the call.
   */
  proposeTo(
    commandId: Uint8Array,
    command: Uint8Array,
    sink: ProposalSink,
    requestId: number,
  ): void {
    if (this.#running === null) sink.proposalFailed(requestId, this.#birth.notFormed());
    else this.#running.driver.propose({ commandId, command, sink, requestId });
  }

  /** Asks the state machine of this node; linearizable unless told otherwise. */
  query(query: Uint8Array, freshness: QueryFreshness = LINEARIZABLE): Promise<QueryOutcome> {
    return new Promise((resolve, reject) => {
      const sink: QuerySink = {
        queryAnswered: (_, outcome) => resolve({ ...outcome, result: outcome.result.slice() }),
        queryFailed: (_, error) => reject(error),
      };
      this.queryTo(query, freshness, sink, 0);
    });
  }

  /** {@linkcode Raft.query} without a promise. */
  queryTo(
    query: Uint8Array,
    freshness: QueryFreshness,
    sink: QuerySink,
    requestId: number,
  ): void {
    const running = this.#running;
    const { refusal } = this.#queries;
    if (running === null || refusal !== null) {
      sink.queryFailed(requestId, refusal ?? this.#birth.notFormed());
      return;
    }
    const request = { query, sink, requestId, askedAtMs: this.#runtime.clock.nowMs() };
    if (freshness.consistency === "stale") {
      this.#queries.serveStale(request, running.driver, freshness.maxAgeMs);
    } else if (freshness.consistency === "lease") running.driver.leaseQuery(request);
    else running.driver.query(request);
  }

  /**
   * Changes the members, all at once; resolves when that is committed. Only a leader takes it.
   *
   * @throws {RaftError} Whose `applied` says what is known of the change.
   */
  async changeMembership(
    request: MembershipRequest,
  ): Promise<{ readonly configurationIndex: Index }> {
    if (this.#running === null) throw this.#birth.notFormed();
    const { consensus, driver } = this.#running;
    if (!request.force && consensus.isLeader) {
      await this.#members.checkNewAddresses(this.#runtime, request.changes);
    }
    return { configurationIndex: await driver.changeMembership(request) };
  }

  /**
   * Takes a snapshot of what is applied at this node, and lets its log forget what it covers.
   *
   * @throws {RaftError} If the cluster has not formed, or nothing was applied yet.
   * @throws {StorageError} If the snapshot could not be written; the node goes on without it.
   */
  triggerSnapshot(): Promise<StoredSnapshot> {
    return this.#running?.driver.taker.trigger() ?? Promise.reject(this.#birth.notFormed());
  }

  /**
   * Opens a snapshot of what this node has applied, to save it elsewhere; with all that was
   * acknowledged before, unless `consistency` is stale. The caller closes it.
   *
   * @throws {RaftError} If no quorum confirms that, or nothing was applied yet.
   * @throws {StorageError} If the snapshot could not be written or read; the node goes on.
   */
  async openSnapshot(consistency: Consistency = "linearizable"): Promise<SnapshotReader> {
    if (this.#running === null) throw this.#birth.notFormed();
    const { clock } = this.#runtime;
    const { driver } = this.#running;
    return await openBackup({ driver, store: this.#storage.snapshots, clock, consistency });
  }

  /** How things stand, as this node sees them. */
  status(): RaftStatus {
    const { identity } = this.#storage.directory;
    const { transport } = this.#port;
    const uptimeMs = this.#runtime.clock.nowMs() - this.#startedAtMs;
    const frame = { ...identity, version: this.#options.version ?? "", uptimeMs };
    if (this.#running !== null) {
      const parts = { ...this.#running, ...this.#storage, transport };
      return runningStatus({ ...frame, notes: this.#members.notes }, parts);
    }
    const forming = { ...frame, ...this.#birth.forming };
    return formingStatus(forming, formingMembers(this.#options, this.address), transport);
  }

  /** What it has counted since its start, for metrics. */
  readings(): Pick<NodeReadings, "status" | "raft" | "log" | "snapshotBytes"> {
    const { log, snapshots } = this.#storage;
    return {
      status: this.status(),
      raft: this.#running === null ? null : readRaft({ ...this.#running, gate: this.#gate }),
      log: log.usage ?? null,
      snapshotBytes: snapshots.latest?.totalBytes ?? 0,
    };
  }

  /** Judges the hello of a client, for the part that serves clients. */
  helloReply(hello: Hello): HelloReply {
    return this.#greeter.reply(hello);
  }

  /**
   * Has another node lead; only the leader can, and it takes no commands meanwhile.
   *
   * @param target The id of a voter, or null for the one whose log is furthest.
   * @returns Who leads now; where this node is the target and leads, it is that.
   * @throws {NotLeaderError} If this node does not lead.
   * @throws {RefusedError} If `target` is no voter, or did not take over in an election timeout.
   * @throws {LeadershipLostError} If this node stepped down and heard of no leader in that time.
   */
  transferLeadership(target: NodeId | null = null): Promise<TransferResult> {
    if (this.#running === null) return Promise.reject(this.#birth.notFormed());
    return this.#running.driver.transferLeadership(target);
  }

  /**
   * Stops: answers what waits, ends the connections, and gives the data directory back. With
   * `handOver`, a leader first has another node lead, and what was taken is finished, as far as
   * that takes no more than 3 seconds.
   */
  async stop(options: { readonly handOver?: boolean } = {}): Promise<void> {
    const running = this.#running;
    if (options.handOver === true && running !== null && this.#ending === null) {
      await handOver(this.#runtime.clock, running, this.stopped);
    }
    await this.#end(null);
  }

  #createMembers(): Members {
    return new Members({
      nodeId: this.nodeId,
      directory: this.#storage.directory,
      clock: this.#runtime.clock,
      logger: this.#logger,
      address: () => this.address,
      setPeers: (peers) => this.#port.transport.setPeers(peers),
      stop: (error) => void this.#end(error),
      synced: () => syncLog(this.#storage.log),
      changed: () => this.#waiters.check(),
      hasLeader: () => this.leader !== null,
      patienceMs: 3 * this.#timing.electionTimeoutMs,
    });
  }

  get #parts(): PeerEventParts {
    const driver = this.#running?.driver ?? null;
    return { members: this.#members, birth: this.#birth, driver };
  }

  #run(): void {
    const { log, hardState, snapshots: store } = this.#storage;
    const { transport } = this.#port;
    const { identity } = this.#storage.directory;
    const contents = this.#birth.contents();
    const owesNothing = this.#birth.hasFormed || isAloneFromBirth(this.nodeId, contents);
    const owedMs = owesNothing ? 0 : owedMsOf(identity, this.#timing);
    const consensus = new Consensus({
      nodeId: this.nodeId,
      instanceId: identity.instanceId,
      hasJoined: identity.born,
      joinIndex: identity.joinIndex,
      ...hardState.state,
      ...contents,
      ...(this.#options.tracer === undefined ? {} : { tracer: this.#options.tracer }),
      promiseMs: promiseMsOf(this.#timing),
      mayHavePromised: owedMs > 0,
    });
    const news = new LeaderNews(this.#logger);
    const { clock } = this.#runtime;
    const ownAddress = new OwnAddress({
      ...{ clock, consensus, logger: this.#logger, retryMs: this.#timing.heartbeatMs },
      driver: () => driver,
      address: () => this.address,
    });
    const driver: DriverLoop = new DriverLoop({
      ...{ ...this.#timing, owedMs, clock },
      random: this.#runtime.random,
      consensus,
      log,
      hardState,
      gate: this.#gate,
      transport,
      observer: this.#options.observer,
      appendBytesMax: this.#options.appendBytesMax,
      tailCacheBytesMax: this.#options.tailCacheBytesMax,
      lastTimestampMs: contents.lastTimestampMs,
      appliedPosition: this.#startPosition,
      states: {
        nodeId: this.nodeId,
        deviatesSince: identity.deviatesSince,
        deviates: (index) => this.#stopServing(index),
        raised: (alarm) => this.#options.observer?.alarmed?.(alarm),
      },
      snapshots: { ...this.#options, store, clusterId: this.clusterId, logger: this.#logger },
      serveQuery: (query) => this.#queries.serve(query),
      notLeader: () => new NotLeaderError(this.leader?.id ?? null, this.leader?.address || null),
      softState: (state) => {
        news.tell(state);
        ownAddress.check();
        this.#waiters.check();
      },
      membershipChanged: () => this.#members.follow(),
      failed: (error) => void this.#end(error),
    });
    this.#running = { consensus, driver, news };
    this.#members.running(consensus);
    if (identity.deviatesSince > 0) this.#stopServing(identity.deviatesSince);
    driver.start();
    hurryFirstElection({
      ...{ ...this.#running, ...this.#timing, clock, identity, members: this.#members },
      isNewborn: this.#birth.hasFormed,
      delayMs: this.#timing.heartbeatMs,
      stopped: this.stopped,
    });
    this.#waiters.check();
  }

  /** The state of this node is wrong since that entry. */
  #stopServing(index: Index): void {
    const message = `Cannot serve the read: ${deviationMessage(this.nodeId, index)}`;
    this.#queries.refuse(new NoQuorumError(message));
    this.#members.deviates(index);
    this.#running?.driver.input({ type: "stateDeviates" });
  }

  #isReady(readiness: Readiness): boolean {
    if (readiness === "listening") return true;
    return readiness === "joined" ? this.#members.isMember : this.leader !== null;
  }

  #end(error: Error | null): Promise<void> {
    return this.#ending ??= this.#tearDown(error);
  }

  async #tearDown(error: Error | null): Promise<void> {
    if (error !== null) this.#logger.error("The node stops", { reason: error.message });
    this.#birth.close();
    this.#running?.driver.stop();
    this.#options.stopping?.();
    await this.#members.settled();
    const failure = await closeStorage(this.#storage, this.#port);
    const reason = error ?? failure;
    this.#resolveStopped({ error: reason });
    this.#waiters.fail(reason ?? new ShutdownError("The node was stopped"));
  }
}

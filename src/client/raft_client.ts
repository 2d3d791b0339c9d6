/**
 * The client of a cluster: commands with exactly one of three outcomes, and reads that say how
 * fresh they are.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import {
  InvalidRequestError,
  NoQuorumError,
  ShutdownError,
  TooLargeError,
  UnreachableError,
} from "../errors.ts";
import { ENTRY_BYTES_MAX, SESSION_TIMEOUT_MS_MAX, SESSION_TIMEOUT_MS_MIN } from "../limits.ts";
import type { Runtime, TlsOptions } from "../runtime/runtime.ts";
import {
  encodeOpenSession,
  makeOpenSessionId,
  SESSION_NONCE_BYTES,
} from "../state_machine/command_id.ts";
import { REQUEST_ID_BYTES } from "../state_machine/request_id.ts";
import type { Address, ClusterId, Index, NodeId } from "../types.ts";
import type { Consistency, MemberChange, StatusAnswer } from "../wire/client_messages.ts";
import { LeaderRequestOperation, TriggerSnapshotOperation } from "./admin_operation.ts";
import { askEveryMember } from "./ask_every_member.ts";
import type { MemberStatus } from "./ask_every_member.ts";
import { changeMembership, transferLeadership } from "./cluster_administration.ts";
import type {
  AdministrationHost,
  MembershipOutcome,
  TransferOutcome,
} from "./cluster_administration.ts";
import { FindLeaderOperation, ProposeOperation } from "./leader_operation.ts";
import type { Leader, LeaderStatus, ProposeOutcome } from "./leader_operation.ts";
import { membershipOf } from "./membership.ts";
import type { Membership } from "./membership.ts";
import { QueryOperation, StatusOperation } from "./read_operation.ts";
import type { QueryOutcome, ReadRoute } from "./read_operation.ts";
import type { ProposeOptions, QueryOptions } from "./proposer.ts";
import type { EndpointObservation } from "./request_report.ts";
import { RequestScheduler } from "./request_scheduler.ts";
import { Session } from "./session.ts";
import { SnapshotDownload } from "./snapshot_download.ts";

export type { ProposeOptions, QueryOptions };

/** How long a request may take unless the user says otherwise, in milliseconds. */
export const CLIENT_TIMEOUT_MS = 5_000;

/** The pause before another node is tried, in milliseconds. */
const RETRY_PAUSE_MS = 50;

/** How long a session may be silent unless the user says otherwise, in milliseconds. */
export const CLIENT_SESSION_TIMEOUT_MS = 60_000;

/** What a {@linkcode RaftClient} needs to know. */
export interface RaftClientOptions {
  /** Where to start: one node that lives is enough, the rest is discovered. */
  readonly endpoints: readonly Address[];
  /** The time for a request with all its attempts; {@linkcode CLIENT_TIMEOUT_MS} by default. */
  readonly timeoutMs?: number;
  /** The name of the cluster that is wanted; a node of another one refuses. */
  readonly clusterName?: string;
  /** The id of the cluster that is wanted; by default that of the first node that answers. */
  readonly clusterId?: ClusterId;
  /** Encryption; both sides prove who they are. */
  readonly tls?: TlsOptions;
}

/** The options of {@linkcode RaftClient.openSession}. */
export interface OpenSessionOptions {
  /**
   * How long the cluster keeps the session while it hears nothing of it, in milliseconds of log
   * time; {@linkcode CLIENT_SESSION_TIMEOUT_MS} by default.
   */
  readonly sessionTimeoutMs?: number;
  /** The time for this request. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode RaftClient.status}. */
export interface StatusOptions {
  /** Ask this node and no other. */
  readonly endpoint?: Address;
  /** The time for this request. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode RaftClient.openSnapshot}. */
export interface OpenSnapshotOptions {
  /** Take it from this node and no other. */
  readonly endpoint?: Address;
  /** Stale: what the node has applied. With all that was acknowledged before unless given. */
  readonly consistency?: Consistency;
  /** The time to find a node; one that lives may take longer to write the snapshot. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode RaftClient.changeMembership}. */
export interface ChangeMembershipOptions {
  /** Also where too few of the voters that would be left are up to form a quorum. */
  readonly force?: boolean;
  /** The time for this request. */
  readonly timeoutMs?: number;
}

/** The options of {@linkcode RaftClient.transferLeadership}. */
export interface TransferOptions {
  /** Who is to lead; the voter that is furthest unless given. */
  readonly target?: NodeId;
  /** The time for this request. */
  readonly timeoutMs?: number;
}

/**
 * A client of a cluster. It keeps a connection to each node that it needs, finds the leader and
 * follows it, and sends a request again where that is safe.
 *
 * A command has one of three outcomes: its result; an error with `applied: "no"`; or an error with
 * `applied: "unknown"`, after which the same command may be proposed again with the same id without
 * being applied twice. Every error has a {@linkcode RequestReport} as its cause.
 *
 * @example Propose a command and tell the three outcomes apart
 * ```ts
 * import { RaftError } from "../errors.ts";
 * import type { RaftClient } from "./raft_client.ts";
 * import { requestReportOf } from "./request_report.ts";
 *
 * export async function append(client: RaftClient, line: string): Promise<number | null> {
 *   try {
 *     const { index } = await client.propose(new TextEncoder().encode(line));
 *     return index; // applied
 *   } catch (error) {
 *     if (!(error instanceof RaftError)) throw error;
 *     for (const reason of requestReportOf(error)?.why ?? []) console.error(reason);
 *     if (error.applied === "no") return null; // not applied
 *     throw error; // unknown: propose it again with the commandId of the report
 *   }
 * }
 * ```
 */
export class RaftClient {
  readonly #scheduler: RequestScheduler;
  readonly #timeoutMs: number;
  readonly #runtime: Runtime;
  readonly #identity: { readonly clusterName: string; readonly tls: TlsOptions | undefined };
  readonly #sessions = new Set<Session>();
  #turn = 0;

  /**
   * Creates the client; nothing is dialed before the first request.
   *
   * @throws {InvalidRequestError} If there are no endpoints, or one is not `HOST:PORT`.
   */
  constructor(runtime: Runtime, options: RaftClientOptions) {
    const { endpoints } = options;
    if (endpoints.length === 0) {
      throw new InvalidRequestError("Cannot create a client without endpoints: want at least one");
    }
    endpoints.forEach(checkAddress);
    this.#timeoutMs = options.timeoutMs ?? CLIENT_TIMEOUT_MS;
    this.#runtime = runtime;
    this.#identity = { clusterName: options.clusterName ?? "", tls: options.tls };
    this.#scheduler = new RequestScheduler(runtime, {
      endpoints,
      clusterId: options.clusterId ?? "",
      clusterName: options.clusterName ?? "",
      tls: options.tls ?? null,
    });
  }

  /** The cluster, empty until a node said hello. */
  get clusterId(): ClusterId | "" {
    return this.#scheduler.clusterId;
  }

  /** What was last seen at each known endpoint. */
  get observations(): readonly EndpointObservation[] {
    return this.#scheduler.directory.observations();
  }

  /**
   * Has a command applied by the state machine of the cluster, once. The bytes of the command must
   * not be changed before the promise settles.
   *
   * @throws {RaftError} Not applied, or unknown: see `applied`.
   */
  propose(command: Uint8Array, options: ProposeOptions = {}): Promise<ProposeOutcome> {
    const { commandId = null } = options;
    if (commandId !== null && commandId.length !== REQUEST_ID_BYTES) {
      return Promise.reject(
        new InvalidRequestError(
          `Cannot use the command id as it has ${commandId.length} bytes: want ${REQUEST_ID_BYTES}`,
        ),
      );
    }
    if (command.length > ENTRY_BYTES_MAX - REQUEST_ID_BYTES) {
      return Promise.reject(tooLarge("command", command));
    }
    return new Promise((resolve, reject) => {
      const operation = new ProposeOperation({
        host: this.#scheduler,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        bytes: command.length,
        command,
        commandId,
        settle: { resolve, reject },
      });
      this.#scheduler.start(operation);
    });
  }

  /**
   * Opens a session, whose commands may be sent again however late and are applied once. Close it
   * when it is not needed any more, or close the client.
   *
   * @throws {RaftError} If it was not opened, or nobody answered in time.
   */
  async openSession(options: OpenSessionOptions = {}): Promise<Session> {
    const { sessionTimeoutMs = CLIENT_SESSION_TIMEOUT_MS, timeoutMs = this.#timeoutMs } = options;
    if (
      !(sessionTimeoutMs >= SESSION_TIMEOUT_MS_MIN && sessionTimeoutMs <= SESSION_TIMEOUT_MS_MAX)
    ) {
      throw new InvalidRequestError(
        `Cannot open a session with a time-out of ${sessionTimeoutMs} ms: want ` +
          `${SESSION_TIMEOUT_MS_MIN} to ${SESSION_TIMEOUT_MS_MAX}`,
      );
    }
    const nonce = this.#runtime.random.fill(new Uint8Array(SESSION_NONCE_BYTES));
    const command = encodeOpenSession(Math.floor(sessionTimeoutMs));
    const commandId = makeOpenSessionId(nonce);
    const { index: number } = await this.propose(command, { commandId, timeoutMs });
    if (this.#scheduler.isClosed) throw closedError();
    const session: Session = new Session({
      clock: this.#runtime.clock,
      propose: (bytes, send) => this.propose(bytes, send),
      query: (bytes, send) => this.query(bytes, send),
      ended: (ended) => void this.#sessions.delete(ended),
    }, { number, sessionTimeoutMs });
    this.#sessions.add(session);
    return session;
  }

  /**
   * Has a query answered by the state machine of one node.
   *
   * @throws {RaftError} No node answered; nothing changed anyway.
   */
  query(query: Uint8Array, options: QueryOptions = {}): Promise<QueryOutcome> {
    if (query.length > ENTRY_BYTES_MAX) return Promise.reject(tooLarge("query", query));
    return new Promise((resolve, reject) => {
      const operation = new QueryOperation({
        host: this.#scheduler,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        bytes: query.length,
        route: this.#route(options),
        query,
        consistency: options.consistency ?? "linearizable",
        maxAgeMs: options.maxAgeMs ?? 0,
        settle: { resolve, reject },
      });
      this.#scheduler.start(operation);
    });
  }

  /** What one node says of itself and the cluster: the given one, or the first that answers. */
  status(options: StatusOptions = {}): Promise<StatusAnswer> {
    return new Promise((resolve, reject) => {
      const operation = new StatusOperation({
        host: this.#scheduler,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        bytes: 0,
        route: this.#route(options),
        settle: { resolve, reject },
      });
      this.#scheduler.start(operation);
    });
  }

  /**
   * Asks every member, those that are discovered on the way included, once and at the same time.
   * Never rejects for a node that does not answer.
   *
   * @returns An element a node, ascending by id.
   */
  statusOfAll(options: { readonly timeoutMs?: number } = {}): Promise<MemberStatus[]> {
    if (this.#scheduler.isClosed) return Promise.reject(closedError());
    return askEveryMember(this.#scheduler, options.timeoutMs ?? this.#timeoutMs);
  }

  /** Who leads, as the leader itself says. */
  async leader(options: { readonly timeoutMs?: number } = {}): Promise<Leader> {
    const { id, address, term } = await this.#findLeader(options);
    return { id, address, term };
  }

  /** The members of the cluster, as the leader says them. */
  async members(options: { readonly timeoutMs?: number } = {}): Promise<Membership> {
    return membershipOf(await this.#findLeader(options));
  }

  /**
   * Changes the members, all at once, and waits until the change is committed. A change that is
   * there already is no error. Where the answer is lost, this looks until the members are as they
   * were to be, or the time is over.
   *
   * @throws {RefusedError} If too few voters would be up afterwards, unless `force` is set.
   * @throws {NotFoundError} If a member that is to be changed does not exist.
   * @throws {ChangeInProgressError} If another change takes longer than the time for this one.
   * @throws {RaftError} Not made, or unknown: see `applied`.
   */
  changeMembership(
    changes: readonly MemberChange[],
    options: ChangeMembershipOptions = {},
  ): Promise<MembershipOutcome> {
    const { force = false, timeoutMs = this.#timeoutMs } = options;
    return changeMembership(this.#administration, { changes, force, timeoutMs });
  }

  /**
   * Hands leadership to `target`, or to the voter that is furthest, and waits until it leads.
   *
   * @throws {RaftError} It does not lead, or nobody knows: see `applied`.
   */
  transferLeadership(options: TransferOptions = {}): Promise<TransferOutcome> {
    const { target = null, timeoutMs = this.#timeoutMs } = options;
    return transferLeadership(this.#administration, { target, timeoutMs });
  }

  /**
   * Has one node take a snapshot of its state, the given one or the first that answers, and waits
   * until it is durable.
   *
   * @returns The last entry that the snapshot covers.
   */
  triggerSnapshot(options: StatusOptions = {}): Promise<{ readonly index: Index }> {
    return new Promise((resolve, reject) => {
      const operation = new TriggerSnapshotOperation({
        host: this.#scheduler,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        bytes: 0,
        route: this.#route(options),
        settle: { resolve: ({ index }) => resolve({ index }), reject },
      });
      this.#scheduler.start(operation);
    });
  }

  /**
   * Opens a snapshot of one node to save it here, over a connection of its own: of the given node,
   * else of the leader, or where it may be stale of any. It holds every write that was acknowledged
   * before, unless it may be stale. Close it.
   *
   * @throws {RaftError} If no node opens one.
   */
  async openSnapshot(options: OpenSnapshotOptions = {}): Promise<SnapshotDownload> {
    const { consistency = "linearizable", timeoutMs = this.#timeoutMs } = options;
    const { clock } = this.#runtime;
    const endMs = clock.nowMs() + timeoutMs;
    for (;;) {
      const leftMs = Math.max(1, endMs - clock.nowMs());
      const address = options.endpoint ?? await this.#nodeToSave(consistency, leftMs);
      if (this.#scheduler.isClosed) throw closedError();
      try {
        const { clusterId } = this;
        const { clusterName, tls } = this.#identity;
        const place = { address, clusterId, clusterName, consistency };
        const secure = tls === undefined ? {} : { tls };
        return await SnapshotDownload.open(this.#runtime, { ...place, ...secure });
      } catch (error) {
        const maySucceed = error instanceof NoQuorumError || error instanceof UnreachableError;
        if (!maySucceed || clock.nowMs() + RETRY_PAUSE_MS >= endMs) throw error;
      }
      await new Promise<void>((resolve) => clock.setTimer(resolve, RETRY_PAUSE_MS));
    }
  }

  /** Closes all connections; requests that are under way fail. */
  close(): void {
    for (const session of [...this.#sessions]) session.stop();
    this.#scheduler.close();
  }

  get #administration(): AdministrationHost {
    return {
      clock: this.#scheduler.clock,
      leader: (options) => this.#findLeader(options),
      ask: (request, { subject, timeoutMs }) =>
        new Promise((resolve, reject) => {
          const operation = new LeaderRequestOperation({
            host: this.#scheduler,
            timeoutMs,
            bytes: 0,
            request: { ...request, requestId: 0 },
            subject,
            settle: { resolve, reject },
          });
          this.#scheduler.start(operation);
        }),
    };
  }

  #findLeader(options: { readonly timeoutMs?: number }): Promise<LeaderStatus> {
    return new Promise((resolve, reject) => {
      const operation = new FindLeaderOperation({
        host: this.#scheduler,
        timeoutMs: options.timeoutMs ?? this.#timeoutMs,
        bytes: 0,
        settle: { resolve, reject },
      });
      this.#scheduler.start(operation);
    });
  }

  /** The leader; where a snapshot may be stale, one that has less to do if there is. */
  async #nodeToSave(consistency: Consistency, timeoutMs: number): Promise<Address> {
    if (consistency !== "stale") return (await this.#findLeader({ timeoutMs })).address;
    const nodes = await this.statusOfAll({ timeoutMs });
    const there = nodes.filter(({ status }) => status !== null);
    const choice = there.find(({ status }) => status?.role !== "leader") ?? there[0];
    if (choice !== undefined) return choice.address;
    throw new UnreachableError("No endpoint answered: there is no node to save a snapshot of");
  }

  #route(options: { readonly endpoint?: Address; readonly spread?: boolean }): ReadRoute {
    if (options.endpoint !== undefined) {
      checkAddress(options.endpoint);
      return { pinned: this.#scheduler.directory.named(options.endpoint), turn: null };
    }
    return options.spread === true ? { pinned: null, turn: this.#turn++ } : ANY_NODE;
  }
}

const ANY_NODE: ReadRoute = { pinned: null, turn: null };

function checkAddress(address: Address): void {
  if (splitAddress(address) !== null) return;
  throw new InvalidRequestError(`Cannot use the endpoint "${address}": want HOST:PORT`);
}

function tooLarge(what: string, bytes: Uint8Array): TooLargeError {
  return new TooLargeError(
    `Cannot send the ${what} as it has ${bytes.length} bytes: want at most ${ENTRY_BYTES_MAX}`,
  );
}

function closedError(): ShutdownError {
  return new ShutdownError("The client was closed");
}

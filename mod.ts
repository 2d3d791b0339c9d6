/**
 * Raft for JavaScript runtimes: a replicated log and state machine, from Node, Deno and Bun.
 *
 * {@linkcode Raft} is a node inside your application; {@linkcode startNode} adds the service that
 * answers clients; {@linkcode RaftClient} and {@linkcode KeyValueClient} reach a cluster from
 * outside. Everything is handed a {@linkcode Runtime}, the one door to network, files, clock and
 * randomness.
 *
 * @example A cluster of one, and a client
 * ```ts
 * import { mkdtemp, rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { detectRuntime, KeyValueClient, RaftClient, startNode } from "raft";
 *
 * const dataPath = await mkdtemp(join(tmpdir(), "raft-"));
 * const runtime = await detectRuntime();
 * const node = await startNode(runtime, {
 *   nodeId: 1,
 *   dataPath,
 *   listen: { host: "127.0.0.1", port: 0 },
 *   formation: { kind: "bootstrap" },
 * });
 * await node.ready("leader");
 *
 * const client = new RaftClient(runtime, { endpoints: [node.address], timeoutMs: 5_000 });
 * const store = new KeyValueClient(client);
 * await store.put("greeting", "hello");
 * const found = await store.get("greeting");
 * console.log(new TextDecoder().decode(found?.value)); // hello
 *
 * client.close();
 * await node.stop();
 * await rm(dataPath, { recursive: true });
 * ```
 *
 * @module
 */
export { detectRuntime } from "./src/runtime/detect.ts";
export type {
  ByteStream,
  Clock,
  File,
  FileSystem,
  Network,
  Random,
  Runtime,
  TlsOptions,
} from "./src/runtime/runtime.ts";
export { FileError, LockedError, NetworkError } from "./src/runtime/runtime.ts";

export { Raft } from "./src/raft/raft.ts";
export type { QueryFreshness } from "./src/raft/query_server.ts";
export type { StopReason } from "./src/raft/raft.ts";
export type { TransferResult } from "./src/raft/transfers.ts";
export type { ClusterFormation, RaftOptions } from "./src/raft/raft_options.ts";
export type { RaftStatus } from "./src/raft/raft_status.ts";
export type { Readiness } from "./src/raft/readiness.ts";
export { startNode } from "./src/node/node.ts";
export type { NodeOptions, RunningNode } from "./src/node/node.ts";

export { RaftClient } from "./src/client/raft_client.ts";
export type {
  ChangeMembershipOptions,
  OpenSessionOptions,
  ProposeOptions,
  QueryOptions,
  RaftClientOptions,
  StatusOptions,
  TransferOptions,
} from "./src/client/raft_client.ts";
export type { MembershipOutcome, TransferOutcome } from "./src/client/cluster_administration.ts";
export type { ClusterMember, Membership } from "./src/client/membership.ts";
export { Session } from "./src/client/session.ts";
export type { Proposer } from "./src/client/proposer.ts";
export {
  ConditionFailedError,
  KeyValueClient,
  LeaseNotFoundError,
} from "./src/client/key_value_client.ts";
export type {
  AnsweredQuery,
  AppliedCommand,
  LeaseOutcome,
  PutOptions,
} from "./src/client/key_value_client.ts";

export type {
  ApplyContext,
  QueryContext,
  StateMachine,
} from "./src/state_machine/state_machine.ts";
export { KeyValueStore } from "./src/state_machine/key_value_store.ts";
export type {
  EntryHeader,
  HardState,
  HardStateStore,
  Log,
  LogRecovery,
  RecordBatch,
} from "./src/log/log.ts";
export { recordEnd, recordHeader, recordPayload, verifyRecords } from "./src/log/record.ts";
export type { VerifiedRecords } from "./src/log/record.ts";
export { MemoryLog } from "./src/log/memory_log.ts";
export { SegmentedLog } from "./src/log/segmented_log.ts";
export type { DataDirectory } from "./src/log/data_directory.ts";
export { silentLogger } from "./src/observability/logger.ts";
export type { Logger } from "./src/observability/logger.ts";

export {
  AnswerForgottenError,
  BadDataError,
  ChangeInProgressError,
  DeniedError,
  InvalidRequestError,
  LeadershipLostError,
  NoQuorumError,
  NotFoundError,
  NotLeaderError,
  OverloadedError,
  ProtocolError,
  RaftError,
  RefusedError,
  RequestExpiredError,
  SessionExpiredError,
  ShutdownError,
  StaleReadError,
  StorageError,
  TooLargeError,
  UnknownOutcomeError,
  UnreachableError,
} from "./src/errors.ts";
export type {
  Address,
  ClusterId,
  Configuration,
  Index,
  InstanceId,
  LogTimeMs,
  Member,
  MemberAction,
  MemberChange,
  NodeId,
  Term,
  TermRun,
} from "./src/types.ts";
export { EntryKind } from "./src/types.ts";

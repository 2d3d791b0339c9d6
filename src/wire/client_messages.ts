/**
 * What clients and nodes say to each other, as data. `requestId` pairs an answer with its request
 * on one connection; answers come in any order.
 *
 * @module
 */
import type {
  Address,
  Index,
  InstanceId,
  LogTimeMs,
  MemberAction,
  MemberChange,
} from "../types.ts";
import type { ClusterId, NodeId, SnapshotId, Term } from "../types.ts";
import type { Hello, HelloReply } from "./hello.ts";

export type { MemberAction, MemberChange };

/** How fresh a read must be. */
export type Consistency = "linearizable" | "lease" | "stale";

/** A command for the state machine. */
export interface ProposeRequest {
  readonly type: "propose";
  readonly requestId: number;
  /** 16 bytes that name the command (state_machine/request_id.ts): a retry repeats them. */
  readonly commandId: Uint8Array;
  readonly command: Uint8Array;
}

/** A read-only query for the state machine of the node that is asked. */
export interface QueryRequest {
  readonly type: "query";
  readonly requestId: number;
  readonly consistency: Consistency;
  /** For a stale read: the oldest state that is good enough, in milliseconds; 0 for any. */
  readonly maxAgeMs: number;
  readonly query: Uint8Array;
}

/** A question about the node that is asked. */
export interface StatusRequest {
  readonly type: "status";
  readonly requestId: number;
}

/** The command was applied, now or (a retry) before. */
export interface ProposeAnswer {
  readonly type: "proposeAnswer";
  readonly requestId: number;
  readonly index: Index;
  readonly term: Term;
  /** True if the command had been applied before and this is its first answer. */
  readonly duplicate: boolean;
  readonly result: Uint8Array;
}

/** The answer of a query. */
export interface QueryAnswer {
  readonly type: "queryAnswer";
  readonly requestId: number;
  readonly servedBy: NodeId;
  /** The last index applied when it was answered. */
  readonly index: Index;
  /** Milliseconds since the node last heard from a leader, for a stale read; else 0. */
  readonly ageMs: number;
  readonly result: Uint8Array;
}

/** A member as one node sees it. */
export interface StatusMember {
  readonly id: NodeId;
  readonly address: Address;
  readonly voter: boolean;
  /** Whether the answering node has a connection to it (true for itself). */
  readonly reachable: boolean;
  /** What the leader knows of its log; 0 at a node that does not lead. */
  readonly matchIndex: Index;
  /** The program version it said hello with, empty where unknown. */
  readonly version: string;
}

/** A node's view of itself and the cluster. */
export interface StatusAnswer {
  readonly type: "statusAnswer";
  readonly requestId: number;
  readonly nodeId: NodeId;
  readonly role: "follower" | "candidate" | "leader" | "learner";
  readonly term: Term;
  /** 0 where no leader is known. */
  readonly leaderId: NodeId;
  readonly leaderAddress: Address | "";
  readonly clusterId: string;
  readonly clusterName: string;
  readonly commitIndex: Index;
  readonly appliedIndex: Index;
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly logTimeMs: LogTimeMs;
  /** Milliseconds since a leader was heard; 0 at a leader. */
  readonly leaderContactAgeMs: number;
  readonly configurationIndex: Index;
  readonly members: readonly StatusMember[];
  readonly version: string;
  readonly uptimeMs: number;
  /** What a person should know, such as "waiting for node 2 to form the cluster". */
  readonly notes: readonly string[];
  /** The last entry that the newest snapshot covers, 0 for none. */
  readonly snapshotIndex: Index;
  /** A change of the voters is under way (joint consensus). */
  readonly joint: boolean;
  /** The learners that become voters once they have caught up. */
  readonly promotions: readonly NodeId[];
  /** The member that this leader is handing leadership to, 0 for none. */
  readonly transferTarget: NodeId;
  /** What somebody must act upon; it stays until then. */
  readonly alarms: readonly Alarm[];
}

/** A node whose state differs from that of others. */
export interface Alarm {
  /** The node that differs from a majority; 0 where no majority says which one is right. */
  readonly nodeId: NodeId;
  /** The entry after which it was seen first. */
  readonly index: Index;
  /** What is wrong and how to mend it, for people. */
  readonly message: string;
}

/** Why a request has no answer. */
export type ErrorCode =
  | "notLeader"
  | "overloaded"
  | "noQuorum"
  | "leadershipLost"
  | "requestExpired"
  | "tooLarge"
  | "invalidRequest"
  | "shutdown"
  | "tooStale"
  | "internal"
  | "refused"
  | "changeInProgress"
  | "answerForgotten"
  | "notFound"
  | "sessionExpired";

/** The request was not answered. */
export interface ErrorAnswer {
  readonly type: "errorAnswer";
  readonly requestId: number;
  readonly code: ErrorCode;
  readonly applied: "no" | "yes" | "unknown";
  readonly message: string;
  /** Whom to ask instead, 0 where unknown. */
  readonly leaderId: NodeId;
  readonly leaderAddress: Address | "";
  /** The node's log time, for a new request id. */
  readonly logTimeMs: LogTimeMs;
  /** The facts behind a refusal, for people, a line each. */
  readonly why: readonly string[];
  /** How to mend it, for people, a line each; may be empty. */
  readonly fix: readonly string[];
}

/** Changes of the members, all at once; only a leader takes it. */
export interface ChangeMembershipRequest {
  readonly type: "changeMembership";
  readonly requestId: number;
  /** At least one. */
  readonly changes: readonly MemberChange[];
  /** Also where too few of the voters that would be left are up to form a quorum. */
  readonly force: boolean;
  /** With `rejoin`: the data directories that the member may be known by; empty otherwise. */
  readonly replaces?: readonly InstanceId[];
  /** Of a node that asks to join: the configuration that took it in before; 0 unless given. */
  readonly joinIndex?: Index;
}

/** The change is committed. */
export interface MembershipAnswer {
  readonly type: "membershipAnswer";
  readonly requestId: number;
  /** The index of the configuration that holds now. */
  readonly configurationIndex: Index;
}

/** The leader is to hand leadership over. */
export interface TransferLeadershipRequest {
  readonly type: "transferLeadership";
  readonly requestId: number;
  /** To whom; 0 for the follower that is furthest. */
  readonly target: NodeId;
}

/** Another node leads. */
export interface TransferAnswer {
  readonly type: "transferAnswer";
  readonly requestId: number;
  readonly leaderId: NodeId;
  readonly term: Term;
}

/** The node that is asked is to take a snapshot. */
export interface TriggerSnapshotRequest {
  readonly type: "triggerSnapshot";
  readonly requestId: number;
}

/** A snapshot was taken. */
export interface SnapshotAnswer {
  readonly type: "snapshotAnswer";
  readonly requestId: number;
  /** The last entry that it covers. */
  readonly index: Index;
}

/** Opens a snapshot of what the node that is asked has applied, for this connection. */
export interface OpenSnapshotRequest {
  readonly type: "openSnapshot";
  readonly requestId: number;
  /** Linearizable (and lease): with all that was acknowledged before; stale: as it is. */
  readonly consistency: Consistency;
}

/** A snapshot is open. */
export interface SnapshotOpenedAnswer {
  readonly type: "snapshotOpened";
  readonly requestId: number;
  readonly nodeId: NodeId;
  readonly snapshotId: SnapshotId;
  readonly clusterId: ClusterId;
  /** The last entry that it covers, and its term. */
  readonly index: Index;
  readonly term: Term;
  /** The length of the file. */
  readonly totalBytes: number;
}

/** Reads some bytes of the snapshot that is open on this connection. */
export interface ReadSnapshotRequest {
  readonly type: "readSnapshot";
  readonly requestId: number;
  readonly offset: number;
}

/** Bytes of a snapshot file. */
export interface SnapshotDataAnswer {
  readonly type: "snapshotData";
  readonly requestId: number;
  readonly offset: number;
  /** SNAPSHOT_SEND_BYTES_MAX bytes; fewer only at the end, none behind it. */
  readonly data: Uint8Array;
}

/** What a backup asks for. */
export type BackupRequest = OpenSnapshotRequest | ReadSnapshotRequest;

/** The answers to {@linkcode BackupRequest}. */
export type BackupAnswer = SnapshotOpenedAnswer | SnapshotDataAnswer;

/** What operators ask for, beside the status. */
export type AdminRequest =
  | ChangeMembershipRequest
  | TransferLeadershipRequest
  | TriggerSnapshotRequest;

/** The answers to {@linkcode AdminRequest}. */
export type AdminAnswer = MembershipAnswer | TransferAnswer | SnapshotAnswer;

/** What a client sends. */
export type ClientRequest =
  | ProposeRequest
  | QueryRequest
  | StatusRequest
  | AdminRequest
  | BackupRequest;

/** What a node answers. */
export type ClientAnswer =
  | ProposeAnswer
  | QueryAnswer
  | StatusAnswer
  | AdminAnswer
  | BackupAnswer
  | ErrorAnswer;

/** Every message of a client connection, the hello included. */
export type ClientMessage =
  | { readonly type: "hello"; readonly hello: Hello }
  | { readonly type: "helloReply"; readonly reply: HelloReply }
  | ClientRequest
  | ClientAnswer;

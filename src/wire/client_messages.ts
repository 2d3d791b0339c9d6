/**
 * What clients and nodes say to each other, as data. `requestId` pairs an answer with its request
 * on one connection; answers come in any order.
 *
 * @module
 */
import type { Address, Index, LogTimeMs, NodeId, Term } from "../types.ts";
import type { Hello, HelloReply } from "./hello.ts";

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
  /** For a stale read: the oldest contact with the leader that is good enough; 0 for any. */
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
  | "internal";

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
}

/** What a client sends. */
export type ClientRequest = ProposeRequest | QueryRequest | StatusRequest;

/** What a node answers. */
export type ClientAnswer = ProposeAnswer | QueryAnswer | StatusAnswer | ErrorAnswer;

/** Every message of a client connection, the hello included. */
export type ClientMessage =
  | { readonly type: "hello"; readonly hello: Hello }
  | { readonly type: "helloReply"; readonly reply: HelloReply }
  | ClientRequest
  | ClientAnswer;

/**
 * One of every message, for the tests of the wire.
 *
 * @module
 */
import type { AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { RECORD_HEADER_BYTES, recordBytes, sealRecord } from "../../src/log/record.ts";
import type { Configuration } from "../../src/types.ts";
import type { ClientMessage } from "../../src/wire/client_messages.ts";
import type { Hello, HelloReply } from "../../src/wire/hello.ts";
import type { KvCommand, KvItem, KvQuery, KvResult } from "../../src/wire/kv_messages.ts";
import type { PeerGreeting, PeerWord } from "../../src/wire/peer_codec.ts";
import type { Identity } from "../../src/wire/storage_codec.ts";

const encoder = new TextEncoder();

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The bytes 0, 1, 2, … */
export function countingBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => i & 0xff);
}

/** Records with consecutive indexes and the given payloads. */
export function records(firstIndex: number, payloads: readonly Uint8Array[]): Uint8Array {
  const size = payloads.reduce((sum, payload) => sum + recordBytes(payload.length), 0);
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const [i, payload] of payloads.entries()) {
    bytes.set(payload, offset + RECORD_HEADER_BYTES);
    offset = sealRecord(bytes, offset, {
      index: firstIndex + i,
      term: 7,
      timestampMs: 1_700_000_000_000 + i,
      kind: 2,
      payloadBytes: payload.length,
    });
  }
  return bytes;
}

/** An AppendEntriesRequest for `count` entries after index 41, or a heartbeat. */
export function appendEntries(count: number): AppendEntriesRequest {
  const entries = count === 0 ? null : {
    firstIndex: 42,
    lastIndex: 41 + count,
    termRuns: [{ term: 7, firstIndex: 42 }],
    configurations: [],
    source: null,
  };
  return {
    type: "appendEntriesRequest",
    term: 7,
    prevLogIndex: 41,
    prevLogTerm: 6,
    leaderCommit: 40,
    readSequence: 9,
    session: 8,
    provenToken: 0x89abcdef,
    entries,
  };
}

export const clusterId = "000102030405060708090a0b0c0d0e0f";
export const instanceId = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

export const hello: Hello = {
  protocolMin: 1,
  protocolMax: 3,
  role: "peer",
  clusterId,
  clusterName: "prod",
  nodeId: 1,
  instanceId,
  address: "10.0.0.1:7238",
  targetNodeId: 2,
  configurationIndex: 4,
};

export const helloReply: HelloReply = {
  refusal: "wrongCluster",
  reason: "This is cluster “prod”",
  protocol: 1,
  clusterId,
  clusterName: "prod",
  nodeId: 2,
  instanceId,
  address: "[::1]:7238",
  logTimeMs: 12_345,
  version: "0.1.0",
  configurationIndex: 4,
};

/** Every message between peers but AppendEntries with entries. */
export const peerMessages: readonly (PeerWord | PeerGreeting)[] = [
  { type: "hello", hello },
  { type: "helloReply", reply: helloReply },
  {
    type: "requestVoteRequest",
    term: 8,
    lastLogIndex: 42,
    lastLogTerm: 7,
    preVote: true,
    leadershipTransfer: false,
  },
  { type: "requestVoteResponse", term: 8, voteGranted: true, preVote: true },
  {
    type: "stateHash",
    term: 8,
    index: 2 ** 40,
    tables: 0xfedcba98,
    tablesVersion: 1,
    machine: 7,
    machineVersion: 2,
    deviatesSince: 33,
  },
  appendEntries(0),
  {
    type: "appendEntriesResponse",
    accepted: true,
    term: 7,
    matchIndex: 44,
    readSequence: 9,
    session: 8,
    promiseMs: 900,
    storageFull: false,
    ageToken: 0xfedcba97,
  },
  {
    type: "appendEntriesResponse",
    accepted: false,
    term: 7,
    prevLogIndex: 41,
    hintIndex: 30,
    hintTerm: 5,
    readSequence: 9,
    session: 8,
    promiseMs: 900,
    storageFull: true,
  },
  { type: "readIndexRequest", term: 7, readId: 3 },
  { type: "readIndexResponse", term: 7, readId: 3, readIndex: 44 },
  { type: "readIndexResponse", term: 7, readId: 4, readIndex: null },
  { type: "timeoutNow", term: 7 },
  {
    type: "installSnapshotRequest",
    term: 7,
    snapshotId: clusterId,
    lastIncludedIndex: 30,
    lastIncludedTerm: 5,
    totalBytes: 1000,
    offset: 100,
    dataChecksum: 0xdeadbeef,
    session: 8,
    data: countingBytes(20),
  },
  {
    type: "installSnapshotResponse",
    term: 7,
    snapshotId: clusterId,
    lastIncludedIndex: 30,
    storedBytes: 120,
    session: 8,
    status: "receiving",
  },
];

/** Every message between clients and nodes. */
export const clientMessages: readonly ClientMessage[] = [
  { type: "hello", hello: { ...hello, role: "client", nodeId: 0, instanceId: "", address: "" } },
  { type: "helloReply", reply: { ...helloReply, refusal: "none", reason: "", clusterId: "" } },
  { type: "propose", requestId: 1, commandId: countingBytes(16), command: bytesOf("command") },
  {
    type: "query",
    requestId: 2,
    consistency: "stale",
    maxAgeMs: 500,
    query: bytesOf("query"),
  },
  { type: "status", requestId: 3 },
  {
    type: "proposeAnswer",
    requestId: 1,
    index: 42,
    term: 7,
    duplicate: true,
    result: bytesOf("result"),
  },
  { type: "queryAnswer", requestId: 2, servedBy: 3, index: 42, ageMs: 17, result: bytesOf("") },
  {
    type: "statusAnswer",
    requestId: 3,
    nodeId: 1,
    role: "leader",
    term: 7,
    leaderId: 1,
    leaderAddress: "10.0.0.1:7238",
    clusterId,
    clusterName: "prod",
    commitIndex: 40,
    appliedIndex: 39,
    firstIndex: 1,
    lastIndex: 42,
    logTimeMs: 12_345,
    leaderContactAgeMs: 3,
    configurationIndex: 1,
    members: [
      {
        id: 1,
        address: "10.0.0.1:7238",
        voter: true,
        reachable: true,
        matchIndex: 42,
        version: "0.1.0",
      },
      {
        id: 2,
        address: "10.0.0.2:7238",
        voter: false,
        reachable: false,
        matchIndex: 0,
        version: "",
      },
    ],
    version: "0.1.0",
    uptimeMs: 60_000,
    notes: ["Waiting for node 2", "Größe"],
    snapshotIndex: 30,
    joint: true,
    promotions: [2],
    transferTarget: 2,
    alarms: [{ nodeId: 3, index: 70, message: "The state of node 3 differs" }],
  },
  {
    type: "errorAnswer",
    requestId: 4,
    code: "notLeader",
    applied: "no",
    message: "Ask the leader",
    leaderId: 2,
    leaderAddress: "10.0.0.2:7238",
    logTimeMs: 12_345,
    why: [],
    fix: [],
  },
  {
    type: "errorAnswer",
    requestId: 5,
    code: "refused",
    applied: "no",
    message: "Cannot remove member 3",
    leaderId: 0,
    leaderAddress: "",
    logTimeMs: 12_345,
    why: ["1 of 2 voters would be up", "node 2 does not answer"],
    fix: ["start node 2"],
  },
  {
    type: "changeMembership",
    requestId: 4,
    changes: [
      { action: "add", id: 4, address: "10.0.0.4:7238", instanceId: "" },
      { action: "remove", id: 2, address: "", instanceId: "" },
    ],
    force: true,
    joinIndex: 77,
  },
  { type: "transferLeadership", requestId: 5, target: 3 },
  { type: "triggerSnapshot", requestId: 6 },
  { type: "membershipAnswer", requestId: 4, configurationIndex: 51 },
  { type: "transferAnswer", requestId: 5, leaderId: 3, term: 8 },
  { type: "snapshotAnswer", requestId: 6, index: 50 },
  { type: "openSnapshot", requestId: 7, consistency: "stale" },
  { type: "readSnapshot", requestId: 8, offset: 131_072 },
  {
    type: "snapshotOpened",
    requestId: 7,
    nodeId: 2,
    snapshotId: instanceId,
    clusterId,
    index: 50,
    term: 8,
    totalBytes: 300_000,
  },
  { type: "snapshotData", requestId: 8, offset: 131_072, data: bytesOf("state") },
];

const key = bytesOf("key");
const value = bytesOf("value");
const item: KvItem = { key: bytesOf(""), value, revision: 9, createRevision: 5, version: 2 };

/** Every command of the key-value state machine, with every condition. */
export const kvCommands: readonly KvCommand[] = [
  { type: "put", key, value, condition: { type: "none" }, returnPrevious: false },
  { type: "put", key, value, condition: { type: "none" }, returnPrevious: true },
  { type: "put", key, value, condition: { type: "revision", revision: 9 }, returnPrevious: false },
  { type: "put", key, value, condition: { type: "value", value }, returnPrevious: true },
  { type: "put", key, value, condition: { type: "absent" }, returnPrevious: false },
  { type: "put", key, value: bytesOf(""), condition: { type: "present" }, returnPrevious: false },
  { type: "delete", key, condition: { type: "none" } },
  { type: "delete", key, condition: { type: "absent" } },
  { type: "delete", key, condition: { type: "present" } },
  { type: "deletePrefix", prefix: bytesOf("k"), dryRun: true },
  { type: "increment", key, amount: -Number.MAX_SAFE_INTEGER },
  { type: "increment", key, amount: 1 },
  {
    type: "put",
    key,
    value,
    condition: { type: "absent" },
    returnPrevious: true,
    lifetime: { type: "ttl", ttlMs: 60_000 },
  },
  {
    type: "put",
    key,
    value,
    condition: { type: "none" },
    returnPrevious: false,
    lifetime: { type: "lease", leaseId: Number.MAX_SAFE_INTEGER },
  },
  { type: "leaseGrant", ttlMs: 1 },
  { type: "leaseKeepAlive", leaseId: 7 },
  { type: "leaseRevoke", leaseId: 8 },
];

/** Every query of it. */
export const kvQueries: readonly KvQuery[] = [
  { type: "get", key },
  { type: "list", prefix: bytesOf("k"), after: bytesOf("kex"), limit: 10, withValues: true },
  { type: "lease", leaseId: 7, after: key, limit: 3 },
  { type: "leases", afterId: 9, limit: 0 },
];

/** Every result of it. */
export const kvResults: readonly KvResult[] = [
  { type: "put", revision: 10, created: false, previous: null },
  { type: "put", revision: 10, created: true, previous: null },
  { type: "put", revision: 10, created: false, previous: item },
  { type: "delete", revision: 11, count: 3 },
  { type: "increment", revision: 12, value: -3 },
  { type: "conditionFailed", revision: 9, current: item },
  { type: "conditionFailed", revision: 0, current: null },
  { type: "invalid", message: "Cannot increment “key”: its value is no integer" },
  { type: "get", found: true, revision: 9, createRevision: 5, version: 2, value },
  { type: "get", found: false, revision: 0, createRevision: 0, version: 0, value: bytesOf("") },
  { type: "list", revision: 12, items: [{ ...item, key }, item], more: true },
  {
    type: "lease",
    revision: 9,
    lease: { id: 7, ttlMs: 1000, remainingMs: 300, keyCount: 1 },
    items: [{ ...item, key, value: bytesOf("") }],
    more: true,
  },
  {
    type: "leases",
    revision: 9,
    leases: [7, 8].map((id) => ({ id, ttlMs: 1000, remainingMs: 300, keyCount: 1 })),
    more: false,
  },
  { type: "leaseNotFound", revision: 9, leaseId: 7 },
];

/** A configuration in the middle of a change. */
export const configuration: Configuration = {
  voters: [
    { id: 1, address: "10.0.0.1:7238", instanceId },
    { id: 4, address: "10.0.0.4:7238", instanceId: "" },
  ],
  votersOld: [{ id: 1, address: "10.0.0.1:7238", instanceId }],
  learners: [{ id: 5, address: "10.0.0.5:7238", instanceId }],
  promotions: [5],
};

/** An identity before birth. */
export const identity: Identity = {
  formatVersion: 1,
  clusterId,
  clusterName: "prod",
  nodeId: 1,
  instanceId,
  born: false,
  removed: true,
  members: configuration.voters,
  recovery: { clusterId: instanceId, instanceId: clusterId },
  formerClusterIds: [clusterId, instanceId],
  deviatesSince: 77,
  replaces: [clusterId, instanceId],
  joinIndex: 88,
  promiseMs: 65_535,
};

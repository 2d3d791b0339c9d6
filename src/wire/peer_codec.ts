/**
 * Messages between peers as frames and back. AppendEntries and ReadIndex are placed by hand
 * (append_entries_codec.ts, read_index_codec.ts), everything else goes through capnp-ts; hellos are
 * read in place (struct_view.ts).
 *
 * @module
 */
import { assert, unreachable } from "../assert.ts";
import type {
  AppendEntriesRequest,
  AppendEntriesResponse,
  Message,
  ReadIndexRequest,
  ReadIndexResponse,
} from "../consensus/messages.ts";
import { ProtocolError } from "../errors.ts";
import type { Term } from "../types.ts";
import {
  type AppendEntriesFrame,
  checkedRequest,
  readAccepted,
  readAppendEntries,
  writeAccepted,
  writeAppendEntries,
} from "./append_entries_codec.ts";
import { ByteBuilder } from "./byte_builder.ts";
import { sealFrame, verifyFrame } from "./frame_checksum.ts";
import { peerPeerMessageLayout } from "./generated/layouts.ts";
import { AppendEntriesResponse_Which, PeerMessage, PeerMessage_Which } from "./generated/peer.ts";
import type { AppendEntriesResponse as ResponseStruct } from "./generated/peer.ts";
import type { Hello, HelloReply } from "./hello.ts";
import { fillHello, fillHelloReply, frameTag, readHello, readHelloReply } from "./hello_codec.ts";
import { buildFramed, readFramed, toNumber, toUint64 } from "./library_message.ts";
import { readReadIndex, writeReadIndex } from "./read_index_codec.ts";
import { fillStateHash, readStateHash, type StateHashMessage } from "./state_hash_codec.ts";
import {
  fillInstallSnapshotRequest,
  fillInstallSnapshotResponse,
  readInstallSnapshotRequest,
  readInstallSnapshotResponse,
} from "./install_snapshot_codec.ts";
import { viewFramed } from "./struct_view.ts";

/** What a node says to a peer: RPCs of the core, and what the driver adds. */
export type PeerWord = Message | StateHashMessage;

/** What opens a connection. */
export type PeerGreeting =
  | { readonly type: "hello"; readonly hello: Hello }
  | { readonly type: "helloReply"; readonly reply: HelloReply };

/** An RPC as it arrives: that of the core, but for records that were not verified yet. */
export type PeerFrame =
  | Exclude<Message, AppendEntriesRequest>
  | AppendEntriesFrame
  | StateHashMessage;

const ROOT = { structClass: PeerMessage, layout: peerPeerMessageLayout };
const NO_RECORDS: readonly Uint8Array[] = [];

/**
 * Appends a message to what `target` holds, so that one socket write carries many.
 *
 * @param records The bytes of the entries of an AppendEntriesRequest, in pieces; they are copied.
 * Large ones are better sent by `encodeAppendEntries`.
 */
export function writePeerMessage(
  target: ByteBuilder,
  message: PeerWord | PeerGreeting,
  records: readonly Uint8Array[] = NO_RECORDS,
): void {
  if (message.type === "appendEntriesRequest") {
    writeAppendEntries(target, { message, records });
    return;
  }
  assert(records.length === 0, () => `a "${message.type}" carries no records`);
  if (message.type === "appendEntriesResponse" && message.accepted && !message.storageFull) {
    writeAccepted(target, message);
    return;
  }
  if (message.type === "readIndexRequest" || message.type === "readIndexResponse") {
    writeReadIndex(target, message);
    return;
  }
  const frame = buildFramed(PeerMessage, (root) => fillMessage(root, message));
  sealFrame(frame);
  target.append(frame);
}

/** Encodes one message as one frame: see {@linkcode writePeerMessage}. */
export function encodePeerMessage(
  message: PeerWord | PeerGreeting,
  records: readonly Uint8Array[] = NO_RECORDS,
): Uint8Array {
  const target = new ByteBuilder(256);
  writePeerMessage(target, message, records);
  return target.take();
}

/**
 * Decodes one whole frame. `records` of an AppendEntries is a view of it.
 *
 * @throws {ProtocolError} If it is not a valid message: the connection is to be closed.
 */
export function decodePeerFrame(frame: Uint8Array): PeerFrame | PeerGreeting {
  verifyFrame(frame);
  return readAppendEntries(frame) ?? readAccepted(frame) ?? readReadIndex(frame) ??
    readGreeting(frame) ?? readFramed(frame, ROOT, readMessage);
}

/** Reads a hello or the answer to one in place; null for all the rest. */
function readGreeting(frame: Uint8Array): PeerGreeting | null {
  const which = frameTag(frame);
  if (which !== PeerMessage_Which.HELLO && which !== PeerMessage_Which.HELLO_REPLY) return null;
  const struct = viewFramed(frame, peerPeerMessageLayout).struct(0);
  if (which === PeerMessage_Which.HELLO) return { type: "hello", hello: readHello(struct) };
  return { type: "helloReply", reply: readHelloReply(struct) };
}

type LibraryMessage =
  | Exclude<PeerWord, AppendEntriesRequest | ReadIndexRequest | ReadIndexResponse>
  | PeerGreeting;

function fillMessage(root: PeerMessage, message: LibraryMessage): void {
  if (message.type === "hello") return fillHello(root.initHello(), message.hello);
  if (message.type === "helloReply") return fillHelloReply(root.initHelloReply(), message.reply);
  root.setTerm(toUint64(message.term));
  switch (message.type) {
    case "requestVoteRequest": {
      const struct = root.initRequestVoteRequest();
      struct.setLastLogIndex(toUint64(message.lastLogIndex));
      struct.setLastLogTerm(toUint64(message.lastLogTerm));
      struct.setPreVote(message.preVote);
      struct.setLeadershipTransfer(message.leadershipTransfer);
      return;
    }
    case "requestVoteResponse": {
      const struct = root.initRequestVoteResponse();
      struct.setVoteGranted(message.voteGranted);
      struct.setPreVote(message.preVote);
      return;
    }
    case "appendEntriesResponse":
      fillAppendEntriesResponse(root.initAppendEntriesResponse(), message);
      return;
    case "timeoutNow":
      return root.setTimeoutNow();
    case "installSnapshotRequest":
      return fillInstallSnapshotRequest(root.initInstallSnapshotRequest(), message);
    case "installSnapshotResponse":
      return fillInstallSnapshotResponse(root.initInstallSnapshotResponse(), message);
    case "stateHash":
      return fillStateHash(root.initStateHash(), message);
    default:
      unreachable(message);
  }
}

function fillAppendEntriesResponse(struct: ResponseStruct, message: AppendEntriesResponse): void {
  struct.setReadSequence(toUint64(message.readSequence));
  struct.setSession(message.session);
  struct.setPromiseMs(message.promiseMs);
  struct.setStorageFull(message.storageFull);
  if (message.accepted) {
    const accepted = struct.initAccepted();
    accepted.setMatchIndex(toUint64(message.matchIndex));
    accepted.setAgeToken(message.ageToken);
    return;
  }
  const rejected = struct.initRejected();
  rejected.setPrevLogIndex(toUint64(message.prevLogIndex));
  rejected.setHintIndex(toUint64(message.hintIndex));
  rejected.setHintTerm(toUint64(message.hintTerm));
}

function readMessage(root: PeerMessage): PeerFrame {
  const term = toNumber(root.getTerm());
  const which = root.which();
  switch (which) {
    case PeerMessage_Which.REQUEST_VOTE_REQUEST: {
      const struct = root.getRequestVoteRequest();
      return {
        type: "requestVoteRequest",
        term,
        lastLogIndex: toNumber(struct.getLastLogIndex()),
        lastLogTerm: toNumber(struct.getLastLogTerm()),
        preVote: struct.getPreVote(),
        leadershipTransfer: struct.getLeadershipTransfer(),
      };
    }
    case PeerMessage_Which.REQUEST_VOTE_RESPONSE: {
      const struct = root.getRequestVoteResponse();
      const voteGranted = struct.getVoteGranted();
      return { type: "requestVoteResponse", term, voteGranted, preVote: struct.getPreVote() };
    }
    case PeerMessage_Which.APPEND_ENTRIES_REQUEST:
      return readAppendEntriesRequest(root, term);
    case PeerMessage_Which.APPEND_ENTRIES_RESPONSE:
      return readAppendEntriesResponse(root.getAppendEntriesResponse(), term);
    case PeerMessage_Which.READ_INDEX_REQUEST: {
      const readId = toNumber(root.getReadIndexRequest().getReadId());
      return { type: "readIndexRequest", term, readId };
    }
    case PeerMessage_Which.READ_INDEX_RESPONSE:
      return readReadIndexResponse(root, term);
    case PeerMessage_Which.TIMEOUT_NOW:
      return { type: "timeoutNow", term };
    case PeerMessage_Which.INSTALL_SNAPSHOT_REQUEST:
      return readInstallSnapshotRequest(root.getInstallSnapshotRequest(), term);
    case PeerMessage_Which.INSTALL_SNAPSHOT_RESPONSE:
      return readInstallSnapshotResponse(root.getInstallSnapshotResponse(), term);
    case PeerMessage_Which.STATE_HASH:
      return readStateHash(root.getStateHash(), term);
    default:
      throw new ProtocolError(`Cannot read message ${which}: want one that this build knows`);
  }
}

function readAppendEntriesRequest(root: PeerMessage, term: Term): AppendEntriesFrame {
  const struct = root.getAppendEntriesRequest();
  return checkedRequest({
    type: "appendEntriesRequest",
    term,
    prevLogIndex: toNumber(struct.getPrevLogIndex()),
    prevLogTerm: toNumber(struct.getPrevLogTerm()),
    leaderCommit: toNumber(struct.getLeaderCommit()),
    readSequence: toNumber(struct.getReadSequence()),
    session: struct.getSession(),
    provenToken: struct.getProvenToken(),
    entryCount: struct.getEntryCount(),
    records: struct.getEntries().toUint8Array(),
  });
}

function readAppendEntriesResponse(struct: ResponseStruct, term: Term): AppendEntriesResponse {
  const type = "appendEntriesResponse";
  const readSequence = toNumber(struct.getReadSequence());
  const session = struct.getSession();
  const promiseMs = struct.getPromiseMs();
  const storageFull = struct.getStorageFull();
  if (struct.which() === AppendEntriesResponse_Which.ACCEPTED) {
    const accepted = struct.getAccepted();
    const matchIndex = toNumber(accepted.getMatchIndex());
    const ageToken = accepted.getAgeToken();
    const answer = { type, term, readSequence, session, promiseMs, storageFull } as const;
    return { ...answer, accepted: true, matchIndex, ageToken };
  }
  const rejected = struct.getRejected();
  return {
    type,
    accepted: false,
    term,
    prevLogIndex: toNumber(rejected.getPrevLogIndex()),
    hintIndex: toNumber(rejected.getHintIndex()),
    hintTerm: toNumber(rejected.getHintTerm()),
    readSequence,
    session,
    promiseMs,
    storageFull,
  };
}

function readReadIndexResponse(root: PeerMessage, term: Term): ReadIndexResponse {
  const struct = root.getReadIndexResponse();
  const readId = toNumber(struct.getReadId());
  const readIndex = struct.isReadIndex() ? toNumber(struct.getReadIndex()) : null;
  return { type: "readIndexResponse", term, readId, readIndex };
}

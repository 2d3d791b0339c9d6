/**
 * Messages between clients and nodes as frames and back. Proposals, queries and their answers are
 * placed by hand (client_hot_codec.ts), everything else goes through capnp-ts; what comes whenever
 * a client looks for a leader is read in place (struct_view.ts).
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { fillAdmin, readAdmin } from "./admin_codec.ts";
import { fillBackup, readBackup } from "./backup_codec.ts";
import type { ByteBuilder } from "./byte_builder.ts";
import {
  CONSISTENCIES,
  readPropose,
  readProposeAnswer,
  readQuery,
  readQueryAnswer,
  writePropose,
  writeProposeAnswer,
  writeQuery,
  writeQueryAnswer,
} from "./client_hot_codec.ts";
import type { ClientMessage, ErrorAnswer, ErrorCode } from "./client_messages.ts";
import { sealFrame, verifyFrame } from "./frame_checksum.ts";
import { ClientMessage as MessageStruct, ClientMessage_Which } from "./generated/client.ts";
import { clientClientMessageLayout } from "./generated/layouts.ts";
import { fillHello, fillHelloReply, frameTag, readHello, readHelloReply } from "./hello_codec.ts";
import { ID_BYTES } from "./id_bytes.ts";
import { buildFramed, enumName, enumValue, readFramed } from "./library_message.ts";
import { toNumber, toUint64 } from "./library_message.ts";
import { fillStatus, readStatus } from "./status_codec.ts";
import { viewFramed } from "./struct_view.ts";

const READ_IN_PLACE: ReadonlySet<number> = new Set([
  ClientMessage_Which.HELLO,
  ClientMessage_Which.HELLO_REPLY,
  ClientMessage_Which.STATUS,
  ClientMessage_Which.STATUS_ANSWER,
]);

const ROOT = { structClass: MessageStruct, layout: clientClientMessageLayout };

const ERROR_CODES: readonly ErrorCode[] = [
  "notLeader",
  "overloaded",
  "noQuorum",
  "leadershipLost",
  "requestExpired",
  "tooLarge",
  "invalidRequest",
  "shutdown",
  "tooStale",
  "internal",
  "refused",
  "changeInProgress",
  "answerForgotten",
  "notFound",
  "sessionExpired",
];
const APPLIED: readonly ErrorAnswer["applied"][] = ["no", "yes", "unknown"];

/** Appends any message to what `target` holds, so that one socket write carries many. */
export function writeClientMessage(target: ByteBuilder, message: ClientMessage): void {
  switch (message.type) {
    case "propose":
      return writePropose(target, message);
    case "query":
      return writeQuery(target, message);
    case "proposeAnswer":
      return writeProposeAnswer(target, message);
    case "queryAnswer":
      return writeQueryAnswer(target, message);
    default: {
      const frame = buildFramed(MessageStruct, (root) => fillMessage(root, message));
      sealFrame(frame);
      target.append(frame);
    }
  }
}

/**
 * Decodes one whole frame. What it holds may be views of the frame.
 *
 * @throws {ProtocolError} If it is not a valid message: the connection is to be closed.
 */
export function decodeClientMessage(frame: Uint8Array): ClientMessage {
  verifyFrame(frame);
  return readPropose(frame) ?? readQuery(frame) ?? readProposeAnswer(frame) ??
    readQueryAnswer(frame) ?? readInPlace(frame) ?? readFramed(frame, ROOT, readMessage);
}

/** Reads what is said when a client comes, and when it asks who leads; null for all the rest. */
function readInPlace(frame: Uint8Array): ClientMessage | null {
  const which = frameTag(frame);
  if (!READ_IN_PLACE.has(which)) return null;
  const root = viewFramed(frame, clientClientMessageLayout);
  switch (which) {
    case ClientMessage_Which.HELLO:
      return { type: "hello", hello: readHello(root.struct(0)) };
    case ClientMessage_Which.HELLO_REPLY:
      return { type: "helloReply", reply: readHelloReply(root.struct(0)) };
    case ClientMessage_Which.STATUS:
      return { type: "status", requestId: root.integer(8) };
    default:
      return readStatus(root.struct(0), root.integer(8));
  }
}

type LibraryMessage = Exclude<
  ClientMessage,
  { readonly type: "propose" | "query" | "proposeAnswer" | "queryAnswer" }
>;

function fillMessage(root: MessageStruct, message: LibraryMessage): void {
  switch (message.type) {
    case "hello":
      return fillHello(root.initHello(), message.hello);
    case "helloReply":
      return fillHelloReply(root.initHelloReply(), message.reply);
    case "status":
      root.setRequestId(toUint64(message.requestId));
      return root.setStatus();
    case "statusAnswer":
      root.setRequestId(toUint64(message.requestId));
      return fillStatus(root.initStatusAnswer(), message);
    case "errorAnswer":
      return fillError(root, message);
    case "openSnapshot":
    case "readSnapshot":
    case "snapshotOpened":
    case "snapshotData":
      return fillBackup(root, message);
    default:
      fillAdmin(root, message);
  }
}

function fillError(root: MessageStruct, answer: ErrorAnswer): void {
  root.setRequestId(toUint64(answer.requestId));
  const struct = root.initErrorAnswer();
  struct.setCode(enumValue(ERROR_CODES, answer.code));
  struct.setApplied(enumValue(APPLIED, answer.applied));
  struct.setMessage(answer.message);
  struct.setLeaderId(toUint64(answer.leaderId));
  struct.setLeaderAddress(answer.leaderAddress);
  struct.setLogTimeMs(toUint64(answer.logTimeMs));
  const why = struct.initWhy(answer.why.length);
  for (const [i, line] of answer.why.entries()) why.set(i, line);
  const fix = struct.initFix(answer.fix.length);
  for (const [i, line] of answer.fix.entries()) fix.set(i, line);
}

function readMessage(root: MessageStruct): ClientMessage {
  const requestId = toNumber(root.getRequestId());
  const which = root.which();
  switch (which) {
    case ClientMessage_Which.PROPOSE:
      return readLibraryPropose(root, requestId);
    case ClientMessage_Which.QUERY: {
      const struct = root.getQuery();
      const consistency = enumName(CONSISTENCIES, struct.getConsistency());
      const maxAgeMs = toNumber(struct.getMaxAgeMs());
      const query = struct.getQuery().toUint8Array();
      return { type: "query", requestId, consistency, maxAgeMs, query };
    }
    case ClientMessage_Which.PROPOSE_ANSWER: {
      const struct = root.getProposeAnswer();
      const index = toNumber(struct.getIndex());
      const term = toNumber(struct.getTerm());
      const result = struct.getResult().toUint8Array();
      const duplicate = struct.getDuplicate();
      return { type: "proposeAnswer", requestId, index, term, duplicate, result };
    }
    case ClientMessage_Which.QUERY_ANSWER: {
      const struct = root.getQueryAnswer();
      const servedBy = toNumber(struct.getServedBy());
      const index = toNumber(struct.getIndex());
      const ageMs = toNumber(struct.getAgeMs());
      const result = struct.getResult().toUint8Array();
      return { type: "queryAnswer", requestId, servedBy, index, ageMs, result };
    }
    case ClientMessage_Which.ERROR_ANSWER:
      return readError(root, requestId);
    default: {
      const message = readAdmin(root, requestId) ?? readBackup(root, requestId);
      if (message !== null) return message;
      throw new ProtocolError(`Cannot read message ${which}: want one that this build knows`);
    }
  }
}

function readLibraryPropose(root: MessageStruct, requestId: number): ClientMessage {
  const struct = root.getPropose();
  const commandId = struct.getCommandId().toUint8Array();
  if (commandId.length !== ID_BYTES) {
    throw new ProtocolError(
      `Cannot use a command id of ${commandId.length} bytes: want ${ID_BYTES}`,
    );
  }
  return { type: "propose", requestId, commandId, command: struct.getCommand().toUint8Array() };
}

function readError(root: MessageStruct, requestId: number): ErrorAnswer {
  const struct = root.getErrorAnswer();
  return {
    type: "errorAnswer",
    requestId,
    code: enumName(ERROR_CODES, struct.getCode()),
    applied: enumName(APPLIED, struct.getApplied()),
    message: struct.getMessage(),
    leaderId: toNumber(struct.getLeaderId()),
    leaderAddress: struct.getLeaderAddress(),
    logTimeMs: toNumber(struct.getLogTimeMs()),
    why: struct.getWhy().toArray(),
    fix: struct.getFix().toArray(),
  };
}

/**
 * InstallSnapshot: chunks of a snapshot and their answers, by capnp-ts. A chunk is large, so what
 * the library costs a message does not matter.
 *
 * @module
 */
import type {
  InstallSnapshotRequest,
  InstallSnapshotResponse,
  SnapshotStatus,
} from "../consensus/messages.ts";
import { ProtocolError } from "../errors.ts";
import type { SnapshotId, Term } from "../types.ts";
import type {
  InstallSnapshotRequest as RequestStruct,
  InstallSnapshotResponse as ResponseStruct,
} from "./generated/peer.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toNumber, toUint64 } from "./library_message.ts";

const STATUSES: readonly SnapshotStatus[] = ["receiving", "installed", "refused"];

/** Sets the fields of a chunk. */
export function fillInstallSnapshotRequest(
  struct: RequestStruct,
  message: InstallSnapshotRequest,
): void {
  setData((length) => struct.initSnapshotId(length), idToBytes(message.snapshotId));
  struct.setLastIncludedIndex(toUint64(message.lastIncludedIndex));
  struct.setLastIncludedTerm(toUint64(message.lastIncludedTerm));
  struct.setTotalBytes(toUint64(message.totalBytes));
  struct.setOffset(toUint64(message.offset));
  struct.setDataChecksum(message.dataChecksum);
  struct.setSession(message.session);
  setData((length) => struct.initData(length), message.data);
}

/**
 * Reads a chunk; `data` is a view of the frame, not verified against its checksum.
 *
 * @throws {ProtocolError} If it cannot be part of a snapshot.
 */
export function readInstallSnapshotRequest(
  struct: RequestStruct,
  term: Term,
): InstallSnapshotRequest {
  const totalBytes = toNumber(struct.getTotalBytes());
  const offset = toNumber(struct.getOffset());
  const data = struct.getData().toUint8Array();
  if (offset + data.length > totalBytes) {
    throw new ProtocolError(
      `Cannot use ${data.length} bytes at ${offset} of a snapshot of ${totalBytes} bytes`,
    );
  }
  return {
    type: "installSnapshotRequest",
    term,
    snapshotId: snapshotIdOf(struct),
    lastIncludedIndex: toNumber(struct.getLastIncludedIndex()),
    lastIncludedTerm: toNumber(struct.getLastIncludedTerm()),
    totalBytes,
    offset,
    dataChecksum: struct.getDataChecksum(),
    session: struct.getSession(),
    data,
  };
}

/** Sets the fields of an answer. */
export function fillInstallSnapshotResponse(
  struct: ResponseStruct,
  message: InstallSnapshotResponse,
): void {
  setData((length) => struct.initSnapshotId(length), idToBytes(message.snapshotId));
  struct.setLastIncludedIndex(toUint64(message.lastIncludedIndex));
  struct.setStoredBytes(toUint64(message.storedBytes));
  struct.setSession(message.session);
  struct.setStatus(enumValue(STATUSES, message.status));
}

/**
 * Reads an answer.
 *
 * @throws {ProtocolError} If it names no snapshot.
 */
export function readInstallSnapshotResponse(
  struct: ResponseStruct,
  term: Term,
): InstallSnapshotResponse {
  return {
    type: "installSnapshotResponse",
    term,
    snapshotId: snapshotIdOf(struct),
    lastIncludedIndex: toNumber(struct.getLastIncludedIndex()),
    storedBytes: toNumber(struct.getStoredBytes()),
    session: struct.getSession(),
    status: enumName(STATUSES, struct.getStatus()),
  };
}

function snapshotIdOf(struct: RequestStruct | ResponseStruct): SnapshotId {
  const snapshotId = bytesToId(struct.getSnapshotId().toUint8Array());
  if (snapshotId === "") throw new ProtocolError("Cannot use a snapshot without an id");
  return snapshotId;
}

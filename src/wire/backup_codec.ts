/**
 * What a backup asks for: a snapshot to open, and its bytes. By capnp-ts, for the bytes outweigh
 * the messages.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { SNAPSHOT_SEND_BYTES_MAX } from "../limits.ts";
import { CONSISTENCIES } from "./client_hot_codec.ts";
import type { BackupAnswer, BackupRequest } from "./client_messages.ts";
import { type ClientMessage as MessageStruct, ClientMessage_Which } from "./generated/client.ts";
import { bytesToId, idToBytes } from "./id_bytes.ts";
import { enumName, enumValue, setData, toNumber, toUint64 } from "./library_message.ts";

/** Sets the fields of such a message. */
export function fillBackup(root: MessageStruct, message: BackupRequest | BackupAnswer): void {
  root.setRequestId(toUint64(message.requestId));
  switch (message.type) {
    case "openSnapshot":
      return root.initOpenSnapshot().setConsistency(enumValue(CONSISTENCIES, message.consistency));
    case "readSnapshot":
      return root.initReadSnapshot().setOffset(toUint64(message.offset));
    case "snapshotOpened": {
      const struct = root.initSnapshotOpened();
      struct.setNodeId(toUint64(message.nodeId));
      setData((length) => struct.initSnapshotId(length), idToBytes(message.snapshotId));
      setData((length) => struct.initClusterId(length), idToBytes(message.clusterId));
      struct.setIndex(toUint64(message.index));
      struct.setTerm(toUint64(message.term));
      return struct.setTotalBytes(toUint64(message.totalBytes));
    }
    case "snapshotData": {
      const { data } = message;
      assert(data.length <= SNAPSHOT_SEND_BYTES_MAX, () => `${data.length} bytes in one message`);
      const struct = root.initSnapshotData();
      struct.setOffset(toUint64(message.offset));
      return setData((length) => struct.initData(length), data);
    }
  }
}

/**
 * Reads such a message, or returns null where it is another one. Data is a view of the frame.
 *
 * @throws {ProtocolError} If it is not valid.
 */
export function readBackup(
  root: MessageStruct,
  requestId: number,
): BackupRequest | BackupAnswer | null {
  switch (root.which()) {
    case ClientMessage_Which.OPEN_SNAPSHOT: {
      const consistency = enumName(CONSISTENCIES, root.getOpenSnapshot().getConsistency());
      return { type: "openSnapshot", requestId, consistency };
    }
    case ClientMessage_Which.READ_SNAPSHOT: {
      const offset = toNumber(root.getReadSnapshot().getOffset());
      return { type: "readSnapshot", requestId, offset };
    }
    case ClientMessage_Which.SNAPSHOT_OPENED: {
      const struct = root.getSnapshotOpened();
      return {
        type: "snapshotOpened",
        requestId,
        nodeId: toNumber(struct.getNodeId()),
        snapshotId: bytesToId(struct.getSnapshotId().toUint8Array()),
        clusterId: bytesToId(struct.getClusterId().toUint8Array()),
        index: toNumber(struct.getIndex()),
        term: toNumber(struct.getTerm()),
        totalBytes: toNumber(struct.getTotalBytes()),
      };
    }
    case ClientMessage_Which.SNAPSHOT_DATA: {
      const struct = root.getSnapshotData();
      const offset = toNumber(struct.getOffset());
      return { type: "snapshotData", requestId, offset, data: struct.getData().toUint8Array() };
    }
    default:
      return null;
  }
}

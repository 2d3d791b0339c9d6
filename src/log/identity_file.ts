/**
 * Who a node is, in the file `identity` of its data directory: one checked message
 * (checked_message.ts, magic "identity") with the Identity of schema/storage.capnp.
 *
 * It is written beside as `identity.new`, synced, renamed, and the directory synced: a crash leaves
 * the old one or the new one. A bad identity is never the trace of a crash.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { BadDataError, ProtocolError } from "../errors.ts";
import { FileError, type Runtime } from "../runtime/runtime.ts";
import type { Address } from "../types.ts";
import { decodeIdentity, encodeIdentity, type Identity } from "../wire/storage_codec.ts";
import { decodeChecked, encodeChecked } from "./checked_message.ts";
import { DAMAGED_IDENTITY_FIX } from "./damaged_directory.ts";
import { newerFormatError } from "./newer_format_error.ts";
import { isShortage, NoRoomError } from "./no_room_error.ts";
import { syncFile } from "./sync_file.ts";

/** The version of the data directory that this build writes, and the newest that it reads. */
export const DATA_FORMAT_VERSION = 1;

const MAGIC = "identity";

/** The size above which a file cannot be an identity. */
const IDENTITY_BYTES_MAX = 64 * 1024;

/** The path of the identity in the data directory at `path`. */
export function identityPath(path: string): string {
  return `${path}/identity`;
}

/**
 * Writes the identity of the data directory at `path`, durably and in one step.
 *
 * @throws {NoRoomError} If there is no room for it: the old one stays.
 */
export async function writeIdentity(
  runtime: Runtime,
  path: string,
  identity: Identity,
): Promise<void> {
  const { files } = runtime;
  const header = { magic: MAGIC, formatVersion: DATA_FORMAT_VERSION, generation: 0 };
  const bytes = encodeChecked(header, encodeIdentity(identity));
  assert(identity.formatVersion === DATA_FORMAT_VERSION, () => `version ${identity.formatVersion}`);
  assert(bytes.length <= IDENTITY_BYTES_MAX, () => `the identity has ${bytes.length} bytes`);
  const temporary = `${identityPath(path)}.new`;
  try {
    const file = await files.open(temporary, "write");
    try {
      await file.truncate(0);
      file.write([bytes], 0);
      await syncFile(file);
    } finally {
      await file.close();
    }
    await files.rename(temporary, identityPath(path));
  } catch (error) {
    if (!isShortage(error)) throw error;
    await files.remove(temporary).catch(() => {});
    throw new NoRoomError(bytes.length, error);
  }
  await files.syncDirectory(path);
}

/**
 * Reads the identity of the data directory at `path`, which must have one.
 *
 * @throws {BadDataError} If it is damaged or of a newer version.
 */
export async function readIdentity(runtime: Runtime, path: string): Promise<Identity> {
  const file = await runtime.files.open(identityPath(path), "read");
  const bytes = new Uint8Array(IDENTITY_BYTES_MAX);
  const count = await file.read(bytes, 0);
  await file.close();
  assert(count <= bytes.length, () => `read ${count} bytes into ${bytes.length}`);
  const checked = decodeChecked(MAGIC, bytes.subarray(0, count));
  if (typeof checked === "string") throw damaged(path, checked);
  const { formatVersion, message } = checked;
  if (formatVersion > DATA_FORMAT_VERSION) {
    throw newerFormatError(path, { found: formatVersion, known: DATA_FORMAT_VERSION });
  }
  try {
    const identity = decodeIdentity(message);
    if (identity.nodeId < 1) throw damaged(path, `its node id is ${identity.nodeId}`);
    if (identity.instanceId === "") throw damaged(path, "its instance id is empty");
    return identity;
  } catch (error) {
    if (error instanceof ProtocolError) throw damaged(path, error.message);
    throw error;
  }
}

/** How a cluster knows a node. */
export interface KnownAs {
  readonly clusterName: string;
  /** Where the others reach the node; null for one that was restored and never started. */
  readonly address: Address | null;
}

/**
 * How its cluster knows the node of the data directory at `path`; null where there is no directory,
 * or none that belongs to a cluster yet. Takes no lock and changes nothing.
 *
 * @throws {BadDataError} If the identity is damaged or of a newer version.
 */
export async function readKnownAs(runtime: Runtime, path: string): Promise<KnownAs | null> {
  try {
    const { born, clusterName, members, nodeId, replaces } = await readIdentity(runtime, path);
    const own = members.find(({ id }) => id === nodeId);
    const isKnown = born || replaces.length > 0;
    return isKnown && own !== undefined ? { clusterName, address: own.address || null } : null;
  } catch (error) {
    // What else the path may be, whoever opens the directory says.
    if (error instanceof FileError && ["ENOENT", "ENOTDIR"].includes(error.code)) return null;
    throw error;
  }
}

function damaged(path: string, fault: string): BadDataError {
  const message = `Cannot trust "${identityPath(path)}": ${fault}`;
  return new BadDataError(message, DAMAGED_IDENTITY_FIX);
}

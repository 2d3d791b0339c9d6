import { UsageError } from "../../config/usage_error.ts";
import { BadDataError } from "../../errors.ts";
import { readSnapshotState } from "../../log/snapshot_file.ts";
import type { StoredSnapshot } from "../../log/snapshot_store.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { ByteSource } from "../../state_machine/byte_source.ts";
import { DEDUPLICATION_LIMITS } from "../../state_machine/deduplication.ts";
import { restoreDeduplication } from "../../state_machine/deduplication_snapshot.ts";
import {
  type KeyValueSummary,
  readKeyValueSummary,
} from "../../state_machine/key_value_snapshot.ts";
import { restoreSessions } from "../../state_machine/session_snapshot.ts";
import { SESSION_LIMITS } from "../../state_machine/session_table.ts";
import { CommandFailure } from "../command_failure.ts";
import { ExitCode } from "../exit_codes.ts";
import type { JsonObject } from "../json.ts";
import { configurationFields } from "./decode_command.ts";

/** What a snapshot holds, as far as its first frames tell. */
export interface SnapshotContents {
  readonly sessions: number;
  readonly answers: number;
  /** Null where the state is that of another state machine. */
  readonly keyValue: KeyValueSummary | null;
}

/** Refuses standard input, and a file that is not there. */
export async function requireFile(runtime: Runtime, path: string): Promise<void> {
  if (path === "-") {
    throw new UsageError("Cannot read a snapshot from standard input: it is read more than once", {
      fix: ["write it to a file first, then name that one"],
    });
  }
  if (await runtime.files.size(path) !== null) return;
  throw new CommandFailure(`Cannot find the snapshot "${path}"`, {
    exit: ExitCode.notFound,
    fix: [
      "name a file that raft snapshot save wrote, or one in snapshots/ of a data directory",
    ],
  });
}

/** Reads the start of the state, up to what tells how much there is; null where it is bad. */
export async function readContents(
  runtime: Runtime,
  path: string,
  totalBytes: number,
): Promise<SnapshotContents | null> {
  const file = await runtime.files.open(path, "read");
  const source = new ByteSource(readSnapshotState(file, totalBytes));
  try {
    const sessions = (await restoreSessions(source, SESSION_LIMITS)).count;
    const answers = (await restoreDeduplication(source, DEDUPLICATION_LIMITS)).count;
    return { sessions, answers, keyValue: await keyValueSummary(source) };
  } catch (error) {
    if (error instanceof BadDataError) return null;
    throw error;
  } finally {
    await source.close();
    await file.close();
  }
}

/** What a snapshot covers, in a document. */
export function snapshotFields(path: string, { meta, totalBytes }: StoredSnapshot): JsonObject {
  return {
    file: path,
    bytes: totalBytes,
    index: meta.lastIncludedIndex,
    term: meta.lastIncludedTerm,
    timestampMs: meta.logTimeMs,
    clusterId: meta.clusterId,
    snapshotId: meta.snapshotId,
    configurationIndex: meta.configurationIndex,
    configuration: configurationFields(meta.configuration),
  };
}

async function keyValueSummary(source: ByteSource): Promise<KeyValueSummary | null> {
  try {
    return await readKeyValueSummary(source);
  } catch (error) {
    if (error instanceof BadDataError) return null;
    throw error;
  }
}

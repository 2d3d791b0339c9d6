/** A log of which the last unit is damaged, for tests of what an operator does about it. */
import type { DataDirectory } from "../../src/log/data_directory.ts";
import { segmentName } from "../../src/log/segment_header.ts";
import { syncFile } from "../../src/log/sync_file.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { batchByte, createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { encodeEntry } from "../../src/raft/batch_encoder.ts";
import type { RecordBatch } from "../../src/log/log.ts";
import { type Configuration, EntryKind, type Index, type Term } from "../../src/types.ts";
import { encodeConfiguration, type Identity } from "../../src/wire/storage_codec.ts";

/** How many entries are good. */
export const SOUND_ENTRIES = 3;

const SEGMENT_BYTES = 64 * 1024;

/** A configuration of the node of a directory, which is this instance, and of another one. */
export function bindingTo(
  { nodeId, instanceId }: Pick<Identity, "nodeId" | "instanceId">,
): Configuration {
  const voters = [
    { id: nodeId, address: "one:7238", instanceId },
    { id: 9, address: "nine:7238", instanceId: "99".repeat(16) },
  ];
  return { voters, votersOld: [], learners: [], promotions: [] };
}

/** An entry with a configuration. */
export function configurationBatch(
  configuration: Configuration,
  { index, term }: { readonly index: Index; readonly term: Term },
): RecordBatch {
  const header = { firstIndex: index, term, timestampMs: index * 10 };
  return encodeEntry(EntryKind.configuration, encodeConfiguration(configuration), header);
}

/** Writes entries of one term, a configuration first, and damages the one behind the good ones. */
export async function writeDamagedLog(
  runtime: Runtime,
  { directory, term }: { readonly directory: DataDirectory; readonly term: Term },
): Promise<void> {
  const last = SOUND_ENTRIES + 1;
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  for (
    const batch of [
      configurationBatch(bindingTo(directory.identity), { index: 1, term }),
      createBatch({ firstIndex: 2, count: SOUND_ENTRIES - 1, term }),
      createBatch({ firstIndex: last, count: 1, term }),
    ]
  ) {
    log.append(batch);
    await syncLog(log);
  }
  await log.close();
  const file = await runtime.files.open(`${directory.path}/log/${segmentName(1)}`, "write");
  const content = new Uint8Array(SEGMENT_BYTES);
  await file.read(content, 0);
  const at = content.lastIndexOf(batchByte(last, term));
  file.write([Uint8Array.of(content[at]! ^ 1)], at);
  await syncFile(file);
  await file.close();
}

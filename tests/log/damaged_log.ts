/** A log of which the last unit is damaged, for tests of what an operator does about it. */
import type { DataDirectory } from "../../src/log/data_directory.ts";
import { segmentName } from "../../src/log/segment_header.ts";
import { syncFile } from "../../src/log/sync_file.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { batchByte, createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import type { Term } from "../../src/types.ts";

/** How many entries are good. */
export const SOUND_ENTRIES = 3;

const SEGMENT_BYTES = 64 * 1024;

/** Writes entries of one term, and damages the one behind those that are good. */
export async function writeDamagedLog(
  runtime: Runtime,
  { directory, term }: { readonly directory: DataDirectory; readonly term: Term },
): Promise<void> {
  const last = SOUND_ENTRIES + 1;
  const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
  for (const batch of [{ firstIndex: 1, count: SOUND_ENTRIES }, { firstIndex: last, count: 1 }]) {
    log.append(createBatch({ ...batch, term }));
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

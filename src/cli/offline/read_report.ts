import {
  type DirectoryReport,
  verifyDirectory,
  type VerifyOptions,
} from "../../log/offline/verify_directory.ts";
import type { CommandContext } from "../command.ts";
import { startProgress } from "../progress_bar.ts";
import { requireDirectory } from "./data_directory.ts";

/** Reads a data directory, with a bar where that takes long. */
export async function readReport(
  context: CommandContext,
  directory: string,
  options: Pick<VerifyOptions, "isThorough">,
): Promise<DirectoryReport> {
  const runtime = await context.runtime();
  await requireDirectory(runtime, directory);
  const progress = await startProgress(context, "reading");
  try {
    return await verifyDirectory(runtime, directory, {
      ...options,
      onProgress: (done, total) => progress.update(done, total),
    });
  } finally {
    progress.end();
  }
}

/**
 * Work that leaves something behind unless it is cleaned up: a signal ends it by an error.
 *
 * @module
 */
import type { HostProcess } from "../../runtime/process.ts";
import { onStopSignals, signalExitCode } from "../terminal.ts";

/**
 * Runs `work`, with all the cleaning up; on SIGINT or SIGTERM calls `stop`, which must make it
 * fail soon, and ends the process with the code of the signal once it has. A second signal ends it
 * at once.
 */
export async function interruptible<Result>(
  host: HostProcess,
  { work, stop }: { readonly work: () => Promise<Result>; readonly stop: () => void },
): Promise<Result> {
  let code = 0;
  const release = onStopSignals(host, {
    onStop: (signal) => {
      code = signalExitCode(signal);
      stop();
    },
    onStopNow: (signal) => host.exitNow(signalExitCode(signal)),
  });
  try {
    return await work();
  } catch (error) {
    if (code !== 0) host.exitNow(code);
    throw error;
  } finally {
    release();
  }
}

/**
 * The person or supervisor at the other end of the process: signals, and input line by line.
 *
 * @module
 */
import type { HostProcess, SignalName } from "../runtime/process.ts";

/** What a long-running command reacts to. */
export interface StopOptions {
  /** The first signal: stop in good order. */
  readonly onStop: (signal: SignalName) => void;
  /** Any further one: stop at once. */
  readonly onStopNow: (signal: SignalName) => void;
}

/**
 * Reacts to SIGINT and SIGTERM, the first one gracefully and every further one at once.
 *
 * @returns A function that gives the signals back.
 */
export function onStopSignals(host: HostProcess, { onStop, onStopNow }: StopOptions): () => void {
  let count = 0;
  const react = (signal: SignalName) => (): void => {
    count += 1;
    if (count === 1) onStop(signal);
    else onStopNow(signal);
  };
  const releases = (["SIGINT", "SIGTERM"] as const).map((signal) =>
    host.onSignal(signal, react(signal))
  );
  return () => releases.forEach((release) => release());
}

/** The exit code of a process that a signal ended at once. */
export function signalExitCode(signal: SignalName): number {
  return signal === "SIGTERM" ? 143 : 130;
}

/**
 * The lines of a stream of bytes, without their line ends. A last line without one counts.
 *
 * @param chunks The bytes, cut at any place.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = pieces.pop() ?? "";
    for (const piece of pieces) yield piece.replace(/\r$/, "");
  }
  rest += decoder.decode();
  if (rest !== "") yield rest.replace(/\r$/, "");
}

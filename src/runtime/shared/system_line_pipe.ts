/**
 * A pipe inside this process by node:stream.
 *
 * @module
 */
import { PassThrough } from "node:stream";
import type { LinePipe } from "../process.ts";

/** Opens a pipe. */
export function openSystemLinePipe(): LinePipe {
  const readable = new PassThrough();
  const sink = new PassThrough();
  sink.resume();
  return {
    readable,
    sink,
    write: (line) => void readable.write(`${line}\n`),
    close: () => {
      readable.end();
      sink.end();
    },
  };
}

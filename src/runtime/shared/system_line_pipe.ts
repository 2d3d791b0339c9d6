/**
 * A pipe inside this process by node:stream.
 *
 * @module
 */
import { PassThrough } from "node:stream";
import { setImmediate } from "node:timers";
import type { LinePipe } from "../process.ts";

/** Opens a pipe. */
export function openSystemLinePipe(): LinePipe {
  const readable = new PassThrough();
  const sink = new PassThrough();
  sink.resume();
  return {
    readable,
    sink,
    write: (line) => void setImmediate(() => readable.write(`${line}\n`)),
    close: () => {
      readable.end();
      sink.end();
    },
  };
}

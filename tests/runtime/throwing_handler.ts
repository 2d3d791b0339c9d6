/**
 * A process whose handler throws: on the side named by its argument, `accepted` or `dialled`. Such
 * a defect must stop the process, not be swallowed by a socket library.
 */
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { ByteStreamHandler } from "../../src/runtime/runtime.ts";

const thrower: ByteStreamHandler = {
  data() {
    throw new Error("Thrown by the handler");
  },
  closed() {},
};
const quiet: ByteStreamHandler = { data() {}, closed() {} };

const side = process.argv[2];
const { network } = await detectRuntime();
const listener = await network.listen({
  host: "127.0.0.1",
  port: 0,
  onConnection: (stream) => {
    stream.start(side === "accepted" ? thrower : quiet);
    stream.write(new Uint8Array(1));
  },
});
const { port } = listener;
const stream = await network.connect({ host: "127.0.0.1", port, timeoutMs: 10_000 });
stream.start(side === "dialled" ? thrower : quiet);
stream.write(new Uint8Array(1));

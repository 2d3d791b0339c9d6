/**
 * A node from source, on whatever runtime executes this file:
 * `source_node.ts NODE_ID ADDRESS DATA_PATH READY_PATH ID=ADDRESS,…`. It ends with its input.
 */
import { writeFileSync } from "node:fs";
import process from "node:process";
import { detectRuntime, type Logger, startNode } from "../../mod.ts";

const [nodeId, address, dataPath, readyPath, peers] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];

const line = (level: string) => (message: string, fields: object = {}): void => {
  process.stderr.write(`${level} ${message} ${JSON.stringify(fields)}\n`);
};
const logger: Logger = {
  debug: () => {},
  info: line("info"),
  warn: line("warn"),
  error: line("error"),
};

const [host, port] = address.split(":") as [string, string];
const runtime = await detectRuntime();
const node = await startNode(runtime, {
  nodeId: Number(nodeId),
  dataPath,
  listen: { host, port: Number(port) },
  clusterName: "e2e",
  formation: {
    kind: "peers",
    peers: peers.split(",").map((peer) => {
      const [id, at] = peer.split("=") as [string, string];
      return { id: Number(id), address: at };
    }),
  },
  segmentBytes: 256 * 1024,
  version: runtime.name,
  logger,
});
process.stdin.on("end", () => process.exit()).resume();
writeFileSync(readyPath, runtime.name);
const { error } = await node.stopped;
if (error !== null) throw error;

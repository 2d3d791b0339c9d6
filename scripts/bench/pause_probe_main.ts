/**
 * Probes the nodes of a cluster of this project with stale gets; prints a PauseReport.
 *
 * Usage: bun scripts/bench/pause_probe_main.ts PLAN
 *
 * @module
 */
import process from "node:process";
import { benchKey } from "../../src/cli/bench/bench_keys.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { BoundClient } from "./against/bound_client.ts";
import { type PauseProbeOptions, probePauses } from "./pause_probe.ts";

/** What is JSON in the argument. */
export interface PauseProbePlan extends Omit<PauseProbeOptions, "clock" | "nodes"> {
  readonly addresses: readonly string[];
}

const { addresses, ...options }: PauseProbePlan = JSON.parse(process.argv[2]!);
const runtime = await detectRuntime();
const clients = addresses.map((address) => new BoundClient(runtime, address));
await Promise.all(clients.map((client) => client.connected()));
const key = benchKey(0);
const report = await probePauses({
  ...options,
  clock: runtime.clock,
  nodes: clients.map((client) => () => client.look(key)),
});
console.log(JSON.stringify(report));
for (const client of clients) client.close();

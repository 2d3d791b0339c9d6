/**
 * The load of a plan, which is JSON, by another client than `raft bench`; prints what was measured.
 *
 * Usage: bun scripts/bench/against/load_main.ts etcd|framed|raft PLAN
 *
 * @module
 */
import process from "node:process";
import { detectRuntime } from "../../../src/runtime/detect.ts";
import { type KeyValueConnection, runLoad } from "../own_load.ts";
import { BoundClient } from "./bound_client.ts";
import { EtcdClient } from "./etcd_client.ts";
import { FramedClient } from "./framed_client.ts";

const [protocol, plan] = process.argv.slice(2);
const runtime = await detectRuntime();

const connects: Readonly<Record<string, (address: string) => KeyValueConnection>> = {
  etcd: (address) => new EtcdClient(address),
  framed: (address) => new FramedClient(address),
  raft: (address) => new BoundClient(runtime, address),
};

await runLoad(JSON.parse(plan!), connects[protocol!]!);

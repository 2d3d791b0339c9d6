/**
 * The load of a plan, which is JSON, on a system that is not this one; prints what was measured.
 *
 * Usage: bun scripts/bench/against/load_main.ts etcd|framed PLAN
 *
 * @module
 */
import process from "node:process";
import { runLoad } from "../own_load.ts";
import { EtcdClient } from "./etcd_client.ts";
import { FramedClient } from "./framed_client.ts";

const [protocol, plan] = process.argv.slice(2);
await runLoad(
  JSON.parse(plan!),
  (address) => protocol === "etcd" ? new EtcdClient(address) : new FramedClient(address),
);

/**
 * The load of a plan, which is JSON, on etcd; prints what was measured.
 *
 * Usage: bun scripts/bench/against/etcd_load.ts PLAN
 *
 * @module
 */
import process from "node:process";
import { runLoad } from "../own_load.ts";
import { EtcdClient } from "./etcd_client.ts";

await runLoad(JSON.parse(process.argv[2]!), (address) => new EtcdClient(address));

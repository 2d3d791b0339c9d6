/** Both logs keep the contract: in memory, on a real disk, and on a simulated one. */
import { StorageError } from "../../src/errors.ts";
import { MemoryLog } from "../../src/log/memory_log.ts";
import { SegmentedLog } from "../../src/log/segmented_log.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { logContract, type LogWorld } from "../../src/testing/log_contract.ts";
import { createRealDirectory } from "./real_log_directory.ts";
import { DATA_PATH, LogMachine } from "./simulated_log_machine.ts";

const SEGMENT_BYTES = 64 * 1024;

async function createMemoryWorld(): Promise<LogWorld> {
  const { clock } = await detectRuntime();
  let log = new MemoryLog({ clock });
  return {
    open: () => {
      log = log.crash();
      return Promise.resolve(log);
    },
    restart: () => {
      log = log.crash();
      return Promise.resolve(log);
    },
    failNextSync: () => log.failNextSync(new StorageError("Broken by a test")),
    run: (body) => body(),
    dispose: () => Promise.resolve(),
  };
}

async function createRealWorld(): Promise<LogWorld> {
  const { path, runtime, failNextSync, dispose } = await createRealDirectory();
  const open = () =>
    SegmentedLog.open(runtime, { path, segmentBytes: SEGMENT_BYTES, create: true });
  return {
    open,
    restart: async (log) => {
      await log.close();
      return open();
    },
    failNextSync: () => failNextSync(),
    run: (body) => body(),
    dispose,
  };
}

let seed = 0;

async function createSimulatedWorld(): Promise<LogWorld> {
  seed += 1;
  const machine = new LogMachine(seed);
  const open = () => {
    const runtime = machine.runtime ?? machine.reboot();
    return SegmentedLog.open(runtime, {
      path: DATA_PATH,
      segmentBytes: SEGMENT_BYTES,
      create: true,
    });
  };
  return {
    open,
    restart: () => {
      machine.reboot();
      return open();
    },
    failNextSync: () => machine.failNextSync(),
    run: async (body) => {
      await machine.start();
      await machine.run(body);
    },
    dispose: () => Promise.resolve(),
  };
}

logContract({ name: "MemoryLog", createWorld: createMemoryWorld });
logContract({ name: "SegmentedLog on a real disk", createWorld: createRealWorld });
logContract({ name: "SegmentedLog on a simulated disk", createWorld: createSimulatedWorld });

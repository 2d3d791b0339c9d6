/**
 * The real world for one test of the runtime contract: loopback and a temporary directory.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { RuntimeHarness } from "../../src/testing/runtime_contract.ts";

/** The runtime that executes this file. */
export const runningRuntime: "node" | "deno" | "bun" = "Deno" in globalThis
  ? "deno"
  : "Bun" in globalThis
  ? "bun"
  : "node";

/** The arguments before a script that runs it on this runtime. */
export const runArguments: readonly string[] = {
  node: ["--import", "tsx"],
  deno: ["run", "-A"],
  bun: [],
}[runningRuntime];

/** Why the tests of the runtime `name` cannot run here, or nothing where they can. */
export function skipUnless(name: "node" | "deno" | "bun"): { readonly skip?: string } {
  return name === runningRuntime ? {} : { skip: `runs on ${name}, this is ${runningRuntime}` };
}

/**
 * Listens, tells its port and then never runs again: the kernel completes as many connections as
 * the backlog holds and ignores all others. It ends by itself, should its test be killed.
 */
const SILENT_LISTENER = `
  const options = { host: "127.0.0.1", port: 0, backlog: 1 };
  const server = require("node:net").createServer().listen(options, () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    process.exit();
  });
`;

/** Makes a fresh world. */
export async function createRealHarness(): Promise<RuntimeHarness> {
  const runtime = await detectRuntime();
  const directory = await mkdtemp(join(tmpdir(), "raft-runtime-"));
  const cleanUps: (() => Promise<void> | void)[] = [
    () => rm(directory, { recursive: true, force: true }),
  ];
  const harness: RuntimeHarness = {
    runtime,
    host: "127.0.0.1",
    directory,
    run: (body) => body(),
    async silentAddress() {
      const child = spawn("node", ["-e", SILENT_LISTENER], { stdio: ["ignore", "pipe", "ignore"] });
      cleanUps.push(() => void child.kill("SIGKILL"));
      const port = await new Promise<number>((resolve, reject) => {
        child.on("error", reject);
        child.stdout.on("data", (text: Uint8Array) => resolve(Number(text.toString())));
      });
      const address = { host: "127.0.0.1", port };
      await fillBacklog(harness, address);
      return address;
    },
    async dispose() {
      for (const cleanUp of cleanUps) await cleanUp();
    },
  };
  return harness;

  async function fillBacklog(
    { runtime: { network } }: RuntimeHarness,
    address: { readonly host: string; readonly port: number },
  ): Promise<void> {
    for (let connection = 0; connection < 16; connection += 1) {
      try {
        const stream = await network.connect({ ...address, timeoutMs: 300 });
        cleanUps.push(() => stream.destroy());
      } catch {
        return;
      }
    }
    throw new Error("The backlog never fills");
  }
}

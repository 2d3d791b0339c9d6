import { catalogue } from "../../src/cli/catalogue.ts";
import { Session } from "../../src/cli/session.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import type { Runtime } from "../../src/runtime/runtime.ts";
import { FakeCluster } from "./fake_cluster.ts";
import { FakeHost } from "./fake_host.ts";

/** How a command line ended and what it printed. */
export interface Ran {
  readonly exit: number;
  readonly output: string;
  readonly errors: string;
  readonly host: FakeHost;
  readonly cluster: FakeCluster;
}

/** What there is before the line is run. */
export interface World {
  readonly host?: FakeHost;
  readonly cluster?: FakeCluster;
  readonly runtime?: Runtime;
}

/** Runs a command line against a cluster in memory. */
export async function runLine(words: readonly string[], world: World = {}): Promise<Ran> {
  const host = world.host ?? new FakeHost();
  const cluster = world.cluster ?? new FakeCluster();
  const session = new Session({
    host,
    catalogue,
    program: { version: "1.2.3", commit: "abc" },
    detect: () => world.runtime === undefined ? detectRuntime() : Promise.resolve(world.runtime),
    connect: () => Promise.resolve(cluster),
  });
  const { exit } = await session.run(words, { print: true });
  const { standardOutput, standardError } = host;
  return { exit, output: standardOutput.text, errors: standardError.text, host, cluster };
}

/**
 * SIGKILL of all nodes at once, again and again, under full load; after each the nodes start from
 * what they had made durable, and everything that was acknowledged must be there.
 *
 * How many writes are acknowledged before a kill follows from a seed; what the nodes do at that
 * moment does not.
 *
 * @module
 */
import { Prng } from "../../../src/testing/prng.ts";
import { eventually } from "./eventually.ts";
import { KeyWriter } from "./key_writer.ts";
import { TestCluster } from "./test_cluster.ts";

/** Small, so that kills meet snapshots, segments that begin and logs that are cut. */
const FLAGS = ["--snapshot-every", "5000", "--segment-bytes", "256KiB", "--trailing-entries", "50"];
/** What was written in every such round is looked at again in the end. */
const KEPT_EVERY_ROUNDS = 10;

/** How much is done. */
export interface KillAllOptions {
  readonly seed: string;
  readonly rounds: number;
  /** Writes under way at the same time. */
  readonly writes: number;
  /** At most so many are acknowledged in a round before the kill. */
  readonly acknowledgedMax: number;
  /** Told what happens. */
  readonly say?: (line: string) => void;
}

/** What clients were told, over all rounds. */
export interface KillAllReport {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  /** From the start of the processes until all of them listen; sorted, a round each. */
  readonly startMs: readonly number[];
  /** As the logs of the nodes tell. */
  readonly snapshotsTaken: number;
  readonly tornTails: number;
}

/** Kills and starts a cluster of its own, and fails where anything acknowledged is lost. */
export async function runKillAll(options: KillAllOptions): Promise<KillAllReport> {
  const { seed, rounds, writes, acknowledgedMax, say } = options;
  const cluster = await TestCluster.create({ flags: FLAGS });
  const draws = new Prng(seed);
  const sums = { acknowledged: 0, refused: 0, unknown: 0 };
  const startMs: number[] = [];
  const kept: KeyWriter[] = [];
  try {
    await cluster.start();
    const { store } = await cluster.client();
    for (let round = 0; round < rounds; round += 1) {
      const prefix = `${round}/`;
      const writer = new KeyWriter(store, { prefix, count: writes });
      const enough = draws.range(1, acknowledgedMax);
      await eventually({
        what: `${enough} acknowledged writes`,
        look: () => writer.acknowledged.size >= enough || null,
      });
      for (const node of cluster.nodes) node.signal("SIGKILL");
      await Promise.all(cluster.nodes.map((node) => node.process.ended));
      const sinceMs = performance.now();
      await Promise.all(cluster.nodes.map((node) => node.start()));
      startMs.push(Math.round(performance.now() - sinceMs));
      await writer.stop();
      await writer.assertKept(store);
      sums.acknowledged += writer.acknowledged.size;
      sums.refused += writer.refused.size;
      sums.unknown += writer.unknown.size;
      say?.(`round ${round}: ${writer.acknowledged.size} acknowledged, start ${startMs.at(-1)} ms`);
      if (round % KEPT_EVERY_ROUNDS === 0) kept.push(writer);
      else await store.deletePrefix(prefix);
    }
    for (const node of cluster.nodes) {
      for (const writer of kept) await writer.assertKept(store, node.address);
    }
    await cluster.caughtUp();
    const countLines = (text: string): number =>
      cluster.nodes.reduce((sum, { log }) => sum + log.split(text).length - 1, 0);
    return {
      rounds,
      ...sums,
      startMs: startMs.sort((a, b) => a - b),
      snapshotsTaken: countLines("Took a snapshot"),
      tornTails: countLines("Cut a torn tail"),
    };
  } catch (error) {
    cluster.showLogs();
    throw error;
  } finally {
    await cluster.dispose();
  }
}

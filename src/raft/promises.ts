/**
 * What a node remembers of its promises to leaders (see consensus/lease.ts) for its next start: the
 * longest one that may last. A node that starts elects nobody for as long; one that runs without
 * lease reads promises nothing, so it notes that it need not wait.
 *
 * The note is durable before the node takes part with a longer promise than noted. It gets shorter
 * only when the node has run for as long as it says, and has promised no more than the new one. So
 * it covers every promise that lasts, whatever the election timeouts of the lives before were.
 *
 * @module
 */
import { PROMISE_MS_MAX } from "../limits.ts";
import type { DataDirectory } from "../log/data_directory.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { NodeId } from "../types.ts";
import type { LogContents } from "./log_contents.ts";
import type { Members } from "./members.ts";
import type { RaftTiming } from "./raft_options.ts";

/** What a node with lease reads promises: it grants nothing for an election timeout. Else 0. */
export function promiseMsOf({ leaseReads, electionTimeoutMs }: RaftTiming): number {
  return !leaseReads ? 0 : Math.min(PROMISE_MS_MAX, Math.floor(electionTimeoutMs));
}

/** Before a node takes part: it may promise as much as its timing says from now on. */
export async function allowPromises(
  directory: Pick<DataDirectory, "identity" | "saveIdentity">,
  timing: RaftTiming,
  logger?: Pick<Logger, "warn">,
): Promise<void> {
  const { identity } = directory;
  const promiseMs = promiseMsOf(timing);
  const notedMs = identity.promiseMs ?? 0;
  if (notedMs > timing.electionTimeoutMs) {
    logger?.warn("This node elects nobody for a while: it has promised that before this start", {
      forMs: notedMs,
    });
  }
  if (promiseMs > notedMs) await directory.saveIdentity({ ...identity, promiseMs });
}

/**
 * How long after its start a node elects nobody, for a promise of before may last; 0 where none
 * does. A promise that nobody noted is taken for one of the election timeout.
 */
export function owedMsOf(
  { promiseMs }: Pick<DataDirectory["identity"], "promiseMs">,
  { electionTimeoutMs }: Pick<RaftTiming, "electionTimeoutMs">,
): number {
  return promiseMs === 0 ? 0 : Math.max(promiseMs ?? 0, electionTimeoutMs);
}

/** Notes what this life promises at most, once what an earlier life may have promised is over. */
export function notePromises(
  { clock, identity, members, stopped, ...timing }: RaftTiming & {
    readonly clock: Clock;
    readonly identity: Pick<DataDirectory["identity"], "promiseMs">;
    readonly members: Pick<Members, "promisesAtMost">;
    readonly stopped: Promise<unknown>;
  },
): void {
  const promiseMs = promiseMsOf(timing);
  if (identity.promiseMs === promiseMs) return;
  const owedMs = owedMsOf(identity, timing);
  const timer = clock.setTimer(() => members.promisesAtMost(promiseMs), owedMs);
  void stopped.then(() => clock.clearTimer(timer));
}

/**
 * Whether a node is, and always was, the only voter. No other node has ever led its cluster with a
 * committed entry, so it has promised nothing that matters, and need not wait before it leads.
 */
export function isAloneFromBirth(nodeId: NodeId, contents: LogContents): boolean {
  const latest = contents.configurations[contents.configurations.length - 1];
  if (latest === undefined || latest.index > 1) return false;
  const { voters, votersOld } = latest.configuration;
  return voters.length === 1 && voters[0]!.id === nodeId && votersOld.length === 0;
}

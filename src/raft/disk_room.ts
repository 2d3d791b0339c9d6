/**
 * Says what is the matter where a log has no room for more: to the logs, in the status, and to
 * those whose commands are refused for it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { formatSize } from "../config/units.ts";
import type { Consensus } from "../consensus/consensus.ts";
import { RefusedError } from "../errors.ts";
import type { Log, LogShortage } from "../log/log.ts";
import type { Logger } from "../observability/logger.ts";
import type { NodeId } from "../types.ts";

/** The room of one node, in words. */
export class DiskRoom {
  readonly #consensus: Consensus;
  readonly #log: Pick<Log, "shortage">;
  readonly #logger: Logger;

  /** Speaks of the log of `consensus`. */
  constructor(consensus: Consensus, log: Pick<Log, "shortage">, logger: Logger) {
    this.#consensus = consensus;
    this.#log = log;
    this.#logger = logger;
  }

  /** Whether there is none. */
  get isFull(): boolean {
    return this.#shortage !== null;
  }

  /** What people should know of it, a sentence each. */
  get notes(): readonly string[] {
    const shortage = this.#shortage;
    return shortage === null ? [] : [`no room for more of the log: ${describe(shortage)}`];
  }

  /** A shortage began or ended: a line for the log. */
  changed(): void {
    const shortage = this.#shortage;
    if (shortage === null) {
      this.#logger.info("There is room for the log again: this node takes commands");
      return;
    }
    this.#logger.error("There is no room for more of the log: this node takes no more commands", {
      reason: shortage.reason,
      neededBytes: shortage.neededBytes,
      ...(shortage.freeBytes === null ? {} : { freeBytes: shortage.freeBytes }),
      fix: fixOf(shortage, this.#consensus.nodeId)[0],
    });
  }

  /** The error for a command that this leader does not take. */
  refusal(): RefusedError {
    const shortage = this.#shortage;
    const { nodeId, withoutRoom, configuration } = this.#consensus.status();
    if (shortage !== null) {
      return new RefusedError(
        `Cannot take the command as node ${nodeId} has no room for more of its log: it was not ` +
          "applied",
        [describe(shortage)],
        { fix: fixOf(shortage, nodeId) },
      );
    }
    const { voters } = configuration;
    const full = voters.filter(({ id }) => withoutRoom.includes(id)).map(({ id }) => id);
    return new RefusedError(
      "Cannot take the command as too few nodes have room for it: it was not applied",
      [`${full.length} of ${voters.length} voters have no room for more: ${nodes(full)}`],
      {
        fix: [
          `free room on the disk of ${nodes(full)}: it goes on by itself within seconds`,
          "see what each node lacks: raft status",
        ],
      },
    );
  }

  get #shortage(): LogShortage | null {
    return this.#log.shortage ?? null;
  }
}

/** What is lacking, with the numbers. */
function describe({ reason, neededBytes, freeBytes, isDisk }: LogShortage): string {
  assert(neededBytes > 0, () => `${neededBytes} bytes are lacking`);
  if (!isDisk) return reason;
  const free = freeBytes === null ? "" : `${formatSize(freeBytes)} are free, and `;
  return `${reason}: ${free}the next segment takes ${formatSize(neededBytes)}`;
}

/** The way out of it. */
function fixOf({ isDisk }: LogShortage, nodeId: NodeId): readonly string[] {
  if (!isDisk) {
    return [`raise the limit of open files of node ${nodeId} (ulimit -n), or close some`];
  }
  return [
    `free room on the disk of node ${nodeId}, or enlarge it: it goes on by itself within seconds`,
    `or replace it by a node with more room: raft member replace ${nodeId} NEW HOST:PORT`,
  ];
}

function nodes(ids: readonly NodeId[]): string {
  return ids.map((id) => `node ${id}`).join(", ");
}

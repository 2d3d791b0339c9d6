/**
 * Tells people, by log lines, who leads.
 *
 * @module
 */
import type { SoftState } from "../consensus/effects.ts";
import type { Logger } from "../observability/logger.ts";
import type { Term } from "../types.ts";

/** The lines of one node. */
export class LeaderNews {
  readonly #logger: Logger;
  #knewLeader = false;
  #lastTerm: Term = 0;
  #changesCount = 0;

  /** Creates the news of a node that knows no leader. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** How often somebody else led, or led again, than before. */
  get changesCount(): number {
    return this.#changesCount;
  }

  /** Role, term or leader changed. */
  tell({ role, term, leaderId: leader }: SoftState): void {
    // There is one leader a term (§5.2).
    if (leader !== null && term !== this.#lastTerm) {
      this.#lastTerm = term;
      this.#changesCount += 1;
    }
    // Who leads is worth a line; who tries to, again and again while a quorum is away, is not.
    if (role === "leader") this.#logger.info("This node leads", { term });
    else if (leader !== null) this.#logger.info("Follows a leader", { term, leader });
    else if (this.#knewLeader) this.#logger.warn("No leader is known", { term });
    else this.#logger.debug("No leader is known", { role, term });
    this.#knewLeader = leader !== null;
  }
}

/**
 * Keeps the address of a node right in the configuration where nobody else could: a node that is
 * its cluster's only member says itself where it is reached. A node that was restored from a
 * backup learns its address that way, at its first start, and one that moved may go on.
 *
 * With other members this is for the operator: they would all dial the new address, and a wrong one
 * costs a vote (`raft member set`).
 *
 * @module
 */
import type { Consensus } from "../consensus/consensus.ts";
import { allMembers, memberOf } from "../consensus/quorum.ts";
import { ChangeInProgressError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Address, MemberChange } from "../types.ts";
import type { DriverLoop } from "./driver_loop.ts";

/** What the address is kept with. */
export interface OwnAddressOptions {
  readonly clock: Clock;
  readonly consensus: Consensus;
  readonly driver: () => DriverLoop;
  /** Where others reach this node, as it was started. */
  readonly address: () => Address;
  /** The pause before another try, while the leader was elected just now, in milliseconds. */
  readonly retryMs: number;
  readonly logger: Logger;
}

/** The address of one node. */
export class OwnAddress {
  readonly #options: OwnAddressOptions;
  #isAsking = false;

  /** Creates it; nothing happens before {@linkcode OwnAddress.check}. */
  constructor(options: OwnAddressOptions) {
    this.#options = options;
  }

  /** Role or leader changed: sets the address where this node leads, alone, under another one. */
  check(): void {
    if (this.#isAsking || !this.#isWrong()) return;
    this.#isAsking = true;
    const { consensus, driver, address, logger, clock, retryMs } = this.#options;
    const own = address();
    const change: MemberChange = {
      action: "setAddress",
      id: consensus.nodeId,
      address: own,
      instanceId: "",
    };
    driver().changeMembership({ changes: [change], force: false }).then(() => {
      this.#isAsking = false;
      logger.info("This node is reached at another address from now on", { address: own });
    }, (error) => {
      this.#isAsking = false;
      // The leader has committed nothing yet. Whatever else it is, the next election tries again.
      if (error instanceof ChangeInProgressError) clock.setTimer(() => this.check(), retryMs);
    });
  }

  #isWrong(): boolean {
    const { consensus, address } = this.#options;
    if (!consensus.isLeader) return false;
    const known = memberOf(consensus.configuration, consensus.nodeId)?.address ?? null;
    if (known === null || known === address()) return false;
    return known === "" || allMembers(consensus.configuration).length === 1;
  }
}

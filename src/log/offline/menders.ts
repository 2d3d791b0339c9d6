/**
 * Whether the other members could mend a node, by what its data directory knows of them.
 *
 * @module
 */
import { hasQuorum, majority } from "../../consensus/quorum.ts";
import type { Configuration, Member, NodeId } from "../../types.ts";
import { latestConfiguration } from "./directory_contents.ts";
import type { DirectoryReport } from "./verify_directory.ts";

/** What the latest configuration in a data directory says of the members besides its node. */
export interface Menders {
  /** Whether this node is known to be the only voter: nobody else has what this node has stored. */
  readonly isAlone: boolean;
  /** Whether the other voters are a majority without this node. */
  readonly areMajority: boolean;
  /** How many there are and how many are needed, in words. */
  readonly numbers: string;
}

/**
 * Who could mend the node of a data directory; null where that is no question: the identity cannot
 * be read, or the directory was set up anew already and has promised nothing since.
 */
export function mendersOf({ identity, log, snapshots }: DirectoryReport): Menders | null {
  if (identity === null || identity.replaces.length > 0) return null;
  const { nodeId, members } = identity;
  const stored = latestConfiguration(log, snapshots);
  // The identity tells the founders alone, so it counts only where log and snapshots tell nothing.
  const founders = { voters: members, votersOld: [], learners: [], promotions: [] };
  const configuration: Configuration = stored?.configuration ?? founders;
  if (configuration.voters.length === 0) {
    const numbers = "no configuration can be read in it, so it tells nothing of other members";
    return { isAlone: false, areMajority: false, numbers };
  }
  const halves = [configuration.voters, configuration.votersOld].filter(({ length }) => length > 0);
  const source = stored === null ? "its identity" : `the configuration of index ${stored.index}`;
  return {
    isAlone: halves.flat().every(({ id }) => id === nodeId),
    areMajority: hasQuorum(configuration, (id) => id !== nodeId),
    numbers: `${halves.map((half) => numbersOf(half, nodeId)).join(", and ")}, by ${source}`,
  };
}

function numbersOf(voters: readonly Member[], nodeId: NodeId): string {
  const others = voters.filter(({ id }) => id !== nodeId).length;
  const count = voters.length === 1 ? "1 voter" : `${voters.length} voters`;
  return `without node ${nodeId}, ${others} of ${count} would be left, and ` +
    `${majority(voters.length)} must agree to take it back`;
}

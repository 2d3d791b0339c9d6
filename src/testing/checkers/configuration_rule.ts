/**
 * §6 of the paper: a change of the members is safe where "there is no point during the transition
 * where it is possible for two leaders to be elected for the same term". So each quorum of a
 * configuration must share a voter with each quorum of the one before it in the log.
 *
 * Model: a voter is a data directory, by the instance that the configuration names, and not an id:
 * another directory under the same id knows nothing of the votes and entries of the first.
 *
 * @module
 */
import type { Configuration, Member } from "../../types.ts";
import type { ConfigurationAt } from "./quorum_rule.ts";
import { PropertyViolation } from "./property_violation.ts";

/** Throws where two configurations, one after the other in a log, could decide apart. */
export function checkChange(before: ConfigurationAt, after: ConfigurationAt): void {
  const nobody = after.configuration.voters.find(({ instanceId }) => instanceId === "");
  if (nobody !== undefined) {
    throw new PropertyViolation(
      "Configuration rule",
      `voter ${nobody.id} of index ${after.index} has no data directory: any may vote as it`,
    );
  }
  const overlaps = halves(before.configuration).some((one) =>
    halves(after.configuration).some((other) => share(one, other))
  );
  if (overlaps) return;
  throw new PropertyViolation(
    "Configuration rule",
    `a majority of nodes ${
      describe(after)
    } (index ${after.index}) need not share a node with one ` +
      `of ${describe(before)} (index ${before.index})`,
  );
}

/** Whether every majority of one has a voter in every majority of the other. */
function share(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  const all = new Set([...one, ...other]);
  return majority(one.size) + majority(other.size) > all.size;
}

function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** A joint configuration decides by majorities of both halves. */
function halves({ voters, votersOld }: Configuration): ReadonlySet<string>[] {
  return [voters, votersOld].filter(({ length }) => length > 0).map(directoriesOf);
}

function directoriesOf(voters: readonly Member[]): ReadonlySet<string> {
  return new Set(voters.map(({ id, instanceId }) => `${id} ${instanceId}`));
}

function describe({ configuration: { voters, votersOld } }: ConfigurationAt): string {
  const lists = votersOld.length > 0 ? [votersOld, voters] : [voters];
  return lists.map((list) => list.map(({ id }) => id).join(", ")).join(" and ");
}

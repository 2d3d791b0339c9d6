/**
 * Changes of the members from the command line: what cannot be meant is refused before anything is
 * sent, and what the cluster refuses is told with its numbers.
 *
 * @module
 */
import type { MembershipOutcome } from "../client/cluster_administration.ts";
import type { ClusterMember, Membership } from "../client/membership.ts";
import { isLoopback, isWildcard, parseAddress } from "../config/address.ts";
import { UsageError } from "../config/usage_error.ts";
import { RefusedError, UnknownOutcomeError } from "../errors.ts";
import { requestReportOf } from "../client/request_report.ts";
import type { Address, NodeId } from "../types.ts";
import type { MemberAction, MemberChange } from "../wire/client_messages.ts";
import { CommandFailure } from "./command_failure.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";

/** A change of one member; the address for those that have one. */
export function memberChange(
  action: MemberAction,
  id: NodeId,
  address: Address = "",
): MemberChange {
  return { action, id, address, instanceId: "" };
}

/** The member with this id; exit code 3 where there is none. */
export function requireMember({ members }: Membership, id: NodeId): ClusterMember {
  const member = members.find((other) => other.id === id);
  if (member !== undefined) return member;
  throw new CommandFailure(`node ${id} is no member: nothing was changed`, {
    exit: ExitCode.notFound,
    why: [`the members are ${members.map((other) => other.id).join(", ")}`],
    fix: ["see who is: raft member ls"],
  });
}

/** Refuses an address at which the others could not reach node `id`. */
export function checkAddress({ members }: Membership, id: NodeId, address: Address): void {
  const { port } = parseAddress(address);
  if (isWildcard(address) || port === 0) {
    throw new UsageError(`Cannot use ${address} for node ${id}: nobody can be reached there`, {
      fix: ["give the address and port at which the other nodes reach it"],
    });
  }
  const holder = members.find((other) => other.id !== id && other.address === address);
  if (holder !== undefined) {
    throw new CommandFailure(`Cannot use ${address} for node ${id}: node ${holder.id} is there`, {
      exit: ExitCode.refused,
      fix: [
        "every member has an address of its own",
        `in place of node ${holder.id}: raft member remove ${holder.id} first`,
      ],
    });
  }
  const far = members.find((other) => other.id !== id && !isLoopback(other.address));
  if (isLoopback(address) && far !== undefined) {
    const what = `Cannot use ${address} for node ${id}: only its own machine reaches it`;
    throw new CommandFailure(what, {
      exit: ExitCode.refused,
      why: [`node ${far.id} is at ${far.address}`],
      fix: ["give the address at which the other nodes reach it"],
    });
  }
}

/** Refuses to add a node that is a member at another address. */
export function checkNewMember(membership: Membership, id: NodeId, address: Address): void {
  const known = membership.members.find((other) => other.id === id);
  if (known !== undefined && known.address !== address) {
    throw new CommandFailure(
      `Cannot add node ${id} at ${address}: it is a member at ${known.address}`,
      {
        exit: ExitCode.refused,
        fix: [
          `has it moved, with its data? raft member set ${id} --address ${address}`,
          `is it another machine? give it an id of its own`,
        ],
      },
    );
  }
  checkAddress(membership, id, address);
}

/** What to change, and what to type where that is refused as unsafe. */
export interface ChangeRequest {
  readonly membership: Membership;
  readonly changes: readonly MemberChange[];
  readonly force?: boolean;
  /** The command that overrides a refusal for the sake of the quorum, where there is one. */
  readonly forceCommand?: string;
}

/** Changes the members, and explains what the cluster refuses. */
export async function changeMembers(
  context: CommandContext,
  request: ChangeRequest,
): Promise<MembershipOutcome> {
  const { changes, force = false } = request;
  const cluster = await context.cluster();
  try {
    return await cluster.changeMembership(changes, { force, timeoutMs: context.remainingMs() });
  } catch (error) {
    throw explain(error, request);
  }
}

function explain(error: unknown, request: ChangeRequest): unknown {
  if (error instanceof UnknownOutcomeError) {
    return new CommandFailure("the answer was lost: the members may have been changed", {
      exit: ExitCode.unknownOutcome,
      applied: "unknown",
      why: [error.message, ...requestReportOf(error)?.why ?? []],
      fix: ["see how things are: raft member ls", "the same command again does no harm"],
      isRetryable: true,
      cause: error,
    });
  }
  if (!(error instanceof RefusedError)) return error;
  const { forceCommand, changes } = request;
  if (forceCommand !== undefined && changes.some(({ action }) => action === "setAddress")) {
    return notReached(error, forceCommand);
  }
  const down = votersDown(request);
  if (down.length > 0) return quorumWouldBeLost(error, { request, down });
  return new CommandFailure(error.message, {
    exit: ExitCode.refused,
    why: error.why,
    fix: ["see the members: raft member ls"],
    cause: error,
  });
}

/** A member that is to be reached elsewhere would not be, or too few others are. */
function notReached({ message, why, cause }: RefusedError, forceCommand: string): CommandFailure {
  return new CommandFailure(message, {
    exit: ExitCode.refused,
    why,
    fix: [
      "see who is reached where: raft status",
      `do it all the same, and be without its vote until it is there: ${forceCommand}`,
    ],
    cause,
  });
}

/** Refuses to take the vote of `id` where the other voters that are up would be no quorum. */
export function requireQuorumWithout(membership: Membership, id: NodeId): void {
  const others = membership.members.filter((member) => member.voter && member.id !== id);
  const down = others.filter(({ reachable }) => !reachable);
  const up = others.length - down.length;
  const needed = Math.floor(others.length / 2) + 1;
  if (up >= needed) return;
  const error = new RefusedError(
    `Cannot take the vote of node ${id} as the quorum would be lost: of the ${others.length} ` +
      `voters afterwards ${up} would be up, and ${needed} are needed`,
    [],
  );
  const changes = [memberChange("demote", id)];
  throw quorumWouldBeLost(error, { request: { membership, changes }, down });
}

/** Says who is missing, and how to do it all the same. */
function quorumWouldBeLost(
  error: RefusedError,
  { request: { forceCommand }, down }: {
    readonly request: ChangeRequest;
    readonly down: readonly ClusterMember[];
  },
): CommandFailure {
  const ids = down.map(({ id }) => id).join(", ");
  return new CommandFailure("the quorum would be lost: nothing was changed", {
    exit: ExitCode.refused,
    why: [
      error.message,
      ...down.map(({ id, address }) => `node ${id} at ${address} is not connected to the leader`),
    ],
    fix: [
      `start node ${ids} first, or remove what is down instead`,
      ...(forceCommand === undefined ? [] : [
        `do it all the same, and be without a quorum until they are up: ${forceCommand}`,
      ]),
    ],
    cause: error,
  });
}

/** The voters that there would be after the change and that are not there now. */
function votersDown({ membership, changes }: ChangeRequest): readonly ClusterMember[] {
  const leaving = changes.filter(({ action }) => action === "remove" || action === "demote");
  return membership.members.filter(({ id, voter, reachable }) =>
    voter && !reachable && !leaving.some((change) => change.id === id)
  );
}

/** Where clients and nodes that join find the cluster: every member's address. */
export function endpointsOf({ members }: Membership): string {
  return members.map(({ address }) => address).join(",");
}

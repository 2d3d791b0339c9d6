/**
 * Transfers of leadership from the command line.
 *
 * @module
 */
import type { TransferOutcome } from "../client/cluster_administration.ts";
import type { Membership } from "../client/membership.ts";
import { requestReportOf } from "../client/request_report.ts";
import { RefusedError, UnknownOutcomeError } from "../errors.ts";
import type { NodeId } from "../types.ts";
import { CommandFailure } from "./command_failure.ts";
import type { CommandContext } from "./command.ts";
import { ExitCode } from "./exit_codes.ts";
import { requireMember } from "./member_change.ts";

/** Hands leadership to `target`, or to the voter that is furthest, and explains what goes wrong. */
export async function moveLeadership(
  context: CommandContext,
  { membership, target }: { readonly membership: Membership; readonly target: NodeId | undefined },
): Promise<TransferOutcome> {
  if (target !== undefined && !requireMember(membership, target).voter) {
    throw new CommandFailure(`node ${target} cannot lead: it is a learner`, {
      exit: ExitCode.refused,
      fix: [`give it a vote first: raft member promote ${target}`],
    });
  }
  const { members, leaderId } = membership;
  if (target === undefined && !members.some(({ id, voter }) => voter && id !== leaderId)) {
    throw new CommandFailure(`nobody can take over from node ${leaderId}: it is the only voter`, {
      exit: ExitCode.refused,
      fix: [
        "add a node: raft member add ID HOST:PORT",
        "or make a learner a voter: raft member ls",
      ],
    });
  }
  const cluster = await context.cluster();
  try {
    return await cluster.transferLeadership({
      timeoutMs: context.remainingMs(),
      ...(target === undefined ? {} : { target }),
    });
  } catch (error) {
    throw explain(error);
  }
}

function explain(error: unknown): unknown {
  if (error instanceof UnknownOutcomeError) {
    return new CommandFailure("the answer was lost: leadership may have moved", {
      exit: ExitCode.unknownOutcome,
      applied: "unknown",
      why: [error.message, ...requestReportOf(error)?.why ?? []],
      fix: ["see who leads: raft leader"],
      isRetryable: true,
      cause: error,
    });
  }
  if (!(error instanceof RefusedError)) return error;
  return new CommandFailure(error.message, {
    exit: ExitCode.refused,
    why: error.why,
    fix: ["see how far the others are: raft status"],
    isRetryable: true,
    cause: error,
  });
}

import type { ClusterMember } from "../../client/membership.ts";
import { requestReportOf } from "../../client/request_report.ts";
import { integer, optional, settings } from "../../config.ts";
import { UnknownOutcomeError, UnreachableError } from "../../errors.ts";
import { CommandFailure } from "../command_failure.ts";
import { declareCommand } from "../command.ts";
import { ExitCode } from "../exit_codes.ts";
import { requireMember } from "../member_change.ts";

function silent({ id, address }: ClusterMember, cause: UnreachableError): CommandFailure {
  return new CommandFailure(`node ${id} does not answer: no snapshot was taken`, {
    exit: ExitCode.unreachable,
    why: requestReportOf(cause)?.why ?? [cause.message],
    fix: [`start node ${id} at ${address}, or name another member: raft status`],
    isRetryable: true,
    cause,
  });
}

/** `raft snapshot trigger [ID]` */
export const snapshotTrigger = declareCommand({
  name: "snapshot trigger",
  group: "BACKUP AND REPAIR",
  summary: "Have a node take a snapshot now",
  description: "Nodes take snapshots by themselves, each of its own state, and drop the log that " +
    "they cover. This does it now, at the leader unless ID says otherwise, and waits until the " +
    "snapshot is on its disk.",
  examples: [
    { command: "raft snapshot trigger", note: "at the leader" },
    { command: "raft snapshot trigger 2 --timeout 1m", note: "at node 2, which holds much" },
  ],
  arguments: settings({
    id: optional(integer({ placeholder: "ID", summary: "The member", min: 1 })),
  }),
  options: settings({}),
  async run(context, { arguments: { id } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    const member = requireMember(membership, id ?? membership.leaderId);
    try {
      const { index } = await cluster.triggerSnapshot({
        endpoint: member.address,
        timeoutMs: context.remainingMs(),
      });
      return {
        document: { id: member.id, address: member.address, index },
        text: `node ${member.id} has a snapshot of everything up to index ${index}`,
      };
    } catch (error) {
      if (error instanceof UnreachableError) throw silent(member, error);
      if (!(error instanceof UnknownOutcomeError)) throw error;
      throw new CommandFailure("no answer in time: the snapshot may be under way", {
        exit: ExitCode.unknownOutcome,
        applied: "unknown",
        why: [error.message],
        fix: ["see whether it is there: raft status", "wait longer: --timeout 1m"],
        isRetryable: true,
        cause: error,
      });
    }
  },
});

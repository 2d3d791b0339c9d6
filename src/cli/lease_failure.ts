import { LeaseNotFoundError } from "../client/key_value_client.ts";
import { CommandFailure } from "./command_failure.ts";
import { ExitCode } from "./exit_codes.ts";

/**
 * The error to throw on for a command that names a lease.
 *
 * @param error What the client threw; anything but an unknown lease is given back.
 */
export function explainLease(error: unknown): unknown {
  if (!(error instanceof LeaseNotFoundError)) return error;
  return new CommandFailure(`lease ${error.leaseId} does not exist`, {
    exit: ExitCode.notFound,
    why: ["it expired, was revoked, or never was"],
    fix: ["see which there are: raft lease ls", "create one: raft lease grant 30s"],
    cause: error,
  });
}

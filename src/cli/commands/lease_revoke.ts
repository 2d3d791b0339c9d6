import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { explainLease } from "../lease_failure.ts";
import { requestIdSetting, writeOptions } from "../request_options.ts";

/** `raft lease revoke ID` */
export const leaseRevoke = declareCommand({
  name: "lease revoke",
  group: "COORDINATION",
  isWrite: true,
  summary: "End a lease and delete its keys",
  description: "The lease and all keys that belong to it are gone in one step. No such lease: " +
    "exit code 3.",
  examples: [{ command: "raft lease revoke 42", note: "and all its keys" }],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The lease", min: 1 }) }),
  options: settings({ requestId: requestIdSetting() }),
  async run(context, { arguments: { id }, options }) {
    const { keyValue } = await context.cluster();
    const send = await writeOptions(context, options.requestId);
    const { count, revision } = await keyValue.revokeLease(id, send).catch((error) => {
      throw explainLease(error);
    });
    return {
      document: { id, deleted: count, revision },
      text: `revoked lease ${id}, deleted ${count} ${count === 1 ? "key" : "keys"}`,
    };
  },
});

import { formatDuration } from "../../config/units.ts";
import { integer, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { explainLease } from "../lease_failure.ts";
import { requestIdSetting, writeOptions } from "../request_options.ts";

/** `raft lease keep ID` */
export const leaseKeep = declareCommand({
  name: "lease keep",
  group: "COORDINATION",
  isWrite: true,
  summary: "Keep a lease alive",
  description: "The lease lives for its full time from now on. A lease that has expired does not " +
    "come back: exit code 3.",
  examples: [{ command: "raft lease keep 42", note: "once; repeat it before the time is over" }],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The lease", min: 1 }) }),
  options: settings({ requestId: requestIdSetting() }),
  async run(context, { arguments: { id }, options }) {
    const { keyValue } = await context.cluster();
    const send = await writeOptions(context, options.requestId);
    const lease = await keyValue.keepLeaseAlive(id, send).catch((error) => {
      throw explainLease(error);
    });
    const { ttlMs, remainingMs, keyCount, revision } = lease;
    return {
      document: { id, ttlMs, remainingMs, keyCount, revision },
      text: `lease ${id} lives for ${formatDuration(remainingMs)} from now on`,
    };
  },
});

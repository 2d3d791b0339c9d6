import { address as addressSetting, integer, settings, toggle } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, checkAddress, memberChange, requireMember } from "../member_change.ts";

/** `raft member set ID --address HOST:PORT` */
export const memberSet = declareCommand({
  name: "member set",
  group: "CLUSTER",
  isWrite: true,
  summary: "A member is reached elsewhere from now on",
  description: "For a node that moves with its data directory: start it there, with --listen and " +
    "--advertise for the new address, then this. The leader dials the address first: refused " +
    "(exit 10) where the member does not answer there, or where the other voters that are up " +
    "would be no quorum. With --force it need not be there yet.",
  examples: [
    { command: "raft member set 3 --address 10.0.1.3:7238", note: "node 3 has moved" },
  ],
  arguments: settings({ id: integer({ placeholder: "ID", summary: "The member", min: 1 }) }),
  options: settings({
    address: addressSetting({ summary: "Where the other nodes reach it" }),
    force: toggle({ summary: "Also where it does not answer, or the quorum may be lost" }),
  }),
  async run(context, { arguments: { id }, options: { address, force } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    requireMember(membership, id);
    checkAddress(membership, id, address);
    const changes = [memberChange("setAddress", id, address)];
    const { configurationIndex } = await changeMembers(context, {
      membership,
      changes,
      force,
      ...(force ? {} : { forceCommand: `raft member set ${id} --address ${address} --force` }),
    });
    return {
      document: { id, address, configurationIndex },
      text: `node ${id} is at ${address} now`,
    };
  },
});

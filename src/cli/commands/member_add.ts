import { address as addressSetting, integer, settings, toggle } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { changeMembers, checkNewMember, endpointsOf, memberChange } from "../member_change.ts";
import { CLUSTER_DEFAULT } from "../node_plan.ts";

/** `raft member add ID HOST:PORT` */
export const memberAdd = declareCommand({
  name: "member add",
  group: "CLUSTER",
  isWrite: true,
  summary: "Take in a new node, first as a learner",
  description:
    "The node gets the log without a vote, and becomes a voter by itself once it has caught " +
    "up (never with --learner). So a wrong address cannot cost the quorum: remove it again.\n\n" +
    "Then start the node with the command that is printed. A node that is started with " +
    "--join asks for all this itself.",
  examples: [
    { command: "raft member add 4 10.0.0.4:7238", note: "a voter, as soon as it has caught up" },
    { command: "raft member add 4 10.0.0.4:7238 --learner", note: "a copy without a vote" },
    { command: "raft wait member 4 voter", note: "until it counts" },
  ],
  arguments: settings({
    id: integer({ placeholder: "ID", summary: "An id that no member has", min: 1 }),
    address: addressSetting({ summary: "Where the other nodes reach it" }),
  }),
  options: settings({ learner: toggle({ summary: "It stays a learner" }) }),
  async run(context, { arguments: { id, address }, options: { learner } }) {
    const cluster = await context.cluster();
    const membership = await cluster.members({ timeoutMs: context.remainingMs() });
    checkNewMember(membership, id, address);
    const known = membership.members.find((member) => member.id === id);
    const changes = [memberChange(learner ? "addLearner" : "add", id, address)];
    const { configurationIndex } = await changeMembers(context, { membership, changes });
    const others = membership.members.filter((member) => member.id !== id);
    const join = endpointsOf({ ...membership, members: others });
    const name = membership.clusterName;
    const next = `raft start --id ${id} --listen ${address} --join ${join}` +
      (learner ? " --learner" : "") + (name === CLUSTER_DEFAULT ? "" : ` --cluster ${name}`);
    const becomes = learner ? "" : ", and becomes a voter once it has caught up";
    return {
      document: { id, address, voter: known?.voter ?? false, configurationIndex, next },
      text: known === undefined
        ? `node ${id} at ${address} is a learner now${becomes}`
        : `node ${id} at ${address} is a member already`,
      notes: known === undefined ? [`next, on its machine:\n  ${next}`] : [],
    };
  },
});

import type { Membership } from "../../client/membership.ts";
import { choice, integer, settings } from "../../config.ts";
import type { NodeId } from "../../types.ts";
import { declareCommand } from "../command.ts";
import { statusTimeoutMs } from "../status_timeout.ts";
import { type Look, waitUntil } from "../wait_until.ts";

const STATES = ["caught-up", "voter", "gone"] as const;

/** What is so in the end. */
const REACHED = {
  "caught-up": "has caught up",
  "voter": "is a voter",
  "gone": "is no member",
} as const;

type State = (typeof STATES)[number];

/** What is missing until the member is as wanted; null where nothing is. */
function missing(membership: Membership, id: NodeId, state: State): string | null {
  const { members, isJoint, commitIndex } = membership;
  const member = members.find((other) => other.id === id);
  if (isJoint && state !== "caught-up") return "a change of the voters is under way";
  if (state === "gone") return member === undefined ? null : `node ${id} is a member`;
  if (member === undefined) return `node ${id} is no member`;
  if (state === "voter") return member.voter ? null : `node ${id} is a learner`;
  const { matchIndex } = member;
  return matchIndex >= commitIndex
    ? null
    : `node ${id} has ${matchIndex} of ${commitIndex} entries`;
}

/** `raft wait member ID STATE` */
export const waitMember = declareCommand({
  name: "wait member",
  group: "COORDINATION",
  summary: "Wait until a member has caught up, votes, or is gone",
  description:
    "caught-up: it has everything that is committed. voter: it has a vote. gone: it is " +
    "no member any more. At the deadline: exit code 4.",
  examples: [
    { command: "raft wait member 4 voter --timeout 5m", note: "after raft member add" },
    { command: "raft wait member 3 gone", note: "after raft member remove" },
  ],
  arguments: settings({
    id: integer({ placeholder: "ID", summary: "The member", min: 1 }),
    state: choice(STATES, { summary: "What to wait for" }),
  }),
  options: settings({}),
  async run(context, { arguments: { id, state } }) {
    const cluster = await context.cluster();
    return waitUntil(context, {
      what: `node ${id} to be ${state}`,
      look: async (): Promise<Look> => {
        const membership = await cluster.members({ timeoutMs: statusTimeoutMs(context) });
        const lack = missing(membership, id, state);
        if (lack !== null) return { missing: lack };
        const { configurationIndex } = membership;
        const document = { id, state, configurationIndex };
        return { result: { document, text: `node ${id} ${REACHED[state]}` } };
      },
    });
  },
});

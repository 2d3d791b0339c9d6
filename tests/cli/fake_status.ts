import type { MemberStatus } from "../../src/client/ask_every_member.ts";
import { UnreachableError } from "../../src/errors.ts";
import type { StatusAnswer, StatusMember } from "../../src/wire/client_messages.ts";

/** A member as a node lists it. */
export function memberOf(id: number, fields: Partial<StatusMember> = {}): StatusMember {
  const address = `127.0.0.1:${7228 + 10 * id}`;
  return { id, address, voter: true, reachable: true, matchIndex: 0, version: "1.2.3", ...fields };
}

/** What a node says of itself; a cluster of one unless told. */
export function statusOf(
  fields: Partial<StatusAnswer> & Pick<StatusAnswer, "nodeId" | "role">,
): MemberStatus {
  const { nodeId } = fields;
  const status: StatusAnswer = {
    type: "statusAnswer",
    requestId: 0,
    term: 3,
    leaderId: 1,
    leaderAddress: "127.0.0.1:7238",
    clusterId: "c".repeat(32),
    clusterName: "test",
    commitIndex: 100,
    appliedIndex: 100,
    firstIndex: 1,
    lastIndex: 100,
    logTimeMs: 0,
    leaderContactAgeMs: 5,
    configurationIndex: 1,
    members: [memberOf(nodeId)],
    version: "1.2.3",
    uptimeMs: 1000,
    notes: [],
    snapshotIndex: 0,
    joint: false,
    promotions: [],
    transferTarget: 0,
    alarms: [],
    ...fields,
  };
  const { address } = memberOf(nodeId);
  return { address, nodeId, voter: true, status, error: null, roundTripMs: 1 };
}

/** A node that does not answer. */
export function silentNode(nodeId: number): MemberStatus {
  const { address } = memberOf(nodeId);
  const error = new UnreachableError(`Cannot ask ${address}: connection refused`);
  return { address, nodeId, voter: null, status: null, error, roundTripMs: null };
}

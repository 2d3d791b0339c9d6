/**
 * One picture of the cluster out of what its members say of themselves: for status, health, leader
 * and wait.
 *
 * @module
 */
import type { MemberStatus } from "../client/ask_every_member.ts";
import { DeniedError } from "../errors.ts";
import type { Address, NodeId } from "../types.ts";
import type { Alarm, StatusAnswer, StatusMember } from "../wire/client_messages.ts";
import { CommandFailure } from "./command_failure.ts";
import { ExitCode } from "./exit_codes.ts";

/** What a member does, as far as anybody knows. */
export type MemberRole = StatusAnswer["role"] | "unknown";

/** A member in the picture. */
export interface MemberView {
  readonly id: NodeId;
  readonly address: Address;
  readonly role: MemberRole;
  readonly voter: boolean;
  /** A learner that becomes a voter once it has caught up. */
  readonly promotion: boolean;
  /** Whether it is in the configuration; a node that waits to be taken in is not. */
  readonly isMember: boolean;
  /** It has the place of a voter, and no vote before the cluster has taken it in (again). */
  readonly isWaiting: boolean;
  /** Whether it answered this client, and the leader, if there is one, has a connection to it. */
  readonly reachable: boolean;
  /** What is wrong with it, in words, or null. */
  readonly trouble: string | null;
  /** The last entry that is known to be in its log; null where nobody knows. */
  readonly matchIndex: number | null;
  /** How many entries it is behind the leader; null where nobody knows. */
  readonly lag: number | null;
  /** The last entry that its newest snapshot covers, 0 for none; null where nobody knows. */
  readonly snapshotIndex: number | null;
  readonly version: string;
}

/** The cluster. */
export interface ClusterView {
  readonly cluster: string;
  readonly clusterId: string;
  readonly leader: { readonly id: NodeId; readonly address: Address } | null;
  readonly term: number;
  readonly commitIndex: number;
  /** The index of the configuration in effect. */
  readonly configurationIndex: number;
  /** A change of the voters is under way. */
  readonly joint: boolean;
  /** The member that the leader is handing leadership to, or null. */
  readonly transferTarget: NodeId | null;
  readonly members: readonly MemberView[];
  /** What the members want people to know. */
  readonly notes: readonly string[];
  /** What somebody must act upon: each once, whoever raises it. */
  readonly alarms: readonly Alarm[];
  /** How many voters there are, and how many of them answered and have a vote. */
  readonly voters: { readonly count: number; readonly reachable: number; readonly needed: number };
  /** How long ago a majority confirmed the leader, in milliseconds; null without a leader. */
  readonly leaderContactAgeMs: number | null;
}

/** The failure where no member answers. */
function nobodyAnswered(statuses: readonly MemberStatus[]): CommandFailure {
  const denied = statuses.some(({ error }) => error instanceof DeniedError);
  const why = statuses.map(({ address, error }) => `${address}  ${error?.message ?? "no answer"}`);
  return new CommandFailure(
    denied ? "refused by every endpoint" : "no endpoint answered: nothing is known",
    {
      exit: denied ? ExitCode.denied : ExitCode.unreachable,
      why,
      fix: denied
        ? ["check that the endpoints belong to the cluster that you mean"]
        : ["check the addresses: -e HOST:PORT,… or RAFT_ENDPOINTS", "no cluster yet? raft demo"],
      isRetryable: !denied,
    },
  );
}

/** The answer to believe: the leader of the highest term, else the highest term that was seen. */
function chooseAnswer(answers: readonly StatusAnswer[]): StatusAnswer {
  const rank = ({ role, term, commitIndex }: StatusAnswer): readonly number[] => [
    term,
    role === "leader" ? 1 : 0,
    commitIndex,
  ];
  return answers.reduce((best, candidate) => {
    const difference = rank(candidate)
      .map((value, position) => value - rank(best)[position]!)
      .find((value) => value !== 0);
    return (difference ?? 0) > 0 ? candidate : best;
  });
}

/** What keeps a member from doing its part, or null. */
function troubleOf(
  { id, address, voter, reachable }: StatusMember,
  { own, chosen }: { own: StatusAnswer | undefined; chosen: StatusAnswer },
): string | null {
  const name = `${voter ? "voter" : "learner"} ${id} at ${address}`;
  if (own === undefined) return `${name} does not answer`;
  if (voter && isWaiting(own, chosen)) return `${name} waits to be taken in: it has no vote yet`;
  if (chosen.role !== "leader" || id === chosen.nodeId) return null;
  if (!reachable) return `${name} answers, but leader ${chosen.nodeId} has no connection to it`;
  return own.leaderId === chosen.nodeId
    ? null
    : `${name} is a ${own.role} that does not follow leader ${chosen.nodeId}`;
}

/** Whether a node has none of the configurations that others have: it has no vote then. */
function isWaiting(own: StatusAnswer, chosen: StatusAnswer): boolean {
  return own.configurationIndex === 0 && chosen.configurationIndex > 0;
}

/** A member of the configuration, joined with what it says itself. */
function viewMember(
  member: StatusMember,
  { own, chosen }: { own: StatusAnswer | undefined; chosen: StatusAnswer },
): MemberView {
  const isLed = chosen.role === "leader";
  const matchIndex = member.id === chosen.nodeId
    ? chosen.lastIndex
    : isLed
    ? member.matchIndex
    : own?.lastIndex ?? null;
  return {
    id: member.id,
    address: member.address,
    role: own?.role ?? "unknown",
    isMember: true,
    voter: member.voter,
    isWaiting: member.voter && own !== undefined && isWaiting(own, chosen),
    promotion: chosen.promotions.includes(member.id),
    reachable: own !== undefined && (!isLed || member.reachable),
    trouble: troubleOf(member, { own, chosen }),
    matchIndex,
    lag: isLed && matchIndex !== null ? Math.max(0, chosen.lastIndex - matchIndex) : null,
    snapshotIndex: own?.snapshotIndex ?? null,
    version: own?.version ?? member.version,
  };
}

/** A node that answered and is in nobody's configuration: one that waits to be taken in. */
function viewStranger(answer: StatusAnswer, address: Address): MemberView {
  const { nodeId: id, role, lastIndex: matchIndex, snapshotIndex, version } = answer;
  const unknown = { promotion: false, isWaiting: false, lag: null, trouble: null };
  const none = { isMember: false, voter: false, ...unknown };
  return { id, address, role, reachable: true, matchIndex, snapshotIndex, version, ...none };
}

/**
 * The picture that the answers give. Throws a {@linkcode CommandFailure} where nobody answered.
 *
 * @param statuses What each member said, or why it said nothing.
 */
export function viewCluster(statuses: readonly MemberStatus[]): ClusterView {
  const answers = statuses.flatMap(({ status }) => status === null ? [] : [status]);
  if (answers.length === 0) throw nobodyAnswered(statuses);
  const chosen = chooseAnswer(answers);
  const byId = new Map(answers.map((answer) => [answer.nodeId, answer]));
  const members = chosen.members.map((member) =>
    viewMember(member, { own: byId.get(member.id), chosen })
  );
  const strangers = statuses.flatMap(({ status, address }) =>
    status !== null && !members.some(({ id }) => id === status.nodeId)
      ? [viewStranger(status, address)]
      : []
  );
  const voters = members.filter(({ voter }) => voter);
  const leading = chosen.role === "leader" ? chosen : null;
  const leaderAddress = members.find(({ id }) => id === chosen.nodeId)?.address ??
    chosen.leaderAddress;
  return {
    cluster: chosen.clusterName,
    clusterId: chosen.clusterId,
    leader: leading === null ? null : { id: leading.nodeId, address: leaderAddress },
    term: Math.max(...answers.map(({ term }) => term)),
    commitIndex: Math.max(...answers.map(({ commitIndex }) => commitIndex)),
    configurationIndex: chosen.configurationIndex,
    joint: chosen.joint,
    transferTarget: chosen.transferTarget === 0 ? null : chosen.transferTarget,
    members: [...members, ...strangers].sort((a, b) => a.id - b.id),
    notes: answers.flatMap(({ nodeId, notes }) => notes.map((note) => `node ${nodeId}: ${note}`)),
    alarms: uniqueAlarms(answers),
    voters: {
      count: voters.length,
      reachable: voters.filter((voter) => voter.reachable && !voter.isWaiting).length,
      needed: Math.floor(voters.length / 2) + 1,
    },
    leaderContactAgeMs: leading?.leaderContactAgeMs ?? null,
  };
}

/** Each alarm once, with the first entry that anybody saw it at. */
function uniqueAlarms(answers: readonly StatusAnswer[]): Alarm[] {
  const byNode = new Map<NodeId, Alarm>();
  for (const alarm of answers.flatMap(({ alarms }) => alarms)) {
    const known = byNode.get(alarm.nodeId);
    if (known === undefined || alarm.index < known.index) byNode.set(alarm.nodeId, alarm);
  }
  return [...byNode.values()].sort((a, b) => a.nodeId - b.nodeId);
}

/** Whether a member votes, in a word: `soon` for one that will once it has caught up or come in. */
export function voteOf(
  { voter, isWaiting, promotion }: Pick<MemberView, "voter" | "isWaiting" | "promotion">,
): string {
  if (isWaiting || promotion) return "soon";
  return voter ? "yes" : "no";
}

/** What the leader is doing to the members or to its leadership, a sentence each. */
export function changesUnderWay({ joint, transferTarget }: ClusterView): string[] {
  return [
    ...(joint ? ["a change of the voters is under way"] : []),
    ...(transferTarget === null ? [] : [`leadership is being handed to node ${transferTarget}`]),
  ];
}

/** How well the cluster is. */
export interface Health {
  readonly status: "healthy" | "degraded" | "no_quorum" | "unknown";
  readonly reasons: readonly string[];
}

/** A follower that is so many entries behind is worth a word. */
const LAG_MAX = 100_000;

/** How long a leader may be without a majority before its word is doubted, in milliseconds. */
const CONTACT_AGE_MS_MAX = 10_000;

function memberReasons({ members }: ClusterView): string[] {
  const troubles = members.flatMap(({ trouble }) => trouble === null ? [] : [trouble]);
  const behind = members.filter(({ lag }) => lag !== null && lag > LAG_MAX).map(({ id, lag }) =>
    `node ${id} is ${lag} entries behind`
  );
  return [...troubles, ...behind];
}

/**
 * Judges the picture.
 *
 * @param view The cluster.
 */
export function judgeHealth(view: ClusterView): Health {
  const { voters, leader, leaderContactAgeMs } = view;
  const alarms = view.alarms.map(({ message }) => message);
  const reasons = [...alarms, ...memberReasons(view), ...view.notes];
  const answered =
    `${voters.reachable} of ${voters.count} voters answer, ${voters.needed} are needed`;
  if (leader === null) return { status: "no_quorum", reasons: ["no leader", answered, ...reasons] };
  if (leaderContactAgeMs !== null && leaderContactAgeMs > CONTACT_AGE_MS_MAX) {
    const age = `leader ${leader.id} heard from no majority for ${leaderContactAgeMs}ms`;
    return { status: "no_quorum", reasons: [age, ...reasons] };
  }
  return reasons.length === 0
    ? { status: "healthy", reasons: [] }
    : { status: "degraded", reasons };
}

/** The exit code of `raft health`. */
export function healthExit({ status }: Health): ExitCode {
  switch (status) {
    case "healthy":
      return ExitCode.ok;
    case "degraded":
      return ExitCode.condition;
    case "no_quorum":
      return ExitCode.noQuorum;
    case "unknown":
      return ExitCode.unreachable;
  }
}

/**
 * Carries out what operators ask of the leader. Where an answer was lost, looks at the cluster
 * until it is as it was wanted: only what is never seen stays unknown.
 *
 * @module
 */
import { NoQuorumError, RaftError, UnknownOutcomeError, UnreachableError } from "../errors.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { Index, NodeId, Term } from "../types.ts";
import type { MemberChange } from "../wire/client_messages.ts";
import type { LeaderRequest, LeaderRequestAnswer } from "./admin_operation.ts";
import type { LeaderStatus } from "./leader_operation.ts";
import { describeMembership, isChanged, membershipOf } from "./membership.ts";

/** Of the time for a request so much is kept to look what became of it, at most. */
const LOOK_MS_MAX = 1_000;

/** The part of the time that is kept, where it is less. */
const LOOK_PART = 1 / 4;

/** The pause between two looks. */
const LOOK_PAUSE_MS = 50;

/** Takes the number from a request, which its connection sets. */
type Unnumbered<Request> = Request extends unknown ? Omit<Request, "requestId"> : never;

/** What the requests here go through. */
export interface AdministrationHost {
  readonly clock: Clock;
  /** Sends a request to the leader. */
  ask(
    request: Unnumbered<LeaderRequest>,
    options: { readonly subject: string; readonly timeoutMs: number },
  ): Promise<LeaderRequestAnswer>;
  /** The leader, as it says itself. */
  leader(options: { readonly timeoutMs: number }): Promise<LeaderStatus>;
}

/** A change of the members that was made. */
export interface MembershipOutcome {
  /** The index of the configuration that holds now. */
  readonly configurationIndex: Index;
}

/** See `RaftClient.changeMembership`. */
export async function changeMembership(
  host: AdministrationHost,
  { changes, force, timeoutMs }: {
    readonly changes: readonly MemberChange[];
    readonly force: boolean;
    readonly timeoutMs: number;
  },
): Promise<MembershipOutcome> {
  const request = { type: "changeMembership", changes, force } as const;
  const subject = "the change of the members";
  return await askThenLook(host, { request, subject, timeoutMs }, {
    answered: (answer) =>
      answer.type === "membershipAnswer" ? { configurationIndex: answer.configurationIndex } : null,
    seen: (leader) => {
      const membership = membershipOf(leader);
      return isChanged(membership, changes)
        ? { configurationIndex: membership.configurationIndex }
        : null;
    },
    describe: (leader) =>
      `the members are ${describeMembership(membershipOf(leader))}` +
      (leader.status.joint ? ", and a change is under way" : ""),
  });
}

/** A member that leads now. */
export interface TransferOutcome {
  readonly leaderId: NodeId;
  readonly term: Term;
}

/** See `RaftClient.transferLeadership`. */
export async function transferLeadership(
  host: AdministrationHost,
  { target, timeoutMs }: { readonly target: NodeId | null; readonly timeoutMs: number },
): Promise<TransferOutcome> {
  const startedMs = host.clock.nowMs();
  const before = await host.leader({ timeoutMs });
  if (before.id === target) return { leaderId: before.id, term: before.term };
  const request = { type: "transferLeadership", target: target ?? 0 } as const;
  const leftMs = Math.max(1, timeoutMs - (host.clock.nowMs() - startedMs));
  const subject = "the transfer of leadership";
  return await askThenLook(host, { request, subject, timeoutMs: leftMs }, {
    answered: (answer) =>
      answer.type === "transferAnswer" ? { leaderId: answer.leaderId, term: answer.term } : null,
    seen: ({ id, term }) =>
      (target === null ? id !== before.id : id === target) ? { leaderId: id, term } : null,
    describe: ({ id, term }) => `node ${id} leads, in term ${term}`,
  });
}

/** How an answer, or what is seen without one, becomes the outcome; null where it is none. */
interface Judgement<Outcome> {
  readonly answered: (answer: LeaderRequestAnswer) => Outcome | null;
  readonly seen: (leader: LeaderStatus) => Outcome | null;
  /** What was found instead, for people. */
  readonly describe: (leader: LeaderStatus) => string;
}

async function askThenLook<Outcome>(
  host: AdministrationHost,
  { request, subject, timeoutMs }: {
    readonly request: Unnumbered<LeaderRequest>;
    readonly subject: string;
    readonly timeoutMs: number;
  },
  { answered, seen, describe }: Judgement<Outcome>,
): Promise<Outcome> {
  const { clock } = host;
  const deadlineMs = clock.nowMs() + timeoutMs;
  const askMs = timeoutMs - Math.min(LOOK_MS_MAX, timeoutMs * LOOK_PART);
  let lost: UnknownOutcomeError;
  try {
    const outcome = answered(await host.ask(request, { subject, timeoutMs: askMs }));
    if (outcome !== null) return outcome;
    lost = new UnknownOutcomeError(`The outcome of ${subject} is not known: a foreign answer`);
  } catch (error) {
    if (!(error instanceof UnknownOutcomeError)) throw error;
    lost = error;
  }
  let found = "no leader could be asked since";
  for (;;) {
    const leader = await leaderOrNull(host, deadlineMs - clock.nowMs());
    const outcome = leader === null ? null : seen(leader);
    if (outcome !== null) return outcome;
    if (leader !== null) found = describe(leader);
    if (deadlineMs - clock.nowMs() <= LOOK_PAUSE_MS) {
      throw new UnknownOutcomeError(`${lost.message}; ${found}`, { cause: lost.cause });
    }
    await new Promise<void>((resolve) => clock.setTimer(resolve, LOOK_PAUSE_MS));
  }
}

/** The leader; null where none is found in the time that is left. */
async function leaderOrNull(
  host: AdministrationHost,
  leftMs: number,
): Promise<LeaderStatus | null> {
  try {
    return await host.leader({ timeoutMs: Math.max(1, leftMs) });
  } catch (error) {
    const isMissing = error instanceof NoQuorumError || error instanceof UnreachableError;
    if (isMissing || (error instanceof RaftError && error.code === "shutdown")) return null;
    throw error;
  }
}

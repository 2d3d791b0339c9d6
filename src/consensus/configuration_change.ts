/**
 * What a configuration becomes by some changes, and whether that may be.
 *
 * A change of voters, or of their addresses, is checked against losing the quorum: those who vote
 * afterwards and are up must be a majority, or the cluster could not even take the change back. Who
 * gets another address is not counted: whether it is reached there shows afterwards.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { MEMBERS_MAX } from "../limits.ts";
import type {
  Address,
  Configuration,
  Index,
  InstanceId,
  Member,
  MemberChange,
  NodeId,
} from "../types.ts";
import type { ChangeRefusal } from "./effects.ts";
import { lostDirectoryFix } from "./lost_directory.ts";
import { majority } from "./quorum.ts";

/** What the leader knows of the members besides the configuration. */
export interface ChangeFacts {
  /** Whether a member is taken to be there. */
  readonly isUp: (id: NodeId) => boolean;
  /** Whether a learner has what is committed, but for what came just now, and is up. */
  readonly isCaughtUp: (id: NodeId) => boolean;
  /** The data directories that a member which comes back on another one may be known by. */
  readonly replaces: readonly InstanceId[];
  /** The configuration that took in before who asks to join now, or 0. */
  readonly joinIndex: Index;
  /** Skips what protects from a loss of quorum. */
  readonly force: boolean;
}

/** The configuration to reach, never joint; or why it is not to be reached. */
export type ChangePlan =
  | { readonly target: Configuration; readonly refusal: null }
  | { readonly target: null; readonly refusal: ChangeRefusal };

interface Draft {
  readonly member: Member;
  readonly voter: boolean;
  /** Becomes a voter once it has caught up. */
  readonly promote: boolean;
}

type Drafts = Map<NodeId, Draft>;

/** Works out what `changes` make of `current`, which is not joint. */
export function planChange(
  current: Configuration,
  changes: readonly MemberChange[],
  facts: ChangeFacts,
): ChangePlan {
  const drafts = draftsOf(current);
  const seen = new Set<NodeId>();
  for (const change of changes) {
    const refusal = seen.has(change.id)
      ? invalid(`Cannot change member ${change.id} twice at once: make one change after the other`)
      : apply(drafts, change, facts);
    if (refusal !== null) return { target: null, refusal };
    seen.add(change.id);
  }
  const target = configurationOf(drafts);
  const refusal = changes.length === 0
    ? invalid("Cannot change the members: want at least one change")
    : checkTarget(target) ?? checkVoters(current, target, { changes, facts });
  return refusal === null ? { target, refusal } : { target: null, refusal };
}

/** Whether the same nodes vote in both: then no joint configuration is needed in between. */
export function hasSameVoters(a: Configuration, b: Configuration): boolean {
  const ids = new Set(a.voters.map(({ id }) => id));
  return a.voters.length === b.voters.length && b.voters.every(({ id }) => ids.has(id));
}

/** Whether two configurations say the same. */
export function isSame(a: Configuration, b: Configuration): boolean {
  const lists = (one: Configuration) => [one.voters, one.votersOld, one.learners];
  return lists(a).every((list, i) => isSameList(list, lists(b)[i]!)) &&
    a.promotions.length === b.promotions.length &&
    a.promotions.every((id, i) => id === b.promotions[i]);
}

/** The configuration in which these learners have become voters. */
export function withPromoted(current: Configuration, ids: readonly NodeId[]): Configuration {
  const drafts = draftsOf(current);
  for (const id of ids) {
    drafts.set(id, { member: drafts.get(id)!.member, voter: true, promote: false });
  }
  return configurationOf(drafts);
}

function draftsOf({ voters, learners, promotions }: Configuration): Drafts {
  const drafts: Drafts = new Map();
  for (const member of voters) drafts.set(member.id, { member, voter: true, promote: false });
  for (const member of learners) {
    drafts.set(member.id, { member, voter: false, promote: promotions.includes(member.id) });
  }
  return drafts;
}

function configurationOf(drafts: Drafts): Configuration {
  const all = [...drafts.values()].sort((a, b) => a.member.id - b.member.id);
  return {
    voters: all.filter(({ voter }) => voter).map(({ member }) => member),
    votersOld: [],
    learners: all.filter(({ voter }) => !voter).map(({ member }) => member),
    promotions: all.filter(({ promote }) => promote).map(({ member }) => member.id),
  };
}

/** Makes one change, or says why not. */
function apply(drafts: Drafts, change: MemberChange, facts: ChangeFacts): ChangeRefusal | null {
  const { action, id } = change;
  const known = drafts.get(id);
  if (known === undefined && facts.joinIndex > 0) {
    const since = `index ${facts.joinIndex}`;
    return refuse("not_found", `Node ${id} was a member from ${since} on, and was removed since`);
  }
  if (action === "add" || action === "addLearner") return add(drafts, change);
  if (known === undefined) {
    const members = [...drafts.keys()].sort((a, b) => a - b).join(", ");
    return refuse("not_found", `Node ${id} is no member: the members are ${members}`);
  }
  const { member } = known;
  switch (action) {
    case "promote": {
      const now = known.voter || facts.isCaughtUp(id);
      drafts.set(id, { member, voter: now, promote: !now });
      return null;
    }
    case "demote":
      drafts.set(id, { member, voter: false, promote: false });
      return null;
    case "remove":
      drafts.delete(id);
      return null;
    case "rejoin":
      return rejoin(drafts, { known, change, facts });
    case "setAddress":
      drafts.set(id, { ...known, member: { ...member, address: change.address } });
      return null;
  }
}

/** A new learner; or a known member says which data directory holds its id, and where it is. */
function add(drafts: Drafts, change: MemberChange): ChangeRefusal | null {
  const { action, id, address, instanceId } = change;
  const known = drafts.get(id);
  if (known === undefined) {
    const promote = action === "add";
    drafts.set(id, { member: { id, address, instanceId }, voter: false, promote });
    return null;
  }
  const { member } = known;
  if (instanceId === "") {
    // The same request once more changes nothing.
    if (member.address === address) return null;
    return refuse("refused", `Node ${id} is a member already, at ${member.address}`, [
      `Its address is changed by itself (raft member set ${id} --address ${address})`,
    ]);
  }
  if (!isFree(known) && member.instanceId !== instanceId) {
    return {
      ...refuse(
        "refused",
        `Node ${id} is a member with another data directory (${member.instanceId || "unknown"}): ` +
          "one that was lost must not come back under its id: it has forgotten what it promised",
      ),
      fix: lostDirectoryFix(id, otherAddress(drafts, id)),
    };
  }
  drafts.set(id, { ...known, member: { id, address, instanceId } });
  return null;
}

/** Where another member is reached, a voter if there is one. */
function otherAddress(drafts: Drafts, id: NodeId): Address {
  const others = [...drafts.values()].filter(({ member }) => member.id !== id);
  const other = others.find(({ voter }) => voter) ?? others[0];
  return other?.member.address || "HOST:PORT";
}

/** A voter without a data directory may be one that has voted: nobody can take its place. */
function isFree({ member, voter }: Draft): boolean {
  return member.instanceId === "" && !voter;
}

/**
 * A member comes back on another data directory, in the place of one that is lost. What the old one
 * promised, it does not know: so its vote is taken away, and it is a learner that becomes a voter
 * once it has caught up, if the old one was a voter or was to become one.
 */
function rejoin(
  drafts: Drafts,
  { known, change, facts }: {
    readonly known: Draft;
    readonly change: MemberChange;
    readonly facts: ChangeFacts;
  },
): ChangeRefusal | null {
  const { id, address, instanceId } = change;
  const { member, voter, promote } = known;
  if (instanceId === "") return invalid(`Cannot let node ${id} rejoin: want its data directory`);
  if (member.instanceId === instanceId || isFree(known)) {
    // The same request once more; or it was removed meanwhile, and its place is reserved anew.
    drafts.set(id, { ...known, member: { id, address, instanceId } });
    return null;
  }
  if (!facts.replaces.includes(member.instanceId)) {
    return {
      ...refuse(
        "refused",
        `Node ${id} is known with another data directory (${member.instanceId || "none"}) than ` +
          `those that this one takes the place of (${facts.replaces.join(", ")})`,
      ),
      fix: lostDirectoryFix(id, otherAddress(drafts, id)),
    };
  }
  if (facts.isUp(id)) {
    return refuse(
      "in_progress",
      `Node ${id} has answered from the data directory that is to be replaced just now: try ` +
        "again once it is known to be gone",
    );
  }
  drafts.set(id, { member: { id, address, instanceId }, voter: false, promote: voter || promote });
  return null;
}

/** What any configuration must fulfil. */
function checkTarget({ voters, learners }: Configuration): ChangeRefusal | null {
  const members = [...voters, ...learners];
  if (voters.length === 0) {
    return refuse("refused", "Cannot remove or demote the last voter: want one left at least");
  }
  if (members.length > MEMBERS_MAX) {
    return refuse("refused", `Cannot have ${members.length} members: want at most ${MEMBERS_MAX}`);
  }
  const holders = new Map<string, NodeId>();
  for (const { id, address } of members) {
    if (splitAddress(address) === null) {
      return invalid(`Cannot use the address "${address}" of node ${id}: want HOST:PORT`);
    }
    const holder = holders.get(address);
    if (holder !== undefined) {
      return refuse("refused", `Nodes ${holder} and ${id} cannot both be at ${address}`);
    }
    holders.set(address, id);
  }
  return null;
}

/** What a change of the voters or of their addresses must fulfil unless it is forced. */
function checkVoters(
  current: Configuration,
  target: Configuration,
  { changes, facts }: { readonly changes: readonly MemberChange[]; readonly facts: ChangeFacts },
): ChangeRefusal | null {
  const moved = movedVoters(current, target);
  if (facts.force || (hasSameVoters(current, target) && moved.size === 0)) return null;
  const behind = changes.find(({ action, id }) =>
    action === "promote" && target.promotions.includes(id)
  );
  if (behind !== undefined) {
    return refuse(
      "refused",
      `Cannot change the voters as learner ${behind.id} has not caught up: wait for it ` +
        `(raft wait member ${behind.id} caught-up), or promote it on its own`,
    );
  }
  const lost = lostVoters(current, changes);
  const left = current.voters.filter(({ id }) => !lost.has(id) && facts.isUp(id));
  if (lost.size > 0 && left.length < majority(current.voters.length)) {
    // Others may be on their way: whoever asks to rejoin waits for them, if they are enough.
    const others = current.voters.length - lost.size;
    const mayCome = others >= majority(current.voters.length);
    return refuse(
      mayCome ? "in_progress" : "refused",
      `Cannot let node ${[...lost].join(", ")} rejoin as the others have no quorum: of the ` +
        `${current.voters.length} voters ${left.length} others are up, and ` +
        `${majority(current.voters.length)} are needed to agree on it`,
      ["Start the other voters first"],
    );
  }
  const down = target.voters.filter(({ id }) => moved.has(id) || !facts.isUp(id));
  const up = target.voters.length - down.length;
  const needed = majority(target.voters.length);
  if (up >= needed) return null;
  const ids = down.map(({ id }) => id).join(", ");
  const plural = target.voters.length === 1 ? "voter" : "voters";
  return refuse(
    "refused",
    `Cannot change the voters as the quorum would be lost: of the ${target.voters.length} ` +
      `${plural} afterwards ${up} would be up, and ${needed} are needed; down: node ${ids}`,
    [
      ...[...moved].map((id) => `Node ${id} counts as down until it is reached at its new address`),
      "Start what is down first, or remove what is down instead",
    ],
  );
}

/** The voters that come back on another data directory: the old one answers no more. */
function lostVoters(current: Configuration, changes: readonly MemberChange[]): Set<NodeId> {
  const coming = changes.filter(({ action }) => action === "rejoin");
  const lost = coming.filter(({ id, instanceId }) =>
    current.voters.some((voter) => voter.id === id && voter.instanceId !== instanceId)
  );
  return new Set(lost.map(({ id }) => id));
}

/** The voters that others are to reach elsewhere. A single one is reached by nobody. */
function movedVoters(current: Configuration, target: Configuration): ReadonlySet<NodeId> {
  const before = new Map(current.voters.map(({ id, address }) => [id, address]));
  const moved = target.voters.filter(({ id, address }) =>
    target.voters.length > 1 && before.has(id) && before.get(id) !== address
  );
  return new Set(moved.map(({ id }) => id));
}

function isSameList(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every((member, i) => {
    const other = b[i]!;
    return member.id === other.id && member.address === other.address &&
      member.instanceId === other.instanceId;
  });
}

function invalid(message: string): ChangeRefusal {
  return refuse("invalid", message);
}

function refuse(
  reason: ChangeRefusal["reason"],
  message: string,
  why: readonly string[] = [],
): ChangeRefusal {
  return { reason, message, why };
}

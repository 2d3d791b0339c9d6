/**
 * The safety properties of Figure 3 of the paper, and what the promises of effects.ts add to them,
 * checked after every step of a cluster of cores.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { ReadOutcome } from "../consensus/effects.ts";
import type { Input } from "../consensus/input.ts";
import type { Message } from "../consensus/messages.ts";
import { allMembers, hasQuorum, memberOf } from "../consensus/quorum.ts";
import type { Configuration, Index, NodeId, Term } from "../types.ts";
import type { CoreEntry } from "./core_log.ts";
import type { CoreNode, CoreObserver } from "./core_node.ts";

/** What a node was before a step: by what it counts if it leads, and how far it had counted. */
interface StateBefore {
  readonly isLeader: boolean;
  readonly term: Term;
  readonly configuration: Configuration;
  readonly commitIndex: Index;
}

/** Watches a cluster; throws an assertion where a property breaks. */
export class CoreChecker implements CoreObserver {
  /** Every entry that is committed, as the first node that knew it held it. */
  readonly committed: CoreEntry[] = [];
  /** The term of whoever knew first that an entry is committed. */
  readonly #commitTerms: Term[] = [];
  /** How many times a snapshot replaced a log. */
  installations = 0;
  readonly #nodes: ReadonlyMap<NodeId, CoreNode>;
  readonly #leaders = new Map<Term, NodeId>();
  /** The terms whose leader was checked for leader completeness. */
  readonly #completeTerms = new Set<Term>();
  /** What follows from an index and a term: the payload, and the term of the entry before. */
  readonly #entries = new Map<string, { payload: string; termBefore: Term }>();
  readonly #votes = new Map<string, NodeId>();
  readonly #commitIndexes = new Map<NodeId, Index>();
  readonly #terms = new Map<NodeId, Term>();
  /** What each node was before its latest step. */
  readonly #before = new Map<NodeId, StateBefore>();
  /** The latest configuration that is committed; null before the first is known. */
  #configuration: Configuration | null;
  /** Reads under way and what was committed when they were asked for. */
  readonly #reads = new Map<string, Index>();

  /** Watches these nodes; `configuration` is the one from before the first entry. */
  constructor(
    nodes: ReadonlyMap<NodeId, CoreNode>,
    configuration: Configuration | null = null,
  ) {
    this.#nodes = nodes;
    this.#configuration = configuration;
  }

  /** How many reads have not ended. */
  get readsWaiting(): number {
    return this.#reads.size;
  }

  /** Which reads have not ended. */
  get readNames(): string[] {
    return [...this.#reads.keys()];
  }

  /** A node was crashed: its reads end with it, and what it knew to be committed is forgotten. */
  crashed(node: CoreNode): void {
    this.#commitIndexes.delete(node.id);
    this.#before.delete(node.id);
    for (const name of [...this.#reads.keys()]) {
      if (name.startsWith(`${node.id}/`)) this.#reads.delete(name);
    }
  }

  /** The data of a node are gone, for it is no member: what it did was another's. */
  startsAnew(node: CoreNode): void {
    assert(!this.needs(node), () => `node ${node.id} may be needed still`);
    this.#terms.delete(node.id);
    for (const name of [...this.#votes.keys()]) {
      if (name.startsWith(`${node.id}@`)) this.#votes.delete(name);
    }
  }

  /** Whether a node is a member by what is committed, or may become one by what is in a log. */
  needs({ id }: CoreNode): boolean {
    const isIn = (configuration: Configuration | null | undefined): boolean =>
      configuration !== null && configuration !== undefined &&
      allMembers(configuration).some((member) => member.id === id);
    if (isIn(this.#configuration)) return true;
    const later = this.committed.length;
    return [...this.#nodes.values()].some(({ log }) =>
      log.slice(later).some(({ configuration }) => isIn(configuration))
    );
  }

  /** Reads are checked from the moment that they are asked for. */
  readIssued(node: CoreNode, readId: number): void {
    this.#reads.set(`${node.id}/${readId}`, this.committed.length);
  }

  /** Checks what a message claims. */
  sent(node: CoreNode, to: NodeId, message: Message): void {
    // "Before responding to RPCs": term and vote are on stable storage (Figure 2).
    const { storage } = node;
    const isPreVote = "preVote" in message && message.preVote;
    if (!isPreVote) {
      assert(
        message.term <= storage.currentTerm,
        () => `node ${node.id} speaks in term ${message.term}, durable is ${storage.currentTerm}`,
      );
    }
    if (message.type === "requestVoteResponse" && message.voteGranted && !isPreVote) {
      // What the one before it under its id acknowledged, an empty directory knows nothing of.
      assert(
        node.hasJoined || node.instanceId === "",
        () => `vote rule: node ${node.id} votes for ${to} before it has joined`,
      );
      this.#checkVote(node, to, message.term);
    } else if (message.type === "requestVoteRequest" && !isPreVote) {
      this.#checkVote(node, node.id, message.term);
    } else if (message.type === "appendEntriesResponse" && message.accepted) {
      this.#checkAcknowledgement(node, to, message);
    } else if (message.type === "installSnapshotResponse" && message.status === "installed") {
      const { term, lastIncludedIndex: matchIndex } = message;
      this.#checkAcknowledgement(node, to, { term, matchIndex });
    }
  }

  /** Checks log matching: an index and a term determine the entry and all before it. */
  appended(node: CoreNode, index: Index): void {
    const entry = node.log[index - 1]!;
    const termBefore = index === 1 ? 0 : node.log[index - 2]!.term;
    const name = `${index}@${entry.term}`;
    const known = this.#entries.get(name);
    if (known === undefined) {
      this.#entries.set(name, { payload: entry.payload, termBefore });
      return;
    }
    assert(
      known.payload === entry.payload && known.termBefore === termBefore,
      () =>
        `log matching: node ${node.id} holds ${name} as ${entry.payload} after term ` +
        `${termBefore}, another as ${known.payload} after ${known.termBefore}`,
    );
  }

  /** Checks that a snapshot holds what was committed, and nothing else. */
  installed(node: CoreNode): void {
    this.installations += 1;
    node.log.forEach((entry, position) => {
      const known = this.committed[position];
      assert(
        known !== undefined && same(known, entry),
        () => `node ${node.id} installs another log`,
      );
    });
  }

  /** Checks that what is applied is committed, durable here, and the same everywhere. */
  applied(node: CoreNode, index: Index): void {
    // A node may learn of a commitment in the same step that lets it apply the entry.
    this.#checkCommit(node);
    const entry = node.log[index - 1]!;
    assert(index <= this.committed.length, () => `node ${node.id} applies ${index}, not committed`);
    assert(
      same(entry, this.committed[index - 1]!),
      () => `state machine safety: ${node.id} at ${index}`,
    );
    const durable = node.durableEntry(index);
    assert(
      durable !== undefined && same(durable, entry),
      () => `node ${node.id} applies ${index} before it is durable there`,
    );
  }

  /** Checks that a read sees everything that was committed when it was asked for. */
  readEnded(node: CoreNode, outcome: ReadOutcome): void {
    const name = `${node.id}/${outcome.readId}`;
    const committed = this.#reads.get(name);
    assert(committed !== undefined, () => `read ${name} ended twice, or was never asked for`);
    this.#reads.delete(name);
    if (outcome.readIndex === null) return;
    assert(
      outcome.readIndex >= committed,
      () => `stale read ${name}: index ${outcome.readIndex}, committed before it ${committed}`,
    );
  }

  /** Checks what may only change in certain ways. */
  stepped(node: CoreNode, input: Input): void {
    const { core } = node;
    const termBefore = this.#terms.get(node.id) ?? 0;
    assert(core.term >= termBefore, () => `term of node ${node.id} falls to ${core.term}`);
    this.#terms.set(node.id, core.term);
    const before = this.#before.get(node.id);
    const { isLeader, term, configuration, commitIndex } = core;
    this.#before.set(node.id, { isLeader, term, configuration, commitIndex });
    // A leader that is removed counts once more, and is none after that step.
    const hasCounted = before?.isLeader === true && before.term === term;
    if (hasCounted && commitIndex > before.commitIndex) {
      this.#checkQuorum(node, before.configuration);
    }
    if (!core.isLeader) return;
    // "Election Safety: at most one leader can be elected in a given term."
    const known = this.#leaders.get(core.term) ?? node.id;
    assert(known === node.id, () => `term ${core.term} has the leaders ${known} and ${node.id}`);
    this.#leaders.set(core.term, node.id);
    if (input.type === "message") this.#checkMatches(node);
  }

  /** What a leader takes for replicated is durable at that member, unless it obeys a later one. */
  #checkMatches({ id: leaderId, core, log }: CoreNode): void {
    for (const { id, matchIndex } of core.status().followers) {
      const follower = this.#nodes.get(id);
      const instanceId = memberOf(core.configuration, id)?.instanceId;
      if (matchIndex === 0 || follower?.instanceId !== instanceId) continue;
      if (follower!.storage.currentTerm > core.term) continue;
      const held = follower!.durableEntry(matchIndex);
      const own = log[matchIndex - 1];
      assert(
        held !== undefined && own !== undefined && same(held, own),
        () =>
          `match rule: leader ${leaderId} takes ${id} to hold ${matchIndex}@${own?.term}, ` +
          `it holds term ${held?.term}`,
      );
    }
  }

  /** Checks what a node knows once its log has what its core has. */
  performed(node: CoreNode): void {
    if (node.core.isLeader) this.#checkCompleteness(node);
    this.#checkCommit(node);
    checkTimers(node);
  }

  #checkCompleteness(node: CoreNode): void {
    const { core } = node;
    if (this.#completeTerms.has(core.term)) return;
    this.#completeTerms.add(core.term);
    // "Leader Completeness: … present in the logs of the leaders for all higher-numbered terms."
    // Late votes may elect a leader when one of a higher term has committed: it may lack that.
    this.committed.forEach((entry, position) => {
      if (this.#commitTerms[position]! >= core.term) return;
      const held = node.log[position];
      assert(
        held !== undefined && same(held, entry),
        () =>
          `leader completeness: ${node.id} lacks ${
            position + 1
          }@${entry.term} in term ${core.term}`,
      );
    });
  }

  #checkVote(node: CoreNode, candidate: NodeId, term: Term): void {
    const { currentTerm, votedFor } = node.storage;
    assert(
      currentTerm > term || votedFor === candidate,
      () =>
        `vote of ${node.id} for ${candidate} in ${term} is not durable: ${votedFor}@${currentTerm}`,
    );
    const name = `${node.id}@${term}`;
    const given = this.#votes.get(name) ?? candidate;
    assert(
      given === candidate,
      () => `node ${node.id} votes for ${given} and ${candidate} in ${term}`,
    );
    this.#votes.set(name, candidate);
  }

  /** An acknowledgement promises entries that are durable and those of the leader. */
  #checkAcknowledgement(
    node: CoreNode,
    to: NodeId,
    message: { readonly term: Term; readonly matchIndex: Index },
  ): void {
    const index = message.matchIndex;
    // One that a newer term has overtaken in the same record of effects was true when it was given,
    // as if the network had delayed it.
    if (index === 0 || message.term < node.core.term) return;
    const durable = node.durableEntry(index);
    const held = node.log[index - 1];
    assert(
      durable !== undefined && held !== undefined && same(durable, held),
      () => `node ${node.id} acknowledges ${index} before it is durable`,
    );
    const leader = this.#nodes.get(to);
    if (!leader?.isUp || !leader.core.isLeader || leader.core.term !== message.term) return;
    const sent = leader.log[index - 1];
    assert(
      sent !== undefined && same(sent, held),
      () =>
        `acknowledgement rule: node ${node.id} acknowledges ${index}@${held.term}, leader ${to} ` +
        `has ${sent?.term}`,
    );
  }

  #checkCommit(node: CoreNode): void {
    const { core } = node;
    const before = this.#commitIndexes.get(node.id) ?? 0;
    const after = core.commitIndex;
    assert(after >= before, () => `commit index of ${node.id} falls from ${before} to ${after}`);
    if (after === before) return;
    this.#commitIndexes.set(node.id, after);
    for (let index = before + 1; index <= after; index += 1) {
      const entry = node.log[index - 1];
      assert(entry !== undefined, () => `node ${node.id} commits ${index}, its log ends before`);
      const known = this.committed[index - 1];
      if (known === undefined) this.#commit(entry, core.term);
      else assert(same(known, entry), () => `node ${node.id} commits another entry at ${index}`);
    }
  }

  #commit(entry: CoreEntry, term: Term): void {
    this.committed.push(entry);
    this.#commitTerms.push(term);
    if (entry.configuration === undefined) return;
    if (this.#configuration !== null) checkSuccession(this.#configuration, entry.configuration);
    this.#configuration = entry.configuration;
  }

  /** What is committed is durable at a quorum of the configuration by which it was counted. */
  #checkQuorum(node: CoreNode, configuration: Configuration): void {
    const index = node.core.commitIndex;
    const entry = node.log[index - 1];
    assert(entry !== undefined, () => `node ${node.id} commits ${index}, its log ends before`);
    const durable = hasQuorum(configuration, (id) => {
      const held = this.#nodes.get(id)?.durableEntry(index);
      return held !== undefined && same(held, entry);
    });
    assert(durable, () => `node ${node.id} commits ${index}, which no quorum holds durably`);
  }
}

/**
 * The voters change by a joint configuration only: it follows the old voters, and the new ones
 * follow it (§6).
 */
function checkSuccession(before: Configuration, after: Configuration): void {
  const from = namesOf(before.voters);
  const isJoint = after.votersOld.length > 0;
  assert(
    before.votersOld.length === 0 || !isJoint,
    () => `a joint configuration of ${namesOf(after.voters)} follows another one`,
  );
  const follows = isJoint ? namesOf(after.votersOld) : namesOf(after.voters);
  assert(follows === from, () => `the voters ${follows} follow ${from} at once`);
}

function namesOf(members: readonly { readonly id: NodeId }[]): string {
  return members.map(({ id }) => id).join(" ");
}

/** Without these timers a node would wait for ever for what never comes. */
function checkTimers(node: CoreNode): void {
  const { core, timers } = node;
  for (const timer of ["heartbeat", "quorum"] as const) {
    const armed = timers.has(timer);
    assert(
      armed === core.isLeader,
      () => `node ${node.id}: ${timer} is ${armed ? "" : "not "}armed`,
    );
  }
  assert(
    timers.has("election") !== core.isLeader,
    () => `node ${node.id}: the election timer is wrong`,
  );
}

function same(a: CoreEntry, b: CoreEntry): boolean {
  return a.term === b.term && a.payload === b.payload;
}

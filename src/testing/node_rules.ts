/**
 * Holds one node to the rules that its words and its log must keep at every moment, and not only
 * where breaking them has done harm: see the checkers that it asks.
 *
 * @module
 */
import type { SoftState } from "../consensus/effects.ts";
import type { AppendEntriesRequest, Message } from "../consensus/messages.ts";
import type { HardState } from "../log/log.ts";
import type { Index, InstanceId, NodeId, Term } from "../types.ts";
import { CommitRule } from "./checkers/commit_rule.ts";
import type { DurableCopy } from "./checkers/durable_copy.ts";
import { Persistence } from "./checkers/persistence.ts";
import { PropertyViolation } from "./checkers/property_violation.ts";
import type { SafetyCheckers } from "./checkers/safety_checkers.ts";
import type { NodeWatch } from "./node_watch.ts";

/** What the rules of one node go by. */
export interface NodeRulesOptions {
  readonly nodeId: NodeId;
  readonly checkers: SafetyCheckers;
  readonly watch: NodeWatch;
  readonly nowMs: () => number;
  /** How many events have run: what has the same number happens at once. */
  readonly eventCount: () => number;
  /** The index of the configuration that the node goes by; null where it does not say. */
  readonly configurationIndex: () => Index | null;
  /** What the node knows to be committed, durable here or not; null where it does not say. */
  readonly commitIndex: () => Index | null;
}

/** The rules of one node, through all its lives. */
export class NodeRules {
  readonly #options: NodeRulesOptions;
  readonly #commitRule: CommitRule;
  #persistence: Persistence;
  #instanceId: InstanceId = "";
  #copy: DurableCopy | null = null;
  /** The term that the node leads; 0 where it does not. */
  #leadingTerm: Term = 0;
  /** The last term that it led and leads no more. */
  #endedTerm: Term = 0;
  /** The event in which the log was last changed. */
  #changedIn = -1;
  /** The configuration that was last compared with the node's own. */
  #comparedIndex: Index = -1;

  /** Creates the rules of a node that has not started. */
  constructor(options: NodeRulesOptions) {
    this.#options = options;
    this.#commitRule = new CommitRule(options.nodeId);
    this.#persistence = new Persistence(options.nodeId);
  }

  /** The data directory of its last life; empty before the first. */
  get instanceId(): InstanceId {
    return this.#instanceId;
  }

  /** The node is to start with an empty directory: what it said is another's. */
  startAnew(): void {
    this.#instanceId = "";
    this.#persistence = new Persistence(this.#options.nodeId);
  }

  /** The node's process ended: it leads no more, and its log is what the disk gives back. */
  ended(): void {
    this.#leads(0);
  }

  /** The node starts, on this directory; `isWhole` unless bits of it have rotted. */
  opened(hardState: HardState, instanceId: InstanceId, isWhole: boolean): void {
    const { nodeId, checkers, watch } = this.#options;
    this.#instanceId = instanceId;
    this.#comparedIndex = -1;
    this.#copy = checkers.quorumRule.copyOf(nodeId, instanceId);
    this.#copy.found(watch.log.lastIncludedIndex, watch.coveredIndex, watch.log.entries);
    if (isWhole) this.#persistence.onRestored(hardState, watch.log);
  }

  /** The node appended to its log. */
  appended(): void {
    this.#changedIn = this.#options.eventCount();
  }

  /** The node removed the end of its log. */
  truncated(lastIndexKept: Index): void {
    this.#copy?.truncated(lastIndexKept);
    this.#persistence.onTruncated(lastIndexKept);
  }

  /** A snapshot replaced the node's log. */
  installed(lastIncludedIndex: Index): void {
    this.#changedIn = this.#options.eventCount();
    this.#copy?.installed(lastIncludedIndex);
    this.#persistence.onInstalled();
  }

  /** The node begins to make its log durable. */
  syncBegins(): void {
    const { lastIncludedIndex, entries } = this.#options.watch.log;
    this.#copy?.syncBegins(lastIncludedIndex, entries);
  }

  /** The first sync of those under way is done. */
  syncCompletes(): void {
    this.#copy?.syncCompletes();
  }

  /** The node takes everything up to `index` for committed. */
  committed(index: Index): void {
    if (this.#leadingTerm === 0) this.#quorumRule.onFollowerCommit(this.#options.nodeId, index);
    else this.#leaderCommits(index);
  }

  /** A message goes out. */
  said(message: Message, to: NodeId): void {
    const { nodeId, watch, checkers, nowMs } = this.#options;
    const { log } = watch;
    this.#persistence.onSaid(message, log, to);
    this.#commitRule.onSaid(message, log);
    checkers.promiseRule.onSaid({
      nodeId,
      instanceId: this.#instanceId,
      message,
      to,
      nowMs: nowMs(),
    });
    if (message.type === "appendEntriesResponse" && message.accepted) {
      this.#acknowledges(message.matchIndex, message.term, to);
    } else if (message.type === "installSnapshotResponse" && message.status === "installed") {
      this.#acknowledges(message.lastIncludedIndex, message.term, to);
    } else if (message.type === "appendEntriesRequest") this.#leaderCommits(message.leaderCommit);
    else if (message.type === "requestVoteRequest" && !message.preVote) {
      checkers.voteRule.onCandidate(nodeId, message.term, log);
      this.#quorumRule.onVote(this.#instanceId, { term: message.term, candidateId: nodeId });
    } else if (message.type === "requestVoteResponse" && !message.preVote) {
      if (message.voteGranted) this.#votes(to, message.term);
    }
    this.#compareConfigurations();
  }

  /** The entries of a message go out: what was read late may be what a later leader wrote. */
  sentEntries({ term, prevLogIndex }: AppendEntriesRequest): void {
    // A new leader's first entries go out before it says that it leads.
    if (term > this.#endedTerm) return;
    throw new PropertyViolation(
      "Sender rule",
      `node ${this.#options.nodeId} sends entries behind ${prevLogIndex} as leader of term ` +
        `${term}, which it leads no longer`,
    );
  }

  /** The node changed its role. */
  roleChanged({ role, term }: SoftState): void {
    const { nodeId, watch } = this.#options;
    const wasLeading = this.#leadingTerm;
    // A leader that steps down as it commits its own removal says no more of that.
    if (role !== "leader") this.#leaderCommits(this.#options.commitIndex() ?? 0);
    this.#leads(role === "leader" ? term : 0);
    if (role === "leader" && wasLeading !== term) {
      this.#quorumRule.onVote(this.#instanceId, { term, candidateId: nodeId });
      const { before } = watch.configurationsIn(this.#options.eventCount());
      if (before !== null) this.#quorumRule.onLeader(nodeId, term, before);
    }
    this.#compareConfigurations();
  }

  #leads(term: Term): void {
    if (this.#leadingTerm !== term) this.#endedTerm = Math.max(this.#endedTerm, this.#leadingTerm);
    this.#leadingTerm = term;
    const { nodeId, checkers, watch } = this.#options;
    checkers.acknowledgementRule.onRole(nodeId, term, watch);
  }

  #acknowledges(index: Index, term: Term, leaderId: NodeId): void {
    const { nodeId, checkers, watch } = this.#options;
    const entryTerm = watch.termAt(index);
    checkers.acknowledgementRule.onAcknowledged({ nodeId, leaderId, term, index, entryTerm });
  }

  get #quorumRule(): SafetyCheckers["quorumRule"] {
    return this.#options.checkers.quorumRule;
  }

  #votes(candidateId: NodeId, term: Term): void {
    const { nodeId, watch, checkers, eventCount } = this.#options;
    this.#quorumRule.onVote(this.#instanceId, { term, candidateId });
    // A log that changes in the same turn may have done so after the vote was decided on.
    if (this.#changedIn === eventCount()) return;
    checkers.voteRule.onVote(nodeId, candidateId, term, watch.log);
  }

  #leaderCommits(index: Index): void {
    const { nodeId, watch, eventCount, checkers, nowMs } = this.#options;
    if (index <= this.#quorumRule.committedIndex || this.#leadingTerm === 0) return;
    // What was committed before its term a leader has from others; see also the commit rule.
    const term = this.#leadingTerm;
    if (watch.termAt(index) !== term) return;
    const configurations = watch.configurationsIn(eventCount());
    this.#quorumRule.onCommit({ nodeId, index, term, configurations });
    checkers.staleAge.onCommitted(index, nowMs());
  }

  /** "A server always uses the latest configuration in its log" (§6), or in its snapshot. */
  #compareConfigurations(): void {
    const { nodeId, watch, configurationIndex } = this.#options;
    const index = watch.configurationIndex;
    if (index === this.#comparedIndex) return;
    const own = configurationIndex();
    if (own === null) return;
    this.#comparedIndex = index;
    if (own === index) return;
    throw new PropertyViolation(
      "Configuration in effect",
      `node ${nodeId} goes by the configuration of index ${own}, the latest in its log is that ` +
        `of index ${index}`,
    );
  }
}

/**
 * Transitions of the core as a model checker reads them: the events and fields of etcd-io/raft's
 * state trace, which its TLA+ specification follows. docs/TRACE.md says where ours differ.
 *
 * Where nobody traces, the state's `tracing` is null, and a transition costs one comparison.
 *
 * @module
 */
import type { Configuration, Index, Member, NodeId, Term } from "../types.ts";
import type { Effects, Role } from "./effects.ts";
import type { AppendEntriesRequest, Message } from "./messages.ts";
import { allMembers } from "./quorum.ts";

/** What happened. */
export type TransitionName =
  | "InitState"
  | "BecomeCandidate"
  | "BecomeFollower"
  | "BecomeLeader"
  | "Commit"
  | "Replicate"
  | "ChangeConf"
  | "ApplyConfChange"
  | "Ready"
  | "SendAppendEntriesRequest"
  | "ReceiveAppendEntriesRequest"
  | "SendAppendEntriesResponse"
  | "ReceiveAppendEntriesResponse"
  | "SendRequestVoteRequest"
  | "ReceiveRequestVoteRequest"
  | "SendRequestVoteResponse"
  | "ReceiveRequestVoteResponse"
  | "SendSnapshot"
  | "ReceiveSnapshot";

/** A message as the trace shows it; ids are decimal texts. */
export interface TransitionMessage {
  /** `MsgApp`, `MsgAppResp`, `MsgVote`, `MsgVoteResp` or `MsgSnap`. */
  readonly type: string;
  readonly term: Term;
  readonly from: string;
  readonly to: string;
  /** How many entries; of a snapshot, the last index that it covers, when sent the least one. */
  readonly entries: number;
  readonly logTerm: Term;
  /** prevLogIndex, lastLogIndex, or of an acknowledgement the match index. */
  readonly index: Index;
  readonly commit: Index;
  readonly vote: string;
  readonly reject: boolean;
  readonly rejectHint: Index;
}

/** What a change of the members says. */
export interface TransitionProperties {
  readonly cc?: {
    readonly changes?: readonly { readonly nid: string; readonly action: string }[];
    readonly newconf?: readonly string[];
  };
}

/** One line of the trace. */
export interface Transition {
  readonly name: TransitionName;
  readonly nid: string;
  readonly state: { readonly term: Term; readonly vote: string; readonly commit: Index };
  readonly role: string;
  /** The index of the last entry. */
  readonly log: Index;
  /** The voters, and those before the change where it is joint. */
  readonly conf: readonly [readonly string[], readonly string[]];
  readonly msg?: TransitionMessage;
  readonly prop?: TransitionProperties;
}

/** Takes the transitions of one core, in their order. It must not throw, nor call the core. */
export type Tracer = (transition: Transition) => void;

/** What a line shows of a core's state. */
export interface TracedState {
  readonly nodeId: NodeId;
  readonly currentTerm: Term;
  readonly votedFor: NodeId;
  readonly commitIndex: Index;
  readonly role: Role;
  readonly log: { readonly baseIndex: Index; readonly lastIndex: Index };
  readonly membership: { readonly latest: { readonly configuration: Configuration } };
  readonly durability: { readonly durableIndex: Index };
}

const ROLE_NAMES: { readonly [role in Role]: string } = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
};

/** A message that is made up: what etcd's nodes send to themselves. */
interface OwnMessage {
  readonly type: "MsgAppResp" | "MsgVoteResp";
  readonly index: Index;
}

/** Turns transitions into lines. */
export class Tracing {
  readonly #tracer: Tracer;
  readonly #state: TracedState;
  /** The AppendEntries that were given out without their entries, by the peer. */
  readonly #sending = new Map<NodeId, AppendEntriesRequest>();
  /** The own vote was cast and is not durable before the next record of effects is performed. */
  #ownVoteDue = false;

  /** Traces `state` by `tracer`. */
  constructor(state: TracedState, tracer: Tracer) {
    this.#state = state;
    this.#tracer = tracer;
  }

  /** The core starts, or its role changed. */
  note(name: "InitState" | "BecomeFollower" | "BecomeLeader" | "Commit"): void {
    this.#emit(name);
  }

  /** An election starts; the own vote is a message to oneself, as in etcd. */
  becomeCandidate(): void {
    this.#emit("BecomeCandidate");
    this.#ownVoteDue = true;
    this.#emitOwn("SendRequestVoteResponse", { type: "MsgVoteResp", index: 0 });
  }

  /** A leader appended `count` entries that are no configuration. */
  replicate(count: number): void {
    for (let i = 0; i < count; i += 1) this.#emit("Replicate");
    this.appendedOwn();
  }

  /** A leader appended entries: a promise to acknowledge them to itself. */
  appendedOwn(): void {
    const index = this.#state.log.lastIndex;
    this.#emitOwn("SendAppendEntriesResponse", { type: "MsgAppResp", index });
  }

  /** A leader's own entries are durable. */
  durableOwn(): void {
    if (this.#state.role !== "leader") return;
    const index = this.#state.durability.durableIndex;
    this.#emitOwn("ReceiveAppendEntriesResponse", { type: "MsgAppResp", index });
  }

  /**
   * A leader takes a change of the members from `before` to what is in effect now. What changes no
   * part of anybody, such as leaving a joint configuration, is not shown, as in etcd.
   */
  changeConf(before: Configuration): void {
    const now = this.#state.membership.latest.configuration;
    const changes = [];
    for (const { id } of allMembers({ ...before, votersOld: [] })) {
      if (!has(now.voters, id) && !has(now.learners, id)) changes.push(change(id, "RemoveServer"));
    }
    for (const { id } of now.voters) {
      if (!has(before.voters, id)) changes.push(change(id, "AddNewServer"));
    }
    for (const { id } of now.learners) {
      if (!has(before.learners, id)) changes.push(change(id, "AddLearner"));
    }
    if (changes.length > 0) this.#emit("ChangeConf", { prop: { cc: { changes } } });
  }

  /**
   * A configuration takes effect: at append, not at apply as in etcd, with a snapshot, or for the
   * one behind it was truncated.
   */
  applyConfChange(): void {
    const newconf = ids(this.#state.membership.latest.configuration.voters);
    this.#emit("ApplyConfChange", { prop: { cc: { changes: [], newconf } } });
  }

  /** Effects are handed out to be performed. */
  ready(effects: Effects): void {
    const { hardState, logChanges, messagesNow, appliableIndex } = effects;
    const count = logChanges.length + messagesNow.length;
    if (count === 0 && hardState === null && appliableIndex === null) return;
    this.#emit("Ready");
    if (!this.#ownVoteDue) return;
    this.#ownVoteDue = false;
    if (this.#state.role !== "candidate") return;
    this.#emitOwn("ReceiveRequestVoteResponse", { type: "MsgVoteResp", index: 0 });
  }

  /** A message goes out. */
  sent(to: NodeId, message: Message): void {
    const shown = show(message, this.#state.nodeId, to);
    if (shown !== null) this.#emit(sendName(shown.type), { msg: shown });
  }

  /** An AppendEntries is given out whose entries the driver fetches. */
  sending(to: NodeId, message: AppendEntriesRequest): void {
    this.#sending.set(to, message);
  }

  /** The entries up to `lastIndex` went out with it. */
  sentEntries(to: NodeId, lastIndex: Index): void {
    const message = this.#sending.get(to);
    if (message === undefined) return;
    this.#sending.delete(to);
    const firstIndex = message.prevLogIndex + 1;
    const entries = { firstIndex, lastIndex, termRuns: [], configurations: [], source: null };
    this.sent(to, { ...message, entries });
  }

  /** The driver sends its newest snapshot in chunks: it covers what was compacted, or more. */
  sendingSnapshot(to: NodeId): void {
    const { nodeId, currentTerm: term, log } = this.#state;
    const ends = { term, from: String(nodeId), to: String(to) };
    this.#emit("SendSnapshot", {
      msg: { ...NOTHING, type: "MsgSnap", ...ends, entries: log.baseIndex },
    });
  }

  /** A message came and nothing was done with it yet. */
  received(from: NodeId, message: Message): void {
    const shown = show(message, from, this.#state.nodeId);
    if (shown !== null) this.#emit(receiveName(shown.type), { msg: shown });
  }

  #emitOwn(name: TransitionName, own: OwnMessage): void {
    const id = String(this.#state.nodeId);
    const msg: TransitionMessage = {
      ...NOTHING,
      type: own.type,
      term: this.#state.currentTerm,
      from: id,
      to: id,
      index: own.index,
    };
    this.#emit(name, { msg });
  }

  #emit(
    name: TransitionName,
    more: { readonly msg?: TransitionMessage; readonly prop?: TransitionProperties } = {},
  ): void {
    const { nodeId, currentTerm, votedFor, commitIndex, role, log, membership } = this.#state;
    const { voters, votersOld } = membership.latest.configuration;
    this.#tracer({
      name,
      nid: String(nodeId),
      state: { term: currentTerm, vote: String(votedFor), commit: commitIndex },
      role: ROLE_NAMES[role],
      log: log.lastIndex,
      conf: [ids(voters), ids(votersOld)],
      ...more,
    });
  }
}

const NOTHING = {
  entries: 0,
  logTerm: 0,
  index: 0,
  commit: 0,
  vote: "0",
  reject: false,
  rejectHint: 0,
};

/** The message as etcd would name it; null for those that its trace leaves out. */
function show(message: Message, sender: NodeId, receiver: NodeId): TransitionMessage | null {
  const from = String(sender);
  const to = String(receiver);
  const common = { ...NOTHING, term: message.term, from, to };
  switch (message.type) {
    case "appendEntriesRequest": {
      const { entries, prevLogIndex: index, prevLogTerm: logTerm, leaderCommit } = message;
      const count = entries === null ? 0 : entries.lastIndex - entries.firstIndex + 1;
      return { ...common, type: "MsgApp", entries: count, logTerm, index, commit: leaderCommit };
    }
    case "appendEntriesResponse": {
      if (message.accepted) return { ...common, type: "MsgAppResp", index: message.matchIndex };
      const { prevLogIndex: index, hintIndex: rejectHint, hintTerm: logTerm } = message;
      return { ...common, type: "MsgAppResp", index, reject: true, rejectHint, logTerm };
    }
    case "requestVoteRequest": {
      if (message.preVote) return null;
      const { lastLogIndex: index, lastLogTerm: logTerm } = message;
      return { ...common, type: "MsgVote", index, logTerm };
    }
    case "requestVoteResponse":
      if (message.preVote) return null;
      return { ...common, type: "MsgVoteResp", reject: !message.voteGranted };
    case "installSnapshotRequest":
      return { ...common, type: "MsgSnap", entries: message.lastIncludedIndex };
    case "installSnapshotResponse":
      // How far the chunks are is nobody's concern: in etcd only the end is answered.
      if (message.status !== "installed") return null;
      return { ...common, type: "MsgAppResp", index: message.lastIncludedIndex };
    default:
      return null;
  }
}

function sendName(type: string): TransitionName {
  if (type === "MsgApp") return "SendAppendEntriesRequest";
  if (type === "MsgAppResp") return "SendAppendEntriesResponse";
  return type === "MsgVote" ? "SendRequestVoteRequest" : "SendRequestVoteResponse";
}

function receiveName(type: string): TransitionName {
  if (type === "MsgApp") return "ReceiveAppendEntriesRequest";
  if (type === "MsgAppResp") return "ReceiveAppendEntriesResponse";
  if (type === "MsgVote") return "ReceiveRequestVoteRequest";
  return type === "MsgVoteResp" ? "ReceiveRequestVoteResponse" : "ReceiveSnapshot";
}

function change(id: NodeId, action: string): { readonly nid: string; readonly action: string } {
  return { nid: String(id), action };
}

function has(members: readonly Member[], id: NodeId): boolean {
  return members.some((member) => member.id === id);
}

function ids(members: readonly Member[]): string[] {
  return members.map((member) => String(member.id));
}

/**
 * Lease reads rest on a promise (dissertation §6.4.1): who answers a leader elects nobody for a
 * while, itself included, unless the leader asks for it. Neither a crash nor another candidate's
 * higher term ends a promise.
 *
 * @module
 */
import type { Message } from "../../consensus/messages.ts";
import { LEASE_DRIFT_MS, LEASE_DRIFT_SHARE } from "../../limits.ts";
import type { InstanceId, NodeId, Term } from "../../types.ts";
import { PropertyViolation } from "./property_violation.ts";

/** More rounds than are on their way at a time; older ones need not be known. */
const ROUNDS_MAX = 4_096;

/** A message that a node sends. */
export interface SaidMessage {
  readonly nodeId: NodeId;
  /** The data directory of the node: a promise is not that of the next one under its id. */
  readonly instanceId: InstanceId;
  readonly message: Message;
  readonly to: NodeId;
  readonly nowMs: number;
}

/** What the nodes of a cluster have promised. */
export class PromiseRule {
  /** When a leader first sent a round, by term and number: its lease counts from then. */
  readonly #rounds = new Map<string, number>();
  readonly #promisedUntilMs = new Map<InstanceId, number>();
  /** Elections that a leader asked for, by term and candidate. */
  readonly #transfers = new Set<string>();

  /** A message goes out. */
  onSaid(said: SaidMessage): void {
    const { message, nodeId, to, nowMs } = said;
    switch (message.type) {
      case "appendEntriesRequest":
        return this.#round(message.term, message.readSequence, nowMs);
      case "appendEntriesResponse":
        if (message.promiseMs > 0) this.#promise(said.instanceId, message);
        return;
      case "requestVoteRequest":
        if (message.preVote) return;
        if (message.leadershipTransfer) this.#transfers.add(`${message.term}/${nodeId}`);
        return this.#check(said, nodeId);
      case "requestVoteResponse":
        if (message.voteGranted && !message.preVote) this.#check(said, to);
    }
  }

  #round(term: Term, readSequence: number, nowMs: number): void {
    const name = `${term}/${readSequence}`;
    if (readSequence === 0 || this.#rounds.has(name)) return;
    this.#rounds.set(name, nowMs);
    if (this.#rounds.size <= ROUNDS_MAX) return;
    for (const oldest of this.#rounds.keys()) {
      this.#rounds.delete(oldest);
      return;
    }
  }

  #promise(
    instanceId: InstanceId,
    message: { readonly term: Term; readonly readSequence: number; readonly promiseMs: number },
  ): void {
    const sentMs = this.#rounds.get(`${message.term}/${message.readSequence}`);
    if (sentMs === undefined) return;
    // As long as a leader counts on it, and less what clocks may differ by.
    const lastsMs = message.promiseMs * (1 - 2 * LEASE_DRIFT_SHARE) - LEASE_DRIFT_MS;
    const before = this.#promisedUntilMs.get(instanceId) ?? -Infinity;
    this.#promisedUntilMs.set(instanceId, Math.max(before, sentMs + lastsMs));
  }

  #check({ nodeId, instanceId, message, nowMs }: SaidMessage, candidateId: NodeId): void {
    const untilMs = this.#promisedUntilMs.get(instanceId) ?? -Infinity;
    if (nowMs >= untilMs || this.#transfers.has(`${message.term}/${candidateId}`)) return;
    throw new PropertyViolation(
      "Promise rule",
      `node ${nodeId} votes for ${candidateId} in term ${message.term}, and has promised a ` +
        `leader to elect nobody for another ${Math.ceil(untilMs - nowMs)} ms`,
    );
  }
}

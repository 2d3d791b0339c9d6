/**
 * Which configuration is in effect. A configuration counts from the moment it is appended (§6 of
 * the paper), so one that is truncated must give way to the one before it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Configuration, Index, NodeId } from "../types.ts";
import { allMembers, memberOf } from "./quorum.ts";

const TWO_POW_32 = 4294967296;

/** A configuration and the entry that carries it. */
export interface IndexedConfiguration {
  readonly index: Index;
  readonly configuration: Configuration;
}

/** The configurations of the log, as far as they can still matter. */
export class Membership {
  /** Grows with every change of what is in effect, committed, or kept for those who leave. */
  version = 0;
  /** Ascending by index; the last one is in effect. Never empty. */
  #configurations: IndexedConfiguration[] = [];
  /** Since which configuration known a member is one without a break, on one data directory. */
  readonly #joinedAt = new WeakMap<IndexedConfiguration, ReadonlyMap<NodeId, Index>>();
  #commitIndex: Index;

  /** Starts from the configurations that the log (or a snapshot before it) holds. */
  constructor(configurations: readonly IndexedConfiguration[], commitIndex: Index = 0) {
    assert(configurations.length > 0, "a node without a configuration cannot take part");
    for (const configuration of configurations) this.#push(configuration);
    this.#commitIndex = commitIndex;
    this.committed(commitIndex);
  }

  /** The configuration in effect. */
  get latest(): IndexedConfiguration {
    return this.#configurations[this.#configurations.length - 1]!;
  }

  /** The latest configuration that is known to be committed, or null where none is. */
  get latestCommitted(): IndexedConfiguration | null {
    const first = this.#configurations[0]!;
    return first.index <= this.#commitIndex ? first : null;
  }

  /** Whether a change is under way: what is in effect is not committed, or is joint (§6). */
  get isChanging(): boolean {
    const { index, configuration } = this.latest;
    return index > this.#commitIndex || configuration.votersOld.length > 0;
  }

  /** From the latest committed one, or from the oldest that is known, up to the one in effect. */
  get held(): readonly IndexedConfiguration[] {
    return this.#configurations;
  }

  /** Notes a configuration entry that was appended. */
  append(configuration: IndexedConfiguration): void {
    assert(configuration.index > this.latest.index, () => `index ${configuration.index} falls`);
    this.#push(configuration);
    this.version += 1;
  }

  /**
   * The replication session of a member, or of one who leaves: the low 32 bits of the index of the
   * configuration that added it, or that bound it to its data directory. It differs between two
   * memberships of one id, so that an answer to an earlier one is told: what that promises may have
   * been lost since.
   */
  sessionOf(id: NodeId): number {
    const known = this.#configurations.findLast((entry) => this.#joinedAt.get(entry)!.has(id));
    assert(known !== undefined, () => `node ${id} is no member since ${this.latest.index}`);
    return this.#joinedAt.get(known)!.get(id)! % TWO_POW_32;
  }

  /** Starts anew from the configuration of a snapshot, which is committed. */
  reset(configuration: IndexedConfiguration): void {
    assert(
      configuration.index >= this.#committedFloor(),
      () => `index ${configuration.index} falls`,
    );
    // What lies between the configurations known here and this one is not known.
    this.#configurations = [];
    this.#push(configuration);
    this.#commitIndex = Math.max(this.#commitIndex, configuration.index);
    this.version += 1;
  }

  /** Goes back to the latest configuration at or before `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): void {
    const kept = this.#configurations.filter((entry) => entry.index <= lastIndexKept);
    assert(kept.length > 0, () => `no configuration is left at or before ${lastIndexKept}`);
    if (kept.length < this.#configurations.length) this.version += 1;
    this.#configurations = kept;
  }

  /** Forgets the configurations that a committed one replaced. */
  committed(commitIndex: Index): void {
    const before = this.latestCommitted;
    this.#commitIndex = Math.max(this.#commitIndex, commitIndex);
    while (this.#configurations.length > 1 && this.#configurations[1]!.index <= commitIndex) {
      this.#configurations.shift();
    }
    if (this.latestCommitted !== before) this.version += 1;
  }

  #push(entry: IndexedConfiguration): void {
    const before = this.#configurations[this.#configurations.length - 1];
    const rows = before === undefined ? undefined : this.#joinedAt.get(before);
    const joinedAt = new Map<NodeId, Index>();
    for (const { id, instanceId } of allMembers(entry.configuration)) {
      const was = before === undefined ? null : memberOf(before.configuration, id);
      joinedAt.set(id, was?.instanceId === instanceId ? rows!.get(id)! : entry.index);
    }
    this.#joinedAt.set(entry, joinedAt);
    this.#configurations.push(entry);
  }

  #committedFloor(): Index {
    return this.latestCommitted?.index ?? 0;
  }
}

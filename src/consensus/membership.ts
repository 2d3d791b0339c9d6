/**
 * Which configuration is in effect. A configuration counts from the moment it is appended (§6 of
 * the paper), so one that is truncated must give way to the one before it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Configuration, Index } from "../types.ts";

/** A configuration and the entry that carries it. */
export interface IndexedConfiguration {
  readonly index: Index;
  readonly configuration: Configuration;
}

/** The configurations of the log, as far as they can still matter. */
export class Membership {
  /** Ascending by index; the last one is in effect. Never empty. */
  #configurations: IndexedConfiguration[];

  /** Starts from the configurations that the log (or a snapshot before it) holds. */
  constructor(configurations: readonly IndexedConfiguration[]) {
    assert(configurations.length > 0, "a node without a configuration cannot take part");
    this.#configurations = [...configurations];
  }

  /** The configuration in effect. */
  get latest(): IndexedConfiguration {
    return this.#configurations[this.#configurations.length - 1]!;
  }

  /** Notes a configuration entry that was appended. */
  append(configuration: IndexedConfiguration): void {
    assert(configuration.index > this.latest.index, () => `index ${configuration.index} falls`);
    this.#configurations.push(configuration);
  }

  /** Goes back to the latest configuration at or before `lastIndexKept`. */
  truncateSuffix(lastIndexKept: Index): void {
    const kept = this.#configurations.filter((entry) => entry.index <= lastIndexKept);
    assert(kept.length > 0, () => `no configuration is left at or before ${lastIndexKept}`);
    this.#configurations = kept;
  }

  /** Forgets the configurations that a committed one replaced. */
  committed(commitIndex: Index): void {
    while (this.#configurations.length > 1 && this.#configurations[1]!.index <= commitIndex) {
      this.#configurations.shift();
    }
  }
}

/**
 * Log Matching (Figure 3 of the paper): "if two logs contain an entry with the same index and term,
 * then the logs are identical in all entries up through the given index."
 *
 * It is checked entry by entry: wherever an entry of a given index and term is written, it must
 * have the same payload, and the entry before it the same term, as wherever else. By induction over
 * the index all entries before are equal then. `checkLogs` compares whole logs as well, and sees
 * what was changed without being reported.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Index, NodeId } from "../../types.ts";
import type { AppendObservation, ObservedEntry, ObservedLog } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

const PROPERTY = "Log Matching";

/** Remembers every entry that was ever written, by index and term. */
export class LogMatching {
  /** By index, one of each term: most often there is only one. */
  readonly #entries = new Map<Index, AppendObservation[]>();

  /** A node wrote an entry to its log. */
  onAppended(observation: AppendObservation): void {
    const { index, term, nodeId } = observation;
    assert(index > 0 && term > 0, () => `entry ${index} of term ${term} is an entry`);
    if (observation.previousTerm > term) {
      throw new PropertyViolation(
        PROPERTY,
        `node ${nodeId} wrote ${describe(observation)} behind one of term ` +
          `${observation.previousTerm}`,
      );
    }
    const known = this.#firstOf(observation);
    if (known === observation) return;
    if (known.payloadHash !== observation.payloadHash) {
      throw new PropertyViolation(
        PROPERTY,
        `node ${nodeId} wrote ${describe(observation)}, node ${known.nodeId} ${describe(known)}`,
      );
    }
    if (known.previousTerm !== observation.previousTerm) {
      throw new PropertyViolation(
        PROPERTY,
        `before ${describe(observation)} node ${nodeId} has an entry of term ` +
          `${observation.previousTerm}, node ${known.nodeId} one of term ${known.previousTerm}`,
      );
    }
  }

  /** What was seen first of the same index and term: this very observation where it is new. */
  #firstOf(observation: AppendObservation): AppendObservation {
    const terms = this.#entries.get(observation.index);
    if (terms === undefined) {
      this.#entries.set(observation.index, [observation]);
      return observation;
    }
    for (const known of terms) if (known.term === observation.term) return known;
    terms.push(observation);
    return observation;
  }

  /** Compares whole logs with one another. */
  checkLogs(logs: ReadonlyMap<NodeId, ObservedLog>): void {
    const list = [...logs];
    for (const [nodeId, log] of list) assertContiguous(nodeId, log);
    list.forEach(([nodeId, log], position) => {
      for (const [otherId, other] of list.slice(position + 1)) {
        checkPair({ nodeId, log, otherId, other });
      }
    });
  }
}

function checkPair(
  pair: { nodeId: NodeId; log: ObservedLog; otherId: NodeId; other: ObservedLog },
): void {
  const { nodeId, log, otherId, other } = pair;
  const first = Math.max(log.lastIncludedIndex, other.lastIncludedIndex) + 1;
  let matched = false;
  // From the end: below the last entry with equal terms everything must be equal.
  for (let index = Math.min(lastIndex(log), lastIndex(other)); index >= first; index--) {
    const one = entryAt(log, index);
    const two = entryAt(other, index);
    if (one.term === two.term) matched = true;
    if (!matched || (one.term === two.term && one.payloadHash === two.payloadHash)) continue;
    throw new PropertyViolation(
      PROPERTY,
      `node ${nodeId} has ${describe(one)}, node ${otherId} ${describe(two)}, ` +
        `and they agree at or above that index`,
    );
  }
}

function lastIndex(log: ObservedLog): Index {
  return log.lastIncludedIndex + log.entries.length;
}

function entryAt(log: ObservedLog, index: Index): ObservedEntry {
  const entry = log.entries[index - log.lastIncludedIndex - 1];
  assert(entry !== undefined, () => `index ${index} is in the log`);
  return entry;
}

function assertContiguous(nodeId: NodeId, log: ObservedLog): void {
  log.entries.forEach((entry, position) => {
    const expected = log.lastIncludedIndex + 1 + position;
    assert(
      entry.index === expected,
      () => `node ${nodeId} has index ${entry.index} at ${expected}`,
    );
  });
}

function describe(entry: ObservedEntry): string {
  return `entry ${entry.index} of term ${entry.term} (${entry.payloadHash})`;
}

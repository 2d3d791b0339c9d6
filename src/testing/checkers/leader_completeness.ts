/**
 * Leader Completeness (Figure 3 of the paper): "if a log entry is committed in a given term, then
 * that entry will be present in the logs of the leaders for all higher-numbered terms."
 *
 * Nodes learn late that an entry is committed, often after the next leader was elected. So both
 * directions are checked: a new leader against the entries that are known to be committed, and a
 * commit that is heard of against the leaders that were elected before.
 *
 * @module
 */
import { assert } from "../../assert.ts";
import type { Index, NodeId, Term } from "../../types.ts";
import type { CommitObservation, LeaderObservation, ObservedLog } from "./observations.ts";
import { PropertyViolation } from "./property_violation.ts";

/** Where a run of entries of one term starts. */
interface TermRun {
  readonly term: Term;
  readonly firstIndex: Index;
}

/** A leader's log when it was elected, without payloads. */
interface ElectedLog {
  readonly nodeId: NodeId;
  readonly term: Term;
  readonly lastIncludedIndex: Index;
  readonly lastIndex: Index;
  readonly runs: readonly TermRun[];
}

/** An entry that is committed, and the lowest term in which somebody knew. */
interface Committed {
  readonly term: Term;
  commitTerm: Term;
}

/** Remembers what is committed and what the leaders' logs held. */
export class LeaderCompleteness {
  readonly #committed = new Map<Index, Committed>();
  #committedMax: Index = 0;
  readonly #leaders: ElectedLog[] = [];

  /** A node won an election. */
  onLeader(observation: LeaderObservation): void {
    const leader = elected(observation);
    this.#leaders.push(leader);
    assert(leader.lastIndex >= leader.lastIncludedIndex, "a log ends behind its snapshot");
    for (let index = leader.lastIncludedIndex + 1; index <= this.#committedMax; index++) {
      const entry = this.#committed.get(index);
      if (entry !== undefined) check({ leader, index, entry });
    }
  }

  /** A node learned that an entry is committed. */
  onCommitted(observation: CommitObservation): void {
    const { index, term, commitTerm } = observation;
    assert(commitTerm >= term, () => `commitTerm ${commitTerm} is not below the entry's ${term}`);
    const entry = this.#committed.get(index) ?? { term, commitTerm };
    if (entry.term !== term) {
      throw new PropertyViolation(
        "Leader Completeness",
        `entries of terms ${entry.term} and ${term} were both committed at index ${index}`,
      );
    }
    const isNews = !this.#committed.has(index) || commitTerm < entry.commitTerm;
    entry.commitTerm = Math.min(entry.commitTerm, commitTerm);
    this.#committed.set(index, entry);
    this.#committedMax = Math.max(this.#committedMax, index);
    if (!isNews) return;
    for (const leader of this.#leaders) check({ leader, index, entry });
  }
}

function elected(observation: LeaderObservation): ElectedLog {
  const { nodeId, term, log } = observation;
  const runs: TermRun[] = [];
  for (const entry of log.entries) {
    if (runs[runs.length - 1]?.term !== entry.term) {
      runs.push({ term: entry.term, firstIndex: entry.index });
    }
  }
  const { lastIncludedIndex } = log;
  return { nodeId, term, lastIncludedIndex, lastIndex: lastIndexOf(log), runs };
}

function lastIndexOf(log: ObservedLog): Index {
  return log.lastIncludedIndex + log.entries.length;
}

function check(facts: { leader: ElectedLog; index: Index; entry: Committed }): void {
  const { leader, index, entry } = facts;
  // A snapshot holds committed entries only; what it holds is State Machine Safety's concern.
  if (entry.commitTerm >= leader.term || index <= leader.lastIncludedIndex) return;
  let held: Term | null = null;
  if (index <= leader.lastIndex) {
    for (const run of leader.runs) if (run.firstIndex <= index) held = run.term;
  }
  if (held === entry.term) return;
  const instead = held === null ? `ends at ${leader.lastIndex}` : `has term ${held} there`;
  throw new PropertyViolation(
    "Leader Completeness",
    `entry ${index} of term ${entry.term} was committed in term ${entry.commitTerm}, but the log ` +
      `of node ${leader.nodeId}, elected in term ${leader.term}, ${instead}`,
  );
}

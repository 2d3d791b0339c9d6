/** The state-based checkers: silent on good runs, and they catch each kind of bad one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AcknowledgedDurability } from "../../../src/testing/checkers/acknowledged_durability.ts";
import { ElectionSafety } from "../../../src/testing/checkers/election_safety.ts";
import { LeaderCompleteness } from "../../../src/testing/checkers/leader_completeness.ts";
import { LogMatching } from "../../../src/testing/checkers/log_matching.ts";
import type { ObservedLog } from "../../../src/testing/checkers/observations.ts";
import { PropertyViolation } from "../../../src/testing/checkers/property_violation.ts";
import { SafetyCheckers } from "../../../src/testing/checkers/safety_checkers.ts";
import { StateMachineSafety } from "../../../src/testing/checkers/state_machine_safety.ts";

/** A log whose entries have these terms; payloads are named for index and term. */
function logOf(terms: readonly number[], snapshot: { index: number; term: number } | null = null) {
  const lastIncludedIndex = snapshot?.index ?? 0;
  const log: ObservedLog = {
    lastIncludedIndex,
    lastIncludedTerm: snapshot?.term ?? 0,
    entries: terms.map((term, position) => {
      const index = lastIncludedIndex + 1 + position;
      return { index, term, payloadHash: `${index}@${term}` };
    }),
  };
  return log;
}

function violates(property: string, run: () => void, message: RegExp): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof PropertyViolation, String(error));
    assert.equal(error.property, property);
    assert.match(error.message, message);
    return true;
  });
}

test("election safety takes one leader a term, also twice, and rejects another", () => {
  const checker = new ElectionSafety();
  checker.onLeader({ nodeId: 1, term: 1 });
  checker.onLeader({ nodeId: 1, term: 1 });
  checker.onLeader({ nodeId: 2, term: 3 });
  assert.equal(checker.termCount, 2);
  violates(
    "Election Safety",
    () => checker.onLeader({ nodeId: 3, term: 3 }),
    /nodes 2 and 3 were both elected in term 3/,
  );
});

test("log matching rejects two payloads of one index and term", () => {
  const checker = new LogMatching();
  const entry = { index: 1, term: 1, previousTerm: 0, payloadHash: "a" };
  checker.onAppended({ nodeId: 1, ...entry });
  checker.onAppended({ nodeId: 2, ...entry });
  checker.onAppended({ nodeId: 3, ...entry, term: 2, payloadHash: "b" });
  violates(
    "Log Matching",
    () => checker.onAppended({ nodeId: 3, ...entry, payloadHash: "b" }),
    /node 3 wrote entry 1 of term 1 \(b\), node 1 entry 1 of term 1 \(a\)/,
  );
});

test("log matching rejects equal entries behind different ones, and falling terms", () => {
  const checker = new LogMatching();
  checker.onAppended({ nodeId: 1, index: 2, term: 3, previousTerm: 1, payloadHash: "a" });
  violates(
    "Log Matching",
    () => checker.onAppended({ nodeId: 2, index: 2, term: 3, previousTerm: 2, payloadHash: "a" }),
    /an entry of term 2, node 1 one of term 1/,
  );
  violates(
    "Log Matching",
    () => checker.onAppended({ nodeId: 2, index: 3, term: 1, previousTerm: 2, payloadHash: "a" }),
    /behind one of term 2/,
  );
});

test("log matching compares whole logs from the last entry that agrees", () => {
  const checker = new LogMatching();
  const good = new Map([[1, logOf([1, 1, 2, 3])], [2, logOf([1, 1, 2, 2, 2])], [3, logOf([1])]]);
  checker.checkLogs(good);
  const compacted = logOf([2, 3], { index: 2, term: 1 });
  checker.checkLogs(new Map([...good, [4, compacted]]));
  // Node 5 agrees at index 3, and not at index 2.
  const bad = new Map([...good, [5, logOf([1, 2, 2])]]);
  violates("Log Matching", () => checker.checkLogs(bad), /node 1 has entry 2 of term 1/);
});

test("leader completeness looks at later leaders when an entry is committed", () => {
  const checker = new LeaderCompleteness();
  const entry = { index: 2, term: 1, payloadHash: "x", nodeId: 1 };
  checker.onCommitted({ ...entry, commitTerm: 2 });
  checker.onLeader({ nodeId: 2, term: 3, log: logOf([1, 1, 2]) });
  checker.onLeader({ nodeId: 2, term: 4, log: logOf([], { index: 2, term: 1 }) });
  // A leader of an old term, elected late, may lack it.
  checker.onLeader({ nodeId: 3, term: 2, log: logOf([1]) });
  violates(
    "Leader Completeness",
    () => checker.onLeader({ nodeId: 3, term: 5, log: logOf([1]) }),
    /entry 2 of term 1 was committed in term 2, .* node 3, elected in term 5, ends at 1/,
  );
});

test("leader completeness looks back when a commit is heard of late", () => {
  const checker = new LeaderCompleteness();
  checker.onLeader({ nodeId: 3, term: 5, log: logOf([1, 4]) });
  checker.onCommitted({ index: 2, term: 4, payloadHash: "x", nodeId: 1, commitTerm: 4 });
  const late = { index: 3, term: 3, payloadHash: "x", nodeId: 1 };
  checker.onCommitted({ ...late, commitTerm: 6 });
  violates(
    "Leader Completeness",
    () => checker.onCommitted({ ...late, commitTerm: 3 }),
    /elected in term 5, ends at 2/,
  );
});

test("leader completeness rejects two commits at one index", () => {
  const checker = new LeaderCompleteness();
  checker.onCommitted({ index: 1, term: 1, payloadHash: "x", nodeId: 1, commitTerm: 1 });
  violates(
    "Leader Completeness",
    () => checker.onCommitted({ index: 1, term: 2, payloadHash: "y", nodeId: 2, commitTerm: 2 }),
    /both committed at index 1/,
  );
});

test("state machine safety rejects a different entry, a gap and a repetition", () => {
  const checker = new StateMachineSafety();
  const entry = (index: number) => ({ index, term: 1, payloadHash: `p${index}` });
  checker.onApplied({ nodeId: 1, ...entry(1) });
  checker.onApplied({ nodeId: 1, ...entry(2) });
  checker.onRestored({ nodeId: 2, lastApplied: 1 });
  checker.onApplied({ nodeId: 2, ...entry(2) });
  assert.equal(checker.appliedAt(2)?.nodeId, 1);
  const property = "State Machine Safety";
  violates(property, () => checker.onApplied({ nodeId: 1, ...entry(4) }), /4 where 3 was next/);
  violates(property, () => checker.onApplied({ nodeId: 1, ...entry(2) }), /2 where 3 was next/);
  violates(
    property,
    () => checker.onApplied({ nodeId: 3, ...entry(1), payloadHash: "other" }),
    /at index 1 node 1 applied term 1 \(p1\), node 3 applied term 1 \(other\)/,
  );
});

test("acknowledged durability rejects what is lost, replaced or never was", () => {
  const checker = new AcknowledgedDurability();
  checker.onApplied({ nodeId: 1, index: 1, term: 1, payloadHash: "a" });
  checker.onAcknowledged({ index: 1, payloadHash: "a", label: "put a" });
  checker.checkCaughtUp([1]);
  const property = "Acknowledged-write durability";
  violates(property, () => checker.checkCaughtUp([1, 2]), /node 2 stays at 0/);
  violates(
    property,
    () => checker.onApplied({ nodeId: 2, index: 1, term: 2, payloadHash: "b" }),
    /"put a" \(a\) was acknowledged at index 1, where a node applied b/,
  );
  violates(
    property,
    () => checker.onAcknowledged({ index: 2, payloadHash: "c", label: "put c" }),
    /which no node has applied/,
  );
});

test("safety checkers pass a good run on to all of them", () => {
  const checkers = new SafetyCheckers();
  checkers.onLeader({ nodeId: 1, term: 1, log: logOf([]) });
  for (const nodeId of [1, 2]) {
    const entry = { nodeId, index: 1, term: 1, payloadHash: "1@1" };
    checkers.onAppended({ ...entry, previousTerm: 0 });
    checkers.onCommitted({ ...entry, commitTerm: 1 });
    checkers.onRestored({ nodeId, lastApplied: 0 });
    checkers.onApplied(entry);
  }
  checkers.onAcknowledged({ index: 1, payloadHash: "1@1", label: "put" });
  checkers.checkAtRest(new Map([[1, logOf([1])], [2, logOf([1])]]));
  assert.throws(() => checkers.onLeader({ nodeId: 2, term: 2, log: logOf([]) }), PropertyViolation);
});

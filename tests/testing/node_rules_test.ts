/** One node under the rules, as the simulated cluster tells them what it does. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SafetyCheckers } from "../../src/testing/checkers/safety_checkers.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { NodeRules } from "../../src/testing/node_rules.ts";
import { NodeWatch } from "../../src/testing/node_watch.ts";
import { EntryKind } from "../../src/types.ts";
import { encodeConfiguration } from "../../src/wire/storage_codec.ts";
import { recordBytes, sealRecord } from "../../src/log/record.ts";
import type { RecordBatch } from "../../src/log/log.ts";

/** A record with a cluster of one. */
function formation(): RecordBatch {
  const payload = encodeConfiguration({
    voters: [{ id: 1, address: "node-1:7238", instanceId: "" }],
    votersOld: [],
    learners: [],
    promotions: [],
  });
  const bytes = new Uint8Array(recordBytes(payload.length));
  bytes.set(payload, bytes.length - payload.length);
  const kind = EntryKind.configuration;
  sealRecord(bytes, 0, { index: 1, term: 1, timestampMs: 0, kind, payloadBytes: payload.length });
  return { firstIndex: 1, lastIndex: 1, bytes };
}

/** A cluster of one node, which does what the test says. */
class Node {
  readonly checkers = new SafetyCheckers();
  readonly watch = new NodeWatch(1, this.checkers, () => this.eventCount);
  commitIndex = 0;
  eventCount = 0;
  readonly rules = new NodeRules({
    nodeId: 1,
    checkers: this.checkers,
    watch: this.watch,
    nowMs: () => 0,
    eventCount: () => this.eventCount,
    configurationIndex: () => this.watch.configurationIndex,
    commitIndex: () => this.commitIndex,
  });

  /** Starts with these records, which are durable. */
  constructor(...batches: RecordBatch[]) {
    for (const batch of batches) this.watch.appended(batch);
    this.rules.opened({ currentTerm: 2, votedFor: 1 }, "instance", true);
  }

  turns(role: "leader" | "follower", term: number): void {
    this.eventCount += 1;
    this.watch.roleChanged({ role, term, leaderId: 1 });
    this.rules.roleChanged({ role, term, leaderId: 1 });
  }
}

describe("NodeRules", () => {
  it("takes what a leader committed as it stepped down for committed by a leader", () => {
    const node = new Node(formation(), createBatch({ firstIndex: 2, count: 1, term: 2 }));
    node.turns("leader", 2);
    node.commitIndex = 2;
    node.turns("follower", 2);
    node.rules.committed(2);
    assert.throws(() => node.rules.committed(3), /takes entry 3 for committed/);
  });

  it("lets nobody send entries under a term that it leads no longer", () => {
    const node = new Node(formation());
    const message = {
      type: "appendEntriesRequest" as const,
      term: 2,
      prevLogIndex: 1,
      prevLogTerm: 1,
      leaderCommit: 0,
      readSequence: 0,
      session: 0,
      provenToken: 0,
      entries: null,
    };
    // The first entries of a leader go out before it tells that it leads.
    node.rules.sentEntries(message);
    node.turns("leader", 2);
    node.rules.sentEntries(message);
    node.turns("follower", 3);
    assert.throws(() => node.rules.sentEntries(message), /Sender rule.*behind 1.*term 2/);
    node.turns("leader", 4);
    node.rules.sentEntries({ ...message, term: 4 });
  });

  it("holds an answer against the log of a leader that lives, not of one that starts again", () => {
    const leader = new Node(formation());
    leader.turns("leader", 2);
    const answer = { nodeId: 2, leaderId: 1, term: 2, index: 7, entryTerm: 2 };
    const { acknowledgementRule } = leader.checkers;
    assert.throws(() => acknowledgementRule.onAcknowledged(answer), /nothing there/);
    leader.rules.ended();
    acknowledgementRule.onAcknowledged(answer);
  });
});

describe("NodeWatch", () => {
  it("tells in which term an entry is known to be committed, before the role is told of", () => {
    const node = new Node(createBatch({ firstIndex: 1, count: 1, term: 1 }));
    node.turns("follower", 1);
    // A leader of term 2 without the entry does no harm where that was committed in term 3.
    const log = { lastIncludedIndex: 0, lastIncludedTerm: 0, entries: [] };
    node.checkers.onLeader({ nodeId: 2, term: 2, log });
    node.watch.committed(1, 3);
    assert.throws(
      () => node.checkers.onLeader({ nodeId: 2, term: 4, log }),
      /Leader Completeness/,
    );
  });
});

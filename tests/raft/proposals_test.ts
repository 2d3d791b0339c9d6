/** Every proposal is answered once, and never with more than is known. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import { type RaftError, ShutdownError } from "../../src/errors.ts";
import { PROPOSALS_WAITING_BYTES_MAX, PROPOSALS_WAITING_MAX } from "../../src/limits.ts";
import { type Proposal, type ProposalBatch, Proposals } from "../../src/raft/proposals.ts";

/** Makes proposals and keeps their answers. */
class Proposer {
  readonly failures = new Map<number, RaftError>();
  readonly #id = new Uint8Array(16);
  #next = 0;

  make(commandBytes = 10): Proposal {
    const requestId = this.#next;
    this.#next += 1;
    return {
      commandId: this.#id,
      command: new Uint8Array(commandBytes),
      requestId,
      sink: {
        proposalApplied: () => assert.fail("nothing is applied here"),
        proposalFailed: (id, error) => {
          assert.equal(id, requestId);
          assert.ok(!this.failures.has(id), `proposal ${id} was answered twice`);
          this.failures.set(id, error);
        },
      },
    };
  }

  batch(count: number): ProposalBatch {
    return { proposals: Array.from({ length: count }, () => this.make()), firstIndex: 0 };
  }
}

const ids = (list: readonly Proposal[]) => list.map(({ requestId }) => requestId);

describe("Proposals", () => {
  it("hands out what waits, in order, about so many bytes of it", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    assert.equal(proposals.isWaiting, false);
    for (const bytes of [30, 30, 30, 500, 10, 10]) proposals.add(proposer.make(bytes));
    assert.equal(proposals.isWaiting, true);
    assert.deepEqual(ids(proposals.takeWaiting(100)), [0, 1, 2]);
    assert.deepEqual(ids(proposals.takeWaiting(100)), [3], "one that is too large goes alone");
    assert.deepEqual(ids(proposals.takeWaiting(100)), [4, 5]);
    assert.equal(proposals.isWaiting, false);
    assert.throws(() => proposals.takeWaiting(100), AssertionError);
  });

  it("takes what does not end for want of bytes: commands of nothing", () => {
    const proposals = new Proposals();
    const proposer = new Proposer();
    for (let i = 0; i < 5; i += 1) proposals.add(proposer.make(0));
    assert.equal(proposals.takeWaiting(1).length, 5);
  });

  it("trap 30: refuses more commands than the queue holds, as not applied", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    for (let i = 0; i <= PROPOSALS_WAITING_MAX; i += 1) proposals.add(proposer.make(1));
    assert.deepEqual([...proposer.failures.keys()], [PROPOSALS_WAITING_MAX]);
    const error = proposer.failures.get(PROPOSALS_WAITING_MAX)!;
    assert.deepEqual([error.code, error.applied], ["overloaded", "no"]);
    proposals.takeWaiting(1);
    proposals.add(proposer.make(1));
    assert.equal(proposer.failures.size, 1);
  });

  it("trap 30: refuses more bytes than the queue holds, but takes one of any size", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    const [huge, small, more] = [PROPOSALS_WAITING_BYTES_MAX + 1, 1, 1].map((bytes) =>
      proposer.make(bytes)
    );
    proposals.add(huge!);
    proposals.add(small!);
    assert.deepEqual([...proposer.failures.keys()], [small!.requestId]);
    assert.deepEqual(proposals.takeWaiting(1), [huge]);
    proposals.add(more!);
    assert.deepEqual(proposals.takeWaiting(1), [more]);
  });

  it("finds the proposal of each entry, and none for entries of others", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    assert.equal(proposals.takeLogged(1), null);
    proposals.logged(proposer.batch(2), 5);
    proposals.logged(proposer.batch(1), 7);
    proposals.logged(proposer.batch(1), 9);
    const found = [4, 5, 6, 7, 8, 9, 10].map((index) => {
      const proposal = proposals.takeLogged(index);
      return proposal === null ? null : proposal.requestId;
    });
    assert.deepEqual(found, [null, 0, 1, 2, null, 3, null]);
  });

  it("says that an entry was skipped instead of answering the wrong proposal", () => {
    const proposals = new Proposals();
    proposals.logged(new Proposer().batch(2), 5);
    assert.throws(() => proposals.takeLogged(7), AssertionError);
  });

  it("keeps thousands of batches apart", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    for (let i = 0; i < 5_000; i += 1) proposals.logged(proposer.batch(1), i + 1);
    for (let i = 0; i < 4_000; i += 1) {
      assert.equal(proposals.takeLogged(i + 1)?.requestId, i);
    }
    proposals.failLogged(4_000, "over");
    assert.equal(proposer.failures.size, 1_000);
  });

  it("answers what waits as not applied, each with an error of its own", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    proposals.add(proposer.make());
    proposals.add(proposer.make());
    proposals.failWaiting(() => new ShutdownError("The node is stopping"));
    assert.deepEqual([...proposer.failures.values()].map(({ applied }) => applied), ["no", "no"]);
    assert.equal(proposals.isWaiting, false);
    proposals.failWaiting(() => assert.fail("nothing waits"));
  });

  it("ancestor A10: answers what is in the log as unknown when leadership ends", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    proposals.logged(proposer.batch(3), 5);
    proposals.logged(proposer.batch(2), 8);
    proposals.takeLogged(5);
    proposals.takeLogged(6);
    proposals.failLogged(6, "Leadership ended");
    assert.deepEqual([...proposer.failures.keys()], [2, 3, 4]);
    for (const { code, applied, message } of proposer.failures.values()) {
      assert.deepEqual([code, applied, message], [
        "leadership_lost",
        "unknown",
        "Leadership ended",
      ]);
    }
    assert.equal(proposals.takeLogged(8), null);
    proposals.failLogged(6, "again");
    assert.equal(proposer.failures.size, 3);
  });

  it("counts what became of them", () => {
    const proposer = new Proposer();
    const proposals = new Proposals();
    const counts = () => Object.values(proposals.readings);
    proposals.logged(proposer.batch(3), 10);
    proposals.logged(proposer.batch(2), 13);
    proposals.add(proposer.make());
    assert.deepEqual(proposals.readings, { logged: 5, pending: 6, refused: 0, unknown: 0 });
    proposals.failWaiting(() => new ShutdownError("over"));
    proposals.refused(7);
    assert.deepEqual(counts(), [5, 5, 8, 0]);
    for (const index of [10, 11, 12]) proposals.takeLogged(index);
    proposals.takeLogged(13);
    proposals.failLogged(13, "leadership ended");
    assert.deepEqual(counts(), [5, 0, 8, 1]);
  });
});

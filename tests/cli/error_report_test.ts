import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AssertionError } from "../../src/assert.ts";
import { CommandFailure } from "../../src/cli/command_failure.ts";
import { errorDocument, formatErrorText, reportError } from "../../src/cli/error_report.ts";
import { createStyle } from "../../src/cli/style.ts";
import { RequestReport } from "../../src/client/request_report.ts";
import { UsageError } from "../../src/config/usage_error.ts";
import {
  AnswerForgottenError,
  BadDataError,
  ChangeInProgressError,
  DeniedError,
  LeadershipLostError,
  NoQuorumError,
  NotFoundError,
  NotLeaderError,
  OverloadedError,
  RefusedError,
  RequestExpiredError,
  StaleReadError,
  StorageError,
  TooLargeError,
  UnknownOutcomeError,
  UnreachableError,
} from "../../src/errors.ts";
import { NoRoomError } from "../../src/log/no_room_error.ts";
import { FileError, LockedError, NetworkError } from "../../src/runtime/runtime.ts";

const report = new RequestReport({
  observations: [
    { address: "a:1", nodeId: 1, voter: true, reached: true, text: "follower, term 42" },
    { address: "b:2", nodeId: 2, voter: true, reached: false, text: "connection refused" },
    { address: "c:3", nodeId: 3, voter: true, reached: false, text: "connection refused" },
  ],
  commandId: new Uint8Array(16).fill(0xab),
  attempts: 1,
  elapsedMs: 5000,
});

describe("reportError", () => {
  it("counts no voter that waits to be taken in, but where all of them found a cluster", () => {
    const fields = { commandId: null, attempts: 1, elapsedMs: 5000 };
    const [first, ...others] = report.observations;
    const waiting = others.map((other) => ({ ...other, reached: true, waits: true }));
    const some = new RequestReport({ ...fields, observations: [first!, ...waiting] });
    assert.equal(
      some.why[0],
      "2 of 3 voters are needed, 1 answered within 5s, and 2 without a vote, to be taken in first",
    );
    const all = [{ ...first!, waits: true }, ...waiting];
    const forming = new RequestReport({ ...fields, observations: all });
    assert.equal(forming.why[0], "2 of 3 voters are needed, 3 answered within 5s");
  });

  it("calls no leader missing that answered, but not in time", () => {
    const fields = { commandId: null, attempts: 1, elapsedMs: 5000 };
    const leader = { ...report.observations[0]!, text: "leader, term 42" };
    const cause = new RequestReport({ ...fields, observations: [leader] });
    const read = reportError(new NoQuorumError("x", { cause }));
    assert.deepEqual([read.exit, read.message], [6, "the leader did not answer in time"]);
    assert.match(read.fix[0]!, /--timeout 1m/);
    const write = reportError(new NoQuorumError("x", { cause }), { isWrite: true });
    assert.match(write.message, /^the leader did not answer in time: your write was not applied$/);
    const down = new RequestReport({ ...fields, observations: [leader, report.observations[1]!] });
    assert.match(reportError(new NoQuorumError("x", { cause: down })).message, /^no leader/);
    const applying = reportError(new NoQuorumError("entry 9 was not applied here"));
    assert.equal(applying.message, "no answer for the cluster in time");
    assert.deepEqual(applying.why, ["entry 9 was not applied here"]);
  });

  it("gives every error its exit code", () => {
    const cases: readonly (readonly [Error, number, string])[] = [
      [new UsageError("x"), 2, "no"],
      [new CommandFailure("x", { exit: 3 }), 3, "no"],
      [new UnreachableError("x"), 5, "no"],
      [new NoQuorumError("x"), 6, "no"],
      [new NotLeaderError(null, null), 6, "no"],
      [new OverloadedError("x"), 6, "no"],
      [new StaleReadError("x"), 6, "no"],
      [new UnknownOutcomeError("x"), 7, "unknown"],
      [new LeadershipLostError("x"), 7, "unknown"],
      [new AnswerForgottenError("x"), 1, "yes"],
      [new DeniedError("x"), 8, "no"],
      [new BadDataError("x", ["y"]), 9, "no"],
      [new StorageError("x"), 9, "no"],
      [new LockedError("DIR/LOCK", 12), 9, "no"],
      [new TooLargeError("x"), 10, "no"],
      [new RequestExpiredError("x"), 10, "unknown"],
      [new RefusedError("x", []), 10, "no"],
      [new ChangeInProgressError("x"), 4, "no"],
      [new NotFoundError("x"), 3, "no"],
      [new FileError("ENOENT", "f", "x"), 3, "no"],
      [new FileError("EACCES", "f", "x"), 8, "no"],
      [new FileError("EPERM", "f", "x"), 8, "no"],
      [new FileError("EROFS", "f", "x"), 8, "no"],
      [new FileError("ENOSPC", "f", "x"), 10, "no"],
      [new FileError("EDQUOT", "f", "x"), 10, "no"],
      [new FileError("EMFILE", "f", "x"), 1, "no"],
      [new FileError("ENFILE", "f", "x"), 1, "no"],
      [new FileError("EIO", "f", "x"), 9, "no"],
      [new FileError("EISDIR", "f", "x"), 9, "no"],
      [new StorageError("x", { cause: new FileError("ENOSPC", "f", "y") }), 10, "no"],
      [new StorageError("x", { cause: new FileError("EROFS", "f", "y") }), 8, "no"],
      [new StorageError("x", { cause: new FileError("EIO", "f", "y") }), 9, "no"],
      [new NoRoomError(1, new FileError("EDQUOT", "f", "y")), 10, "no"],
      [new BadDataError("x", [], { cause: new FileError("ENOENT", "f", "y") }), 9, "no"],
      [new NetworkError("EADDRINUSE", "x"), 1, "no"],
      [new AssertionError("x"), 1, "no"],
      [new TypeError("x"), 1, "no"],
    ];
    for (const [error, exit, applied] of cases) {
      const made = reportError(error);
      assert.deepEqual([made.exit, made.applied], [exit, applied], error.name);
    }
  });

  it("says which nodes to start where there is no quorum", () => {
    const made = reportError(new NoQuorumError("x", { cause: report }), { isWrite: true });
    assert.equal(made.message, "no leader: your write was not applied");
    const read = reportError(new NoQuorumError("x", { cause: report }));
    assert.match(read.fix.join("\n"), /--consistency stale/);
    assert.match(made.why[0] ?? "", /2 of 3 voters are needed, 1 answered within 5s/);
    assert.match(made.fix[0] ?? "", /start node 2 or 3/);
    assert.equal(made.retryable, true);
    const learner = { address: "d:4", nodeId: 4, voter: false, reached: false, text: "refused" };
    const cause = new RequestReport({
      ...report,
      observations: [...report.observations, learner],
    });
    const known = reportError(new NoQuorumError("x", { cause }));
    assert.match(known.fix[0] ?? "", /start node 2 or 3,/, "a learner is no quorum");
  });

  it("says what the one who refuses advises", () => {
    const fix = ["start it with an empty data directory"];
    assert.deepEqual(reportError(new DeniedError("Node 2 was removed", { fix })).fix, fix);
    assert.match(reportError(new DeniedError("x")).fix.join(), /check that the endpoint/);
  });

  it("prints the request id where the outcome is unknown", () => {
    const made = reportError(new UnknownOutcomeError("x", { cause: report }));
    assert.equal(made.requestId, `raft-${"ab".repeat(16)}`);
    assert.match(made.fix.join("\n"), /--request-id raft-(ab){16}:/);
    assert.deepEqual(errorDocument(made).error["requestId"], made.requestId);
  });

  it("says that a write was applied where only its answer is gone", () => {
    const made = reportError(new AnswerForgottenError("too large", { cause: report }), {
      isWrite: true,
    });
    assert.equal(made.message, "your write was applied, but its answer is not kept");
    assert.equal(made.why[0], "too large");
    assert.match(made.fix.join("\n"), /do not send the write again/);
    const { error } = errorDocument(made);
    assert.deepEqual([error["applied"], error["retryable"]], ["yes", false]);
  });

  it("asks for a report of what should not happen, with the place", () => {
    const made = reportError(new TypeError("x is not a function"));
    assert.equal(made.message, "TypeError: x is not a function");
    assert.match(made.fix.join("\n"), /please report it/);
    assert.ok(made.why.length > 0);
  });

  it("takes what is not an Error", () => {
    assert.match(reportError("text").message, /text/);
  });
});

describe("errorDocument", () => {
  it("has the fields of the contract", () => {
    const { error } = errorDocument(reportError(new NoQuorumError("x", { cause: report })));
    assert.deepEqual(Object.keys(error), [
      "code",
      "exit",
      "applied",
      "message",
      "why",
      "fix",
      "retryable",
    ]);
    assert.equal(error["code"], "no_quorum");
  });
});

describe("formatErrorText", () => {
  it("shows what, why and fix in columns", () => {
    const text = formatErrorText({
      exit: 6,
      applied: "no",
      message: "no leader: your write was not applied",
      why: ["2 of 3 voters are needed", "1 a:1  follower"],
      fix: ["start node 2 or 3"],
      retryable: true,
    }, createStyle(false));
    assert.equal(
      text,
      "error: no leader: your write was not applied                      [no_quorum, exit 6]\n" +
        "  why:  2 of 3 voters are needed\n" +
        "        1 a:1  follower\n" +
        "  fix:  start node 2 or 3\n",
    );
  });
});

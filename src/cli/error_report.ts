/**
 * Turns whatever was thrown into what people and scripts are told: what happened, why, how to mend
 * it, and the exit code.
 *
 * @module
 */
import { AssertionError } from "../assert.ts";
import { InternalError } from "../client/client_errors.ts";
import { type RequestReport, requestReportOf } from "../client/request_report.ts";
import { UsageError } from "../config/usage_error.ts";
import {
  AnswerForgottenError,
  type Applied,
  BadDataError,
  ChangeInProgressError,
  DeniedError,
  InvalidRequestError,
  LeadershipLostError,
  NoQuorumError,
  NotFoundError,
  NotLeaderError,
  OverloadedError,
  RaftError,
  RefusedError,
  RequestExpiredError,
  SessionExpiredError,
  ShutdownError,
  StaleReadError,
  StorageError,
  TooLargeError,
  UnknownOutcomeError,
  UnreachableError,
} from "../errors.ts";
import { FileError, LockedError, NetworkError } from "../runtime/runtime.ts";
import { formatRequestId } from "../state_machine/request_id.ts";
import { CommandFailure } from "./command_failure.ts";
import { ExitCode, exitCodeName } from "./exit_codes.ts";
import { fileFailureOf } from "./file_failure.ts";
import { NoSuchFieldError } from "./field_path.ts";
import type { JsonObject } from "./json.ts";
import type { Style } from "./style.ts";

/** What people and scripts are told about a failure. */
export interface ErrorReport {
  readonly exit: ExitCode;
  readonly applied: Applied;
  readonly message: string;
  readonly why: readonly string[];
  readonly fix: readonly string[];
  readonly retryable: boolean;
  /** The id to repeat a command with, where its outcome is unknown. */
  readonly requestId?: string;
}

/** What is known of the command that failed. */
export interface FailedCommand {
  /** Whether it would have changed the state of the cluster. */
  readonly isWrite: boolean;
  /** What it is called, where it is known. */
  readonly name?: string;
}

type Mapper = (
  error: Error,
  command: FailedCommand,
) => Partial<ErrorReport> & Pick<ErrorReport, "exit">;

/** The report of the client, if the error carries one. */
function lines(report: RequestReport | null): readonly string[] {
  return report?.why ?? [];
}

/** `node 2`, `node 2 or 3`, `node 2, 3 or 4`. */
function alternatives(ids: readonly number[]): string {
  const last = ids.at(-1);
  const others = ids.slice(0, -1).join(", ");
  return others === "" ? `node ${last}` : `node ${others} or ${last}`;
}

/** The nodes that somebody has to start, as far as anybody knows them; learners are no quorum. */
function startMissing(report: RequestReport | null): string {
  const missing = (report?.observations ?? []).filter(({ reached, voter }) =>
    !reached && voter !== false
  );
  const ids = missing.map(({ nodeId }) => nodeId).filter((id) => id > 0);
  if (ids.length > 0) return `start ${alternatives(ids)}, then try again`;
  if (missing.length > 0) {
    return `start the node at ${missing.map(({ address }) => address).join(", ")}, then try again`;
  }
  return "wait for an election and try again, or see: raft status";
}

/** Whether a leader and all voters answered, so that time alone was lacking. */
function isSlow(report: RequestReport | null): boolean {
  if (report === null) return false;
  const { observations } = report;
  return observations.every(({ reached, voter }) => reached || voter === false) &&
    observations.some(({ text }) => text.startsWith("leader"));
}

function noQuorum(error: Error, { isWrite }: FailedCommand): ReturnType<Mapper> {
  const report = requestReportOf(error);
  const isLed = isSlow(report);
  // Without a report the error is the word of one node that was asked.
  const what = isLed
    ? "the leader did not answer in time"
    : report === null
    ? "no answer for the cluster in time"
    : "no leader";
  const outcome = isWrite ? "your write was not applied" : "nobody can answer for the cluster";
  const isOther = isLed || report === null;
  return {
    exit: ExitCode.noQuorum,
    message: isOther && !isWrite ? what : `${what}: ${outcome}`,
    why: report === null ? [error.message] : lines(report),
    fix: [
      isOther
        ? "a node that was just started applies its log first: wait longer with --timeout 1m, " +
          "or see: raft status"
        : startMissing(report),
      ...(isWrite ? [] : ["what one node knows, perhaps old: add --consistency stale"]),
    ],
    retryable: true,
  };
}

function unknownOutcome(error: Error): ReturnType<Mapper> {
  const report = requestReportOf(error);
  const requestId = report?.commandId ? formatRequestId(report.commandId) : undefined;
  return {
    exit: ExitCode.unknownOutcome,
    message: "the answer was lost: your write may have been applied",
    why: [error.message, ...lines(report)],
    fix: requestId === undefined
      ? ["read the key and decide"]
      : [`repeat the same command with --request-id ${requestId}: it is never applied twice`],
    retryable: requestId !== undefined,
    ...(requestId === undefined ? {} : { requestId }),
  };
}

function unreachable(error: Error): ReturnType<Mapper> {
  const report = requestReportOf(error);
  return {
    exit: ExitCode.unreachable,
    message: "no endpoint answered: nothing was applied",
    why: report === null ? [error.message] : lines(report),
    fix: [
      "check the addresses: -e HOST:PORT,… or RAFT_ENDPOINTS",
      "no cluster yet? try one: raft demo",
    ],
    retryable: true,
  };
}

/** The command was repeated: it had been applied, and what it answered then is gone. */
function answerForgotten(error: Error): ReturnType<Mapper> {
  return {
    exit: ExitCode.failed,
    message: "your write was applied, but its answer is not kept",
    why: [error.message, ...lines(requestReportOf(error))],
    fix: ["read the key; do not send the write again under another request id"],
  };
}

/** Errors that any command may meet, by class. The first that fits decides. */
const mappers: readonly (readonly [abstract new (...args: never[]) => Error, Mapper])[] = [
  [UsageError, (error, { name }) => {
    const { why, fix } = error as UsageError;
    const help = `see: raft help${name === undefined ? "" : ` ${name}`}`;
    return { exit: ExitCode.usage, why, fix: fix.length > 0 ? fix : [help] };
  }],
  [CommandFailure, (error) => {
    const { exit, applied, why, fix, isRetryable } = error as CommandFailure;
    return { exit, applied, why, fix, retryable: isRetryable };
  }],
  [NoSuchFieldError, (error) => ({
    exit: ExitCode.notFound,
    applied: "yes",
    fix: (error as NoSuchFieldError).fix,
  })],
  [UnreachableError, unreachable],
  [NoQuorumError, noQuorum],
  [NotLeaderError, noQuorum],
  [UnknownOutcomeError, unknownOutcome],
  [LeadershipLostError, unknownOutcome],
  [AnswerForgottenError, answerForgotten],
  [OverloadedError, () => ({
    exit: ExitCode.noQuorum,
    fix: ["try again later, with fewer requests at once"],
    retryable: true,
  })],
  [ShutdownError, () => ({
    exit: ExitCode.noQuorum,
    fix: ["try again: another node will take over"],
    retryable: true,
  })],
  [StaleReadError, () => ({
    exit: ExitCode.noQuorum,
    fix: ["allow older data: --consistency stale:MAX_AGE", "see who lost contact: raft status"],
    retryable: true,
  })],
  [RefusedError, (error) => ({
    exit: ExitCode.refused,
    why: (error as RefusedError).why,
    fix: (error as RefusedError).fix.length > 0
      ? (error as RefusedError).fix
      : ["see how things are: raft status"],
  })],
  [ChangeInProgressError, (error) => ({
    exit: ExitCode.condition,
    message: "another change of the members is under way: this one was not made",
    why: [error.message],
    fix: ["wait for it and try again: raft member ls", "does it not end? see: raft health"],
    retryable: true,
  })],
  [NotFoundError, () => ({
    exit: ExitCode.notFound,
    why: [],
    fix: ["see who is a member: raft member ls"],
  })],
  [RequestExpiredError, () => ({
    exit: ExitCode.refused,
    fix: ["read the key and decide; a request id is remembered for 15 minutes at most"],
  })],
  [SessionExpiredError, () => ({
    exit: ExitCode.refused,
    fix: ["open another session; where the outcome is unknown, read the key first and decide"],
  })],
  [TooLargeError, () => ({
    exit: ExitCode.refused,
    fix: [
      "keys take at most 64KiB, values at most 8MiB: store large data elsewhere and keep its name",
    ],
  })],
  [InvalidRequestError, () => ({ exit: ExitCode.usage, fix: ["see: raft help COMMAND"] })],
  [DeniedError, (error) => ({
    exit: ExitCode.denied,
    fix: (error as DeniedError).fix.length > 0
      ? (error as DeniedError).fix
      : ["check that the endpoint, the id and the cluster name are those you mean"],
  })],
  [BadDataError, (error) => ({ exit: ExitCode.badData, fix: (error as BadDataError).fix })],
  [LockedError, (error) => ({
    exit: ExitCode.badData,
    fix: [
      (error as LockedError).holderPid === null
        ? "another process uses the data directory: stop it, or choose another --data"
        : `stop process ${(error as LockedError).holderPid}, or choose another --data`,
    ],
  })],
  [StorageError, (error) =>
    fileFailureOf(error) ?? {
      exit: ExitCode.badData,
      fix: ["look after the disk, then start the node again: it checks what it stored"],
    }],
  [FileError, (error) => fileFailureOf(error) ?? { exit: ExitCode.failed }],
  [NetworkError, (error) => ({
    exit: ExitCode.failed,
    fix: (error as NetworkError).code === "EADDRINUSE"
      ? ["another process listens there: stop it, or choose another address"]
      : [],
    retryable: true,
  })],
  [InternalError, () => ({
    exit: ExitCode.failed,
    fix: ["the log of that node says more"],
  })],
];

/** What to do about something that should not have happened. */
const REPORT_IT =
  "this should not happen: please report it with the output of raft version -o json";

/** Everything that the errors of one kind do not say themselves. */
function complete(error: Error, partial: Partial<ErrorReport> & { exit: ExitCode }): ErrorReport {
  const report = requestReportOf(error);
  return {
    applied: error instanceof RaftError ? error.applied : "no",
    message: error.message,
    why: lines(report),
    fix: [],
    retryable: false,
    ...partial,
  };
}

/**
 * The report for anything that was thrown.
 *
 * @param thrown What was caught.
 * @param command What is known of the command that threw it.
 */
export function reportError(
  thrown: unknown,
  command: FailedCommand = { isWrite: false },
): ErrorReport {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  for (const [type, map] of mappers) {
    if (error instanceof type) return complete(error, map(error, command));
  }
  const isDefect = !(error instanceof RaftError);
  const stack = (error.stack ?? "").split("\n").slice(1, 4).map((line) => line.trim());
  return complete(error, {
    exit: ExitCode.failed,
    // Whatever went wrong here may have done so after the command was carried out.
    ...(isDefect && command.isWrite ? { applied: "unknown" as const } : {}),
    message: error instanceof AssertionError ? error.message : `${error.name}: ${error.message}`,
    why: isDefect ? stack : [],
    fix: isDefect ? [REPORT_IT] : [],
  });
}

/** The error document of `-o json`. */
export function errorDocument(report: ErrorReport): { readonly error: JsonObject } {
  const { exit, applied, message, why, fix, retryable, requestId } = report;
  return {
    error: {
      code: exitCodeName(exit),
      exit,
      applied,
      message,
      why,
      fix,
      retryable,
      ...(requestId === undefined ? {} : { requestId }),
    },
  };
}

/** The column at which the code stands on the first line, if the message leaves room. */
const CODE_COLUMN = 66;

function block(label: string, texts: readonly string[]): string {
  return texts
    .flatMap((text) => text.split("\n"))
    .map((line, position) => `  ${(position === 0 ? label : "").padEnd(6)}${line}\n`)
    .join("");
}

/** The error for people: what happened, why, how to mend it. */
export function formatErrorText(report: ErrorReport, style: Style): string {
  const code = `[${exitCodeName(report.exit)}, exit ${report.exit}]`;
  const head = `error: ${report.message}`;
  const room = Math.max(2, CODE_COLUMN - head.length);
  const first = `${style.red(style.bold("error:"))} ${report.message}`;
  return `${first}${" ".repeat(room)}${style.dim(code)}\n` +
    block("why:", report.why) + block("fix:", report.fix);
}

/**
 * From the words of the wire back to the errors of the library; node/error_code.ts is the other
 * way.
 *
 * @module
 */
import {
  InvalidRequestError,
  NotFoundError,
  RefusedError,
  SessionExpiredError,
  TooLargeError,
} from "../errors.ts";
import type { RaftError } from "../errors.ts";
import type { ErrorAnswer } from "../wire/client_messages.ts";
import { InternalError } from "./client_errors.ts";

/**
 * The error for an answer that sending again cannot change; null where it may, at another node or
 * later.
 *
 * @param answer What a node answered.
 * @param options The cause to give the error.
 */
export function answerError(answer: ErrorAnswer, options: ErrorOptions): RaftError | null {
  const { message } = answer;
  switch (answer.code) {
    case "tooLarge":
      return new TooLargeError(message, options);
    case "invalidRequest":
      return new InvalidRequestError(message, options);
    case "refused":
      return new RefusedError(message, answer.why, { ...options, fix: answer.fix });
    case "notFound":
      return new NotFoundError(message, options);
    case "sessionExpired":
      return new SessionExpiredError(message, answer.applied === "no" ? "no" : "unknown", options);
    case "internal":
      return new InternalError(message, answer.applied, options);
    case "changeInProgress":
    case "notLeader":
    case "overloaded":
    case "noQuorum":
    case "leadershipLost":
    case "requestExpired":
    case "shutdown":
    case "tooStale":
    case "answerForgotten":
      return null;
  }
}

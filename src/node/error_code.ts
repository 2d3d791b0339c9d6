/**
 * The words of the wire for the errors of the library; the client has the way back in
 * client/answer_error.ts.
 *
 * @module
 */
import type { RaftError } from "../errors.ts";
import type { ErrorCode } from "../wire/client_messages.ts";

const ERROR_CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ["not_leader", "notLeader"],
  ["overloaded", "overloaded"],
  // A client tries again at the same node, as it does after an overload.
  ["transfer_under_way", "overloaded"],
  ["no_quorum", "noQuorum"],
  ["leadership_lost", "leadershipLost"],
  ["request_expired", "requestExpired"],
  ["too_large", "tooLarge"],
  ["invalid_request", "invalidRequest"],
  ["shutdown", "shutdown"],
  ["too_stale", "tooStale"],
  ["refused", "refused"],
  ["change_in_progress", "changeInProgress"],
  ["answer_forgotten", "answerForgotten"],
  ["not_found", "notFound"],
  ["session_expired", "sessionExpired"],
]);

/** The word for an error; `internal` for one that clients have no word for. */
export function errorCodeOf(error: RaftError): ErrorCode {
  return ERROR_CODES.get(error.code) ?? "internal";
}

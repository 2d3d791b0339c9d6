/**
 * A request on its way over one connection, as the connection sees it.
 *
 * @module
 */
import { NetworkError } from "../runtime/runtime.ts";
import type { ClientAnswer, ClientRequest } from "../wire/client_messages.ts";

/** Takes the number that pairs a request with its answer away from its owner. */
type Unnumbered<Request> = Request extends unknown
  ? Omit<Request, "requestId"> & { requestId: number }
  : never;

/** What is sent: a request of the wire whose `requestId` the connection sets. */
export type OutgoingRequest = Unnumbered<ClientRequest>;

/** Why a request has no answer from its connection. */
export interface SendFailure {
  /**
   * `unreachable`: no connection came about. `denied`: the other side refuses this client for good.
   * `lost`: an open connection ended. `deadline`: the time of the request ran out.
   */
  readonly kind: "unreachable" | "denied" | "lost" | "deadline";
  /** Whether the other side may have received the request. */
  readonly sent: boolean;
  /** What happened, such as `connection refused`. */
  readonly reason: string;
}

/**
 * A request and its receiver in one object, so that a connection allocates nothing for it. Exactly
 * one of `answered` and `failed` is called, later than the `send` that took the request, and once.
 */
export interface ConnectionRequest {
  /** What is sent; encoded when it is, so it must not change before `answered` or `failed`. */
  readonly message: OutgoingRequest;
  /** When to give up, in the clock's milliseconds. */
  readonly deadlineMs: number;
  /** The answer, whatever it says. */
  answered(answer: ClientAnswer): void;
  /** No answer will come. */
  failed(failure: SendFailure): void;
}

/** The words for the codes that dialing meets most. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["ECONNREFUSED", "connection refused"],
  ["ECONNRESET", "connection reset"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETUNREACH", "network unreachable"],
  ["ENOTFOUND", "host name not found"],
  ["EPIPE", "connection closed by the other side"],
  ["ETIMEDOUT", "no answer to the dial"],
]);

/** What a failed call of the network means, in few words. */
export function describeNetworkError(error: unknown): string {
  if (error instanceof NetworkError) return REASONS.get(error.code) ?? error.message;
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error says that the other side's proof of identity, or ours, was not accepted. */
export function isTlsRefusal(error: unknown): boolean {
  if (!(error instanceof NetworkError)) return false;
  return /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO/.test(error.code);
}

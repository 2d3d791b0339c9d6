/**
 * Why a request of a client failed: what was seen at each endpoint. Every error that RaftClient
 * rejects with carries one as its `cause`.
 *
 * @module
 */
import type { Address, NodeId } from "../types.ts";

/** What was last seen at one endpoint. */
export interface EndpointObservation {
  /** The endpoint. */
  readonly address: Address;
  /** The node behind it, 0 where it never answered. */
  readonly nodeId: NodeId;
  /** Whether it is a voter; null where nobody said. */
  readonly voter: boolean | null;
  /** Whether it answered when it was last asked. */
  readonly reached: boolean;
  /** Whether it knows of no configuration: it waits to be taken in, and has no vote before. */
  readonly waits?: boolean;
  /** What happened, such as `connection refused` or `follower, term 42, no leader for 38s`. */
  readonly text: string;
}

/** What a report is made of. */
export interface RequestReportFields {
  readonly observations: readonly EndpointObservation[];
  /** The id of the command, null for a query. */
  readonly commandId: Uint8Array | null;
  /** How often the request was handed to a connection. */
  readonly attempts: number;
  /** How long was tried, in milliseconds. */
  readonly elapsedMs: number;
}

/** The history of a failed request, as the `cause` of its error. */
export class RequestReport extends Error {
  /** The class name, stable under minification. */
  override readonly name = "RequestReport";
  /** What was seen at each known endpoint, in the order of discovery. */
  readonly observations: readonly EndpointObservation[];
  /** The id of the command, null for a query: repeat it to retry without applying twice. */
  readonly commandId: Uint8Array | null;
  /** How often the request was handed to a connection; 0 if never. */
  readonly attempts: number;
  /** How long was tried, in milliseconds. */
  readonly elapsedMs: number;

  /** Creates the report; the message has a line for each endpoint. */
  constructor(fields: RequestReportFields) {
    super([countVoters(fields), ...fields.observations.map(formatObservation)].join("\n"));
    this.observations = fields.observations;
    this.commandId = fields.commandId;
    this.attempts = fields.attempts;
    this.elapsedMs = fields.elapsedMs;
  }

  /** The lines that explain the failure to a person: the count of voters, then each endpoint. */
  get why(): readonly string[] {
    return this.message.split("\n");
  }
}

/**
 * The report that an error of RaftClient carries.
 *
 * @param error Anything that was caught.
 * @returns The report, or null where there is none.
 */
export function requestReportOf(error: unknown): RequestReport | null {
  if (!(error instanceof Error)) return null;
  return error.cause instanceof RequestReport ? error.cause : null;
}

/**
 * A span of time for people, such as `350ms` or `38s`.
 *
 * @param spanMs The span in milliseconds.
 */
export function formatSpan(spanMs: number): string {
  if (spanMs < 1000) return `${Math.round(spanMs)}ms`;
  const tenths = Math.round(spanMs / 100);
  return tenths < 100 && tenths % 10 !== 0 ? `${tenths / 10}s` : `${Math.round(tenths / 10)}s`;
}

/** How many voters answered and how many are needed; endpoints where nobody named the voters. */
function countVoters({ observations, elapsedMs }: RequestReportFields): string {
  const within = `within ${formatSpan(elapsedMs)}`;
  const voters = observations.filter((observation) => observation.voter === true);
  if (voters.length === 0 || observations.length === 1) {
    const answered = observations.filter((observation) => observation.reached).length;
    return `${answered} of ${observations.length} endpoints answered ${within}`;
  }
  // Where all of them wait, the cluster has yet to form, and they are its voters.
  const isFormed = voters.some(({ waits }) => waits !== true);
  const reached = voters.filter((observation) => observation.reached);
  const waiting = isFormed ? reached.filter(({ waits }) => waits === true).length : 0;
  const answered = reached.length - waiting;
  const needed = Math.floor(voters.length / 2) + 1;
  const others = waiting === 0 ? "" : `, and ${waiting} without a vote, to be taken in first`;
  return `${needed} of ${voters.length} voters are needed, ${answered} answered ${within}${others}`;
}

function formatObservation({ nodeId, address, text }: EndpointObservation): string {
  return nodeId === 0 ? `${address}  ${text}` : `${nodeId} ${address}  ${text}`;
}

/**
 * Finds the leader for all requests of a client at once: however many wait, one search runs.
 *
 * While somebody waits, every endpoint without an open question is asked for its status, again and
 * again with growing, jittered delays. A node is taken for the leader when it says so itself, or
 * when a node that refused a request names it; a hint that leads nowhere is dropped and not
 * believed again before the next answer. What a follower's *status* says of the leader only adds an
 * address to ask: after a failure such words are old.
 *
 * @module
 */
import type { Clock, Random } from "../runtime/runtime.ts";
import type { Address, NodeId, Term } from "../types.ts";
import type { ClientAnswer, StatusAnswer } from "../wire/client_messages.ts";
import { BACKOFF_MAX_MS, ClientBackoff } from "./client_backoff.ts";
import type { ConnectionRequest, OutgoingRequest, SendFailure } from "./connection_request.ts";
import { EarliestTimer } from "./earliest_timer.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointDirectory } from "./endpoint_directory.ts";

/** How long a node may take to say its status before it is asked again, in milliseconds. */
export const PROBE_TIMEOUT_MS = 1_000;

/**
 * While requests are answered, the leader is asked for its status so often, in milliseconds: the
 * members that it names are where to look when it is gone, be it that it was removed itself.
 */
export const MEMBERS_REFRESH_MS = 1_000;

/** What waits for the finder. */
export interface LeaderFinderOwner {
  /** Whether somebody still waits; if not, the search stops. */
  readonly isWaiting: boolean;
  /** Something changed for the better, or a delay is over: try again. */
  progressed(): void;
  /** Every endpoint refuses this client or is out of reach. */
  denied(reason: string): void;
  /** A node said how it is. */
  learned(status: StatusAnswer): void;
}

/** A question for the status of one endpoint. */
class StatusProbe implements ConnectionRequest {
  readonly message: OutgoingRequest = { type: "status", requestId: 0 };
  readonly deadlineMs: number;
  readonly #done: (answer: ClientAnswer | null) => void;

  constructor(deadlineMs: number, done: (answer: ClientAnswer | null) => void) {
    this.deadlineMs = deadlineMs;
    this.#done = done;
  }

  answered(answer: ClientAnswer): void {
    this.#done(answer);
  }

  failed(_failure: SendFailure): void {
    this.#done(null);
  }
}

/** What a finder is made of. */
export interface LeaderFinderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: EndpointDirectory;
  readonly owner: LeaderFinderOwner;
}

/** The search for the leader, and its last result. */
export class LeaderFinder {
  readonly #clock: Clock;
  readonly #directory: EndpointDirectory;
  readonly #owner: LeaderFinderOwner;
  readonly #backoff: ClientBackoff;
  readonly #timer: EarliestTimer;
  #leader: Endpoint | null = null;
  /** The term in which the leader said that it leads; 0 where it was only named. */
  #leaderTerm: Term = 0;
  #round = 0;
  #lastRoundMs = -Infinity;
  /** When a leader last said who the members are, or was asked. */
  #refreshedMs = -Infinity;
  #isScheduled = false;
  #isClosed = false;

  /** Creates a finder that knows no leader. */
  constructor(options: LeaderFinderOptions) {
    this.#clock = options.clock;
    this.#directory = options.directory;
    this.#owner = options.owner;
    this.#backoff = new ClientBackoff(options.random);
    this.#timer = new EarliestTimer(options.clock, () => this.#startRound());
  }

  /** The endpoint to send commands to, or null. */
  get leader(): Endpoint | null {
    return this.#leader;
  }

  /** How many rounds of questions were started: what was refused in one waits for the next. */
  get round(): number {
    return this.#round;
  }

  /** Somebody waits: makes sure that a round of questions is coming. */
  wake(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    // A search that starts after a quiet time is a new one, and starts at once.
    if (this.#clock.nowMs() - this.#lastRoundMs > 2 * BACKOFF_MAX_MS) this.#backoff.reset();
    const delayMs = this.#backoff.nextDelayMs();
    if (delayMs === 0) this.#clock.defer(() => this.#startRound());
    else this.#timer.arm(this.#clock.nowMs() + delayMs);
  }

  /**
   * A node served a request: the next search starts without delay, and will know the members of
   * late.
   */
  confirmed(): void {
    this.#backoff.reset();
    const nowMs = this.#clock.nowMs();
    if (this.#leader === null || nowMs - this.#refreshedMs < MEMBERS_REFRESH_MS) return;
    this.#refreshedMs = nowMs;
    this.#probe(this.#leader);
  }

  /** `refuser` said that it does not lead, and perhaps who does. */
  follow(refuser: Endpoint, hint: { leaderId: NodeId; leaderAddress: Address | "" }): void {
    this.dismiss(refuser);
    if (this.#leader !== null) return;
    const named = this.#directory.hinted(hint.leaderId, hint.leaderAddress);
    if (named === null || named === refuser || named.isDown) return;
    this.#leader = named;
    this.#leaderTerm = 0;
  }

  /** `endpoint` does not lead, or cannot be reached. */
  dismiss(endpoint: Endpoint): void {
    if (this.#leader !== endpoint) return;
    this.#leader = null;
    this.#leaderTerm = 0;
  }

  /** Stops for good. */
  close(): void {
    this.#isClosed = true;
    this.#timer.clear();
  }

  #startRound(): void {
    this.#isScheduled = false;
    if (this.#isClosed || !this.#owner.isWaiting) return;
    this.#round++;
    this.#lastRoundMs = this.#clock.nowMs();
    for (const endpoint of [...this.#directory.values()]) endpoint.isDown = false;
    if (this.#leader === null) {
      for (const endpoint of [...this.#directory.values()]) this.#probe(endpoint);
    }
    this.#owner.progressed();
    if (this.#owner.isWaiting) this.wake();
  }

  #probe(endpoint: Endpoint): void {
    if (endpoint.isProbed) return;
    const probe = new StatusProbe(
      this.#clock.nowMs() + PROBE_TIMEOUT_MS,
      (answer) => this.#onProbed(endpoint, answer),
    );
    endpoint.isProbed = endpoint.connect().send(probe);
  }

  #onProbed(endpoint: Endpoint, answer: ClientAnswer | null): void {
    endpoint.isProbed = false;
    if (this.#isClosed) return;
    if (answer?.type !== "statusAnswer") {
      this.#checkDenial();
      return;
    }
    this.learnStatus(endpoint, answer);
    // Members that were not known before are asked in the same round.
    if (this.#leader === null) {
      for (const other of [...this.#directory.values()]) {
        if (!other.isOpen && !other.isDown && other !== endpoint) this.#probe(other);
      }
    }
    this.#owner.progressed();
  }

  /** Takes in what a node says of itself and of the others. */
  learnStatus(endpoint: Endpoint, status: StatusAnswer): void {
    endpoint.observeStatus(status);
    this.#directory.learn(status);
    this.#owner.learned(status);
    if (status.role === "leader") this.#refreshedMs = this.#clock.nowMs();
    if (status.role === "leader" && status.term > this.#leaderTerm) {
      this.#leader = endpoint;
      this.#leaderTerm = status.term;
    } else if (status.role !== "leader" && this.#leader === endpoint) {
      this.dismiss(endpoint);
    }
  }

  /** Gives up early where waiting cannot help: everybody refuses this client. */
  #checkDenial(): void {
    let denial: string | null = null;
    for (const endpoint of this.#directory.values()) {
      if (endpoint.isProbed || endpoint.isOpen) return;
      denial ??= endpoint.denial;
    }
    if (denial !== null) this.#owner.denied(denial);
  }
}

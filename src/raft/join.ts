/**
 * How a node without identity gets into a cluster that runs: it asks a member as a client would,
 * follows the hint to the leader, and repeats itself until it is taken in or refused. The request
 * may be carried out more than once to the same effect, so a crash or a lost answer harms nothing:
 * the node asks again, as the same data directory. A request of one that was taken in before says
 * so: if an operator has removed it since, it is told, and not added again.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { DeniedError, ProtocolError } from "../errors.ts";
import { FRAME_BYTES_MAX, HELLO_TIMEOUT_MS, MEMBERS_MAX } from "../limits.ts";
import type { Logger } from "../observability/logger.ts";
import type { ByteStream, Runtime, TimerHandle } from "../runtime/runtime.ts";
import { Backoff } from "../transport/backoff.ts";
import type { Address, ClusterId, Index, MemberChange } from "../types.ts";
import { ByteBuilder } from "../wire/byte_builder.ts";
import { decodeClientMessage, writeClientMessage } from "../wire/client_codec.ts";
import type { ClientMessage, ErrorAnswer, ErrorCode } from "../wire/client_messages.ts";
import { type HelloReply, REJOIN_PROTOCOL } from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { converse, helloOfClient } from "./conversation.ts";
import { ForeignAnswers, joinAnewFix } from "./foreign_answers.ts";

/** The first and the longest pause between two attempts, in milliseconds. */
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 1_000;

/** How long one attempt may take; a change of the members that waits for a quorum takes long. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Errors that no other attempt will mend. */
const FINAL_CODES: ReadonlySet<ErrorCode> = new Set(["refused", "invalidRequest", "notFound"]);

/** What a node joins with. */
export interface JoinerOptions {
  readonly runtime: Runtime;
  /** Who asks; its cluster id is empty where it never got that far before. */
  readonly identity: Identity;
  /** Where members are reached. */
  readonly endpoints: readonly Address[];
  /** Where the others reach this node. */
  readonly address: Address;
  /** It stays a learner. */
  readonly learner: boolean;
  readonly logger: Logger;
}

/** The cluster that took the node in. */
export interface JoinOutcome {
  readonly clusterId: ClusterId;
  readonly clusterName: string;
  /** The configuration that the node is a member of. */
  readonly configurationIndex: Index;
}

/** What an attempt came to: an outcome, or why to try again, perhaps elsewhere. */
type Attempt =
  | { readonly outcome: JoinOutcome | null }
  | { readonly reason: string; readonly hint: Address | "" };

/** Asks until it is answered. */
export class Joiner {
  /**
   * Resolves when the node was taken in, with null where it was before and was removed since;
   * rejects with a DeniedError where it never will be.
   */
  readonly joined: Promise<JoinOutcome | null>;
  /** What the node waits for, for people. */
  reason = "it asks to be taken in";
  readonly #options: JoinerOptions;
  /** What each endpoint answered last. */
  readonly #reasons = new Map<Address, string>();
  readonly #foreign: ForeignAnswers;
  readonly #backoff: Backoff;
  #stream: ByteStream | null = null;
  #pause: TimerHandle | null = null;
  #isClosed = false;

  /** Starts to ask. */
  constructor(options: JoinerOptions) {
    this.#options = options;
    this.#foreign = new ForeignAnswers(options.identity, options.endpoints);
    this.#backoff = new Backoff(options.runtime.random, {
      firstMs: RETRY_FIRST_MS,
      maxMs: RETRY_MAX_MS,
    });
    this.joined = this.#run();
  }

  /** Asks no more; `joined` stays as it is. */
  close(): void {
    this.#isClosed = true;
    this.#stream?.destroy();
    if (this.#pause !== null) this.#options.runtime.clock.clearTimer(this.#pause);
  }

  async #run(): Promise<JoinOutcome | null> {
    const { endpoints, logger } = this.#options;
    let hint: Address | "" = "";
    for (let round = 0;; round += 1) {
      const endpoint: Address = hint === "" ? endpoints[round % endpoints.length]! : hint;
      const attempt = await this.#attempt(endpoint);
      this.#foreign.asked(endpoint);
      if ("outcome" in attempt) return attempt.outcome;
      const { reason } = attempt;
      this.reason = reason;
      // Each endpoint says its own again and again.
      if (this.#reasons.get(endpoint) !== reason) {
        logger.info("Not taken in yet", { endpoint, reason });
      }
      if (this.#reasons.size >= MEMBERS_MAX) this.#reasons.clear();
      this.#reasons.set(endpoint, reason);
      // A hint is followed at once, and once: it may lead in circles.
      const isNews = attempt.hint !== "" && attempt.hint !== endpoint && hint === "";
      hint = isNews ? attempt.hint : "";
      if (!isNews) await this.#wait();
    }
  }

  #wait(): Promise<void> {
    const { clock } = this.#options.runtime;
    return new Promise((resolve) => {
      if (this.#isClosed) return;
      this.#pause = clock.setTimer(resolve, this.#backoff.nextMs());
    });
  }

  /** Asks one node; every way in which that can fail but a refusal is a reason to try again. */
  async #attempt(endpoint: Address): Promise<Attempt> {
    const target = splitAddress(endpoint);
    if (target === null) {
      throw new DeniedError(`Cannot join at "${endpoint}": want HOST:PORT`);
    }
    const { runtime } = this.#options;
    let stream: ByteStream;
    try {
      stream = await runtime.network.connect({ ...target, timeoutMs: HELLO_TIMEOUT_MS });
    } catch (error) {
      return { reason: `${endpoint}: ${messageOf(error)}`, hint: "" };
    }
    if (this.#isClosed) {
      stream.destroy();
      return new Promise(() => {});
    }
    this.#stream = stream;
    return await this.#ask(stream, endpoint);
  }

  async #ask(stream: ByteStream, endpoint: Address): Promise<Attempt> {
    const conversation = { endpoint, reply: null as HelloReply | null };
    try {
      const answered = converse(stream, {
        clock: this.#options.runtime.clock,
        timeoutMs: ATTEMPT_TIMEOUT_MS,
        frameBytesMax: FRAME_BYTES_MAX,
        hear: (frame) => this.#hear(stream, conversation, decodeClientMessage(frame)),
      });
      write(stream, { type: "hello", hello: helloOfClient(this.#options.identity, 0) });
      return await answered;
    } catch (error) {
      if (error instanceof DeniedError) throw error;
      return { reason: `${endpoint}: ${messageOf(error)}`, hint: "" };
    }
  }

  /** Takes a message; null where the answer is still to come. */
  #hear(
    stream: ByteStream,
    conversation: { readonly endpoint: Address; reply: HelloReply | null },
    message: ClientMessage,
  ): Attempt | null {
    const { reply, endpoint } = conversation;
    if (reply === null) {
      if (message.type !== "helloReply") throw new ProtocolError(`Got a ${message.type} as hello`);
      const { clock } = this.#options.runtime;
      const foreign = this.#foreign.answered(endpoint, message.reply, clock.nowMs());
      if (foreign !== null) return { reason: foreign, hint: "" };
      if (message.reply.refusal !== "none") return { reason: message.reply.reason, hint: "" };
      if (this.#options.identity.replaces.length > 0 && message.reply.protocol < REJOIN_PROTOCOL) {
        return { reason: "the node asked is of a version that lets nobody rejoin", hint: "" };
      }
      conversation.reply = message.reply;
      write(stream, this.#request());
      return null;
    }
    if (message.type === "errorAnswer") return this.#refused(message, endpoint);
    if (message.type !== "membershipAnswer") throw new ProtocolError(`Got a ${message.type}`);
    const { configurationIndex } = message;
    const { clusterId, clusterName } = reply;
    return { outcome: { clusterId, clusterName, configurationIndex } };
  }

  #request(): ClientMessage {
    const { identity: { nodeId: id, instanceId, replaces, joinIndex } } = this.#options;
    const { address, learner } = this.#options;
    const request = { type: "changeMembership", requestId: 1, force: false, joinIndex } as const;
    if (replaces.length > 0) {
      const changes: MemberChange[] = [{ action: "rejoin", id, address, instanceId }];
      return { ...request, changes, replaces };
    }
    const action = learner ? "addLearner" : "add";
    const change: MemberChange = { action, id, address, instanceId };
    return { ...request, changes: [change] };
  }

  #refused(answer: ErrorAnswer, endpoint: Address): Attempt {
    const { code, message, leaderAddress } = answer;
    if (code === "notFound" && this.#options.identity.joinIndex > 0) return { outcome: null };
    if (!FINAL_CODES.has(code)) {
      return { reason: message, hint: code === "notLeader" ? leaderAddress : "" };
    }
    const isGone = code === "notFound" && this.#options.identity.replaces.length > 0;
    throw new DeniedError(`The cluster refuses this node: ${message}`, {
      fix: isGone ? joinAnewFix(this.#options.identity.nodeId, endpoint) : answer.fix,
    });
  }
}

function write(stream: ByteStream, message: ClientMessage): void {
  const builder = new ByteBuilder();
  writeClientMessage(builder, message);
  stream.write(builder.take());
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

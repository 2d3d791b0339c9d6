/**
 * Applies committed entries in order, each once, and answers whoever proposed them here.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { getUint32 } from "../bytes.ts";
import type { IndexedConfiguration } from "../consensus/membership.ts";
import {
  AnswerForgottenError,
  InvalidRequestError,
  OverloadedError,
  RequestExpiredError,
  SessionExpiredError,
} from "../errors.ts";
import { RECORD_HEADER_BYTES, recordEnd, recordHeader, recordPayload } from "../log/record.ts";
import type { Log, RecordBatch } from "../log/log.ts";
import { APPEND_BYTES_MAX } from "../limits.ts";
import type { Clock } from "../runtime/runtime.ts";
import type { ApplyOutcome, CommandGate } from "../state_machine/command_gate.ts";
import { EntryKind, type Index, type LogTimeMs, type Term } from "../types.ts";
import { decodeConfiguration } from "../wire/storage_codec.ts";
import type { RaftObserver } from "./observer.ts";
import type { Proposal, Proposals } from "./proposals.ts";
import { AgreedEntries } from "./agreed_entries.ts";
import { offsetOf, type TailCache } from "./tail_cache.ts";

/** The most entries applied before other events get their turn. */
const APPLY_SLICE_ENTRIES = 4096;

const FORGOTTEN = "The command was applied before, and its answer is too large to be kept";
const EXPIRED = "The request id is older than the answers that are kept: the command was not " +
  "applied now, and whether it was applied before is not known";
const SESSION_EXPIRED = "The session has expired or was closed: the command was not applied now, " +
  "and whether it was applied before is not known";

/** Where the state machine stands. */
export interface AppliedPosition {
  /** The last entry applied. */
  readonly index: Index;
  /** Its term and its log time; 0 where nothing was applied. */
  readonly term: Term;
  readonly logTimeMs: LogTimeMs;
  /** The latest configuration at or before it; null where there is none. */
  readonly configuration: IndexedConfiguration | null;
  /** The bytes of the records that this process has applied. */
  readonly appliedBytes: number;
}

/** Where a state machine stands to which nothing was applied. */
export const NOTHING_APPLIED: AppliedPosition = {
  index: 0,
  term: 0,
  logTimeMs: 0,
  configuration: null,
  appliedBytes: 0,
};

/** What the loop works with. */
export interface ApplyLoopOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly cache: TailCache;
  readonly gate: CommandGate;
  readonly proposals: Proposals;
  readonly observer: RaftObserver | undefined;
  /** What is in the state machine already. */
  readonly appliedPosition: AppliedPosition;
  /** Called after each entry that all nodes look at their states after; see agreed_entries.ts. */
  readonly agreed: (index: Index) => void;
  /** Called after each tick. */
  readonly ticked: (logTimeMs: LogTimeMs) => void;
  /** Called after each stretch of entries. */
  readonly applied: (position: AppliedPosition) => void;
  /** Called after a snapshot replaced the state. */
  readonly restored: (position: AppliedPosition) => void;
  /** Called once if an entry cannot be read or applied; the loop stops for ever. */
  readonly failed: (error: Error) => void;
}

/** A state that replaces that of the state machine. */
interface Restore {
  /** Where it stands. */
  readonly position: AppliedPosition;
  readonly run: () => Promise<void>;
}

/** The applying half of a node. */
export class ApplyLoop {
  readonly #options: ApplyLoopOptions;
  #appliedIndex: Index;
  #appliedTerm: Term;
  #appliedLogTimeMs: LogTimeMs;
  #appliedBytes: number;
  #configuration: IndexedConfiguration | null;
  #appliableIndex: Index;
  readonly #agreed: AgreedEntries;
  #running = false;
  #stopped = false;
  /** A snapshot is to replace the state, or does. */
  #isRestoring = false;
  #nextRestore: Restore | null = null;
  /** What is read while the entries before it are applied. */
  #ahead: { readonly firstIndex: Index; readonly batch: Promise<RecordBatch> } | null = null;
  /** Reused for every entry. */
  readonly #context = { index: 0, term: 0, logTimeMs: 0 };

  /** Creates a loop that waits for {@linkcode ApplyLoop.advance}. */
  constructor(options: ApplyLoopOptions) {
    this.#options = options;
    const { index, term, logTimeMs, appliedBytes, configuration } = options.appliedPosition;
    this.#appliedIndex = index;
    this.#appliedTerm = term;
    this.#appliedLogTimeMs = logTimeMs;
    this.#appliedBytes = appliedBytes;
    this.#configuration = configuration;
    this.#appliableIndex = index;
    this.#agreed = new AgreedEntries(options.appliedPosition);
  }

  /** The last entry applied. */
  get appliedIndex(): Index {
    return this.#appliedIndex;
  }

  /** The term of the last entry applied since the start, 0 where there is none. */
  get appliedTerm(): Term {
    return this.#appliedTerm;
  }

  /** Lets entries up to `index` be applied: now, as far as they are in memory. */
  advance(index: Index): void {
    assert(index >= this.#appliableIndex, () => `appliable falls to ${index}`);
    this.#appliableIndex = index;
    if (!this.#running) this.#run();
  }

  /** Whether the state machine is between two states: it may not be asked. */
  get isRestoring(): boolean {
    return this.#isRestoring;
  }

  /**
   * Lets a snapshot replace the state. Entries behind it are applied once it has; a snapshot that
   * comes meanwhile is restored next.
   */
  restore(restore: Restore): void {
    const { index } = restore.position;
    assert(index > this.#appliedIndex, () => `${index} is applied already`);
    this.#appliableIndex = Math.max(this.#appliableIndex, index);
    this.#nextRestore = restore;
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    this.#runRestores().catch((error) => this.#fail(error));
  }

  /** Applies nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  get #position(): AppliedPosition {
    return {
      index: this.#appliedIndex,
      term: this.#appliedTerm,
      logTimeMs: this.#appliedLogTimeMs,
      configuration: this.#configuration,
      appliedBytes: this.#appliedBytes,
    };
  }

  #run(): void {
    let budget = APPLY_SLICE_ENTRIES;
    this.#running = true;
    while (this.#appliedIndex < this.#appliableIndex && !this.#stopped && !this.#isRestoring) {
      if (budget <= 0) {
        this.#options.clock.defer(() => this.#run());
        return;
      }
      const batch = this.#options.cache.batchAt(this.#appliedIndex + 1);
      if (batch === null) {
        this.#readAndRun();
        return;
      }
      const before = this.#appliedIndex;
      if (!this.#applyBatch(batch, budget)) return;
      budget -= this.#appliedIndex - before;
    }
    this.#running = false;
  }

  /** The entries are only in storage: a restart, or a long catch-up. */
  #readAndRun(): void {
    const firstIndex = this.#appliedIndex + 1;
    const ahead = this.#ahead;
    this.#ahead = null;
    const reading = ahead?.firstIndex === firstIndex ? ahead.batch : this.#read(firstIndex);
    reading.then((batch) => {
      // A snapshot may have covered the entries, and their log be gone.
      const isCovered = this.#isRestoring || this.#appliedIndex >= firstIndex;
      if (this.#stopped) return;
      if (!isCovered) {
        this.#readAhead(batch.lastIndex + 1);
        if (!this.#applyBatch(batch, Infinity)) return;
      }
      this.#run();
    }, (error) => {
      if (this.#isRestoring || this.#appliedIndex >= firstIndex) this.#run();
      else this.#fail(error);
    });
  }

  #read(firstIndex: Index): Promise<RecordBatch> {
    const range = { firstIndex, lastIndex: this.#appliableIndex, bytesMax: APPEND_BYTES_MAX };
    return this.#options.log.read(range);
  }

  /** Reads what is to be applied next, if it has to be read. */
  #readAhead(firstIndex: Index): void {
    if (firstIndex > this.#appliableIndex || this.#options.cache.batchAt(firstIndex) !== null) {
      return;
    }
    const batch = this.#read(firstIndex);
    // Whoever wants it hears of an error; nobody may.
    batch.catch(() => {});
    this.#ahead = { firstIndex, batch };
  }

  async #runRestores(): Promise<void> {
    for (let next = this.#nextRestore; next !== null; next = this.#nextRestore) {
      this.#nextRestore = null;
      await next.run();
      if (this.#stopped) return;
      const { index, term, logTimeMs, configuration } = next.position;
      this.#appliedIndex = index;
      this.#appliedTerm = term;
      this.#appliedLogTimeMs = logTimeMs;
      this.#configuration = configuration;
      this.#agreed.startAfter(index, logTimeMs);
    }
    this.#isRestoring = false;
    this.#options.restored(this.#position);
    if (!this.#running) this.#run();
  }

  /** Applies the entries of `batch` that are due; false where one failed. */
  #applyBatch(batch: RecordBatch, countMax: number): boolean {
    let index = this.#appliedIndex + 1;
    const last = Math.min(batch.lastIndex, this.#appliableIndex, this.#appliedIndex + countMax);
    let offset = offsetOf(batch, index);
    this.#appliedBytes -= offset;
    try {
      for (; index <= last; index += 1) {
        this.#applyRecord(batch.bytes, offset);
        this.#appliedIndex = index;
        if (this.#agreed.isNext(index, this.#appliedLogTimeMs)) this.#options.agreed(index);
        offset = recordEnd(batch.bytes, offset);
      }
      this.#appliedBytes += offset;
    } catch (error) {
      this.#fail(error);
      return false;
    }
    this.#options.applied(this.#position);
    return true;
  }

  #applyRecord(bytes: Uint8Array, offset: number): void {
    const header = recordHeader(bytes, offset);
    assert(header.index === this.#appliedIndex + 1, () => `entry ${header.index} out of order`);
    this.#options.observer?.applying(header, recordPayload(bytes, offset));
    this.#appliedTerm = header.term;
    this.#appliedLogTimeMs = header.timestampMs;
    if (header.kind === EntryKind.configuration) {
      const configuration = decodeConfiguration(recordPayload(bytes, offset).slice());
      this.#configuration = { index: header.index, configuration };
    }
    if (header.kind !== EntryKind.command && header.kind !== EntryKind.tick) return;
    const context = this.#context;
    context.index = header.index;
    context.term = header.term;
    context.logTimeMs = header.timestampMs;
    if (header.kind === EntryKind.tick) {
      this.#options.gate.tick(context);
      this.#options.ticked(context.logTimeMs);
      return;
    }
    const start = offset + RECORD_HEADER_BYTES;
    const end = offset + getUint32(bytes, offset);
    const outcome = this.#options.gate.applyEntryAt(bytes, start, end, context);
    const proposal = this.#options.proposals.takeLogged(header.index);
    if (proposal !== null) answer(proposal, outcome, context);
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.failed(
      error instanceof Error ? error : new Error("Cannot apply an entry", { cause: error }),
    );
  }
}

function answer(
  proposal: Proposal,
  outcome: ApplyOutcome,
  context: { readonly index: Index; readonly term: number },
): void {
  const { sink, requestId } = proposal;
  switch (outcome.type) {
    case "applied":
      sink.proposalApplied(requestId, {
        index: context.index,
        term: context.term,
        duplicate: false,
        result: outcome.result,
      });
      return;
    case "duplicate":
      sink.proposalApplied(requestId, {
        index: outcome.index,
        term: outcome.term,
        duplicate: true,
        result: outcome.result,
      });
      return;
    case "answerForgotten":
      sink.proposalFailed(requestId, new AnswerForgottenError(FORGOTTEN));
      return;
    case "expired":
      sink.proposalFailed(requestId, new RequestExpiredError(EXPIRED));
      return;
    case "sessionExpired":
      sink.proposalFailed(requestId, new SessionExpiredError(SESSION_EXPIRED, "unknown"));
      return;
    case "overloaded":
      sink.proposalFailed(requestId, new OverloadedError(outcome.message));
      return;
    case "invalid":
      sink.proposalFailed(requestId, new InvalidRequestError(outcome.message));
  }
}

/**
 * Collects what steps want done, until the driver takes it as one record of effects.
 *
 * @module
 */
import type { Index, NodeId, Term } from "../types.ts";
import type {
  ChangeOutcome,
  Effects,
  LogChange,
  ReadOutcome,
  Refusal,
  RoundPromised,
  RoundStarted,
  Send,
  SendSnapshot,
  SnapshotChunk,
  SoftState,
  TimerChange,
  TransferOutcome,
} from "./effects.ts";
import type { Timer } from "./input.ts";
import type { Message } from "./messages.ts";
import type { Tracing } from "./tracing.ts";

/** Effects in the making. */
export class Outbox {
  #sequence = 1;
  #hardState: { currentTerm: Term; votedFor: NodeId } | null = null;
  #logChanges: LogChange[] = [];
  #sends: Send[] = [];
  #snapshotChunks: SnapshotChunk[] = [];
  #appliableIndex: Index | null = null;
  #reads: ReadOutcome[] = [];
  #refusals: Refusal[] = [];
  #changes: ChangeOutcome[] = [];
  #transfers: TransferOutcome[] = [];
  #roundStarted: RoundStarted | null = null;
  #roundPromised: RoundPromised | null = null;
  /** The last word on each timer counts. */
  #timers: TimerChange[] = [];
  #softState: SoftState | null = null;
  readonly #tracing: Tracing | null;

  /** Creates an empty one; `tracing` is told what is sent. */
  constructor(tracing: Tracing | null = null) {
    this.#tracing = tracing;
  }

  /** The sequence of the record in the making. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Asks for term and vote to be made durable before anything else of the record. */
  saveHardState(currentTerm: Term, votedFor: NodeId): void {
    this.#hardState = { currentTerm, votedFor };
  }

  /** Adds a change of the log. */
  changeLog(change: LogChange): void {
    this.#logChanges.push(change);
  }

  /** Sends a complete message. */
  send(to: NodeId, message: Message): void {
    this.#tracing?.sent(to, message);
    this.#sends.push({ type: "message", to, message });
  }

  /** Sends AppendEntries whose entries the driver fetches. */
  sendEntries(send: Send & { readonly type: "entries" }): void {
    this.#sends.push(send);
  }

  /** Sends the newest snapshot, which the driver fetches. */
  sendSnapshot(send: SendSnapshot): void {
    this.#tracing?.sendingSnapshot(send.to);
    this.#sends.push({ type: "snapshot", ...send });
  }

  /** Stores a chunk of a snapshot. */
  receive(chunk: SnapshotChunk): void {
    this.#snapshotChunks.push(chunk);
  }

  /** Lets entries up to `index` be applied; null where a snapshot makes that needless. */
  appliable(index: Index | null): void {
    this.#appliableIndex = index;
  }

  /** Answers a read. */
  read(outcome: ReadOutcome): void {
    this.#reads.push(outcome);
  }

  /** Refuses a proposal. */
  refuse(refusal: Refusal): void {
    this.#refusals.push(refusal);
  }

  /** Tells how a change of the members ended. */
  changeEnded(outcome: ChangeOutcome): void {
    this.#changes.push(outcome);
  }

  /** Tells how a transfer of leadership ended. */
  transferEnded(outcome: TransferOutcome): void {
    this.#transfers.push(outcome);
  }

  /** Tells of a round of confirmation that the messages of this record start. */
  roundStarted(round: RoundStarted): void {
    this.#roundStarted = round;
  }

  /** Tells of a round that a quorum answered with promises. */
  roundPromised(round: RoundPromised): void {
    this.#roundPromised = round;
  }

  /** Arms a timer anew. */
  arm(timer: Timer): void {
    this.#changeTimer({ timer, armed: true });
  }

  /** Cancels a timer. */
  cancel(timer: Timer): void {
    this.#changeTimer({ timer, armed: false });
  }

  /** Tells who leads. */
  tell(softState: SoftState): void {
    this.#softState = softState;
  }

  /** Hands the record out and starts the next one. */
  take(): Effects {
    const effects: Effects = {
      sequence: this.#sequence,
      hardState: this.#hardState,
      logChanges: this.#logChanges,
      messagesNow: this.#sends,
      snapshotChunks: this.#snapshotChunks,
      appliableIndex: this.#appliableIndex,
      reads: this.#reads,
      refusals: this.#refusals,
      changes: this.#changes,
      transfers: this.#transfers,
      roundStarted: this.#roundStarted,
      roundPromised: this.#roundPromised,
      timers: this.#timers,
      softState: this.#softState,
    };
    this.#sequence += 1;
    this.#hardState = null;
    this.#logChanges = [];
    this.#sends = [];
    this.#snapshotChunks = [];
    this.#appliableIndex = null;
    // Even an empty list was handed out: what is added from now on belongs to the next record.
    this.#reads = [];
    this.#refusals = [];
    this.#changes = [];
    this.#transfers = [];
    this.#roundStarted = null;
    this.#roundPromised = null;
    this.#timers = [];
    this.#softState = null;
    return effects;
  }

  /** Whether this record arms or cancels a timer. */
  changesTimer(timer: Timer): boolean {
    return this.#timers.some((change) => change.timer === timer);
  }

  /** A list is fast: there are few timers, and most records change none or two. */
  #changeTimer(change: TimerChange): void {
    const known = this.#timers.findIndex(({ timer }) => timer === change.timer);
    if (known === -1) this.#timers.push(change);
    else this.#timers[known] = change;
  }
}

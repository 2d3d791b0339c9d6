/**
 * What a leader knows of one follower (Figure 2 of the paper: nextIndex and matchIndex), and how
 * fast it sends to it.
 *
 * @module
 */
import { assert } from "../assert.ts";
import type { Index } from "../types.ts";
import { Inflights } from "./inflights.ts";

/**
 * `probe`: where the logs agree is not known; one message at a time. `replicate`: known; messages
 * are sent without waiting for answers, as far as the window allows. `snapshot`: the follower needs
 * entries that were compacted; it gets the newest snapshot, and heartbeats.
 */
export type ProgressMode = "probe" | "replicate" | "snapshot";

/** The leader's view of one follower. */
export class Progress {
  /** The follower's log is durable and equal to the leader's up to here. Only grows. */
  matchIndex: Index = 0;
  /** The next entry to send. Invariant: nextIndex > matchIndex. */
  nextIndex: Index;
  mode: ProgressMode = "probe";
  /** A send effect was given and its `sent` has not come back. */
  sending = false;
  /** The send under way starts where the follower no longer is thought to be. */
  #sendingIsVoid = false;
  /** In `probe`: a message is unanswered, so wait for the answer or the next heartbeat. */
  probeUnanswered = false;
  /** In `probe`: it is asked where it stands, and sent no entries before it has answered. */
  #isAsked = false;
  /** How many messages have asked that, without an answer, and up to which index. */
  #asks = { index: 0, count: 0 };
  /** Whether it answered since the last quorum check; a new leader has patience until the first. */
  recentlyActive = true;
  /** Whether it answered between the last two quorum checks. */
  #activeBefore = false;
  /** It answered this leader since its connection was last lost. */
  #heard = false;
  /** Its connection was lost, and it has not answered since. */
  #lost = false;
  /** The configuration that removed it; null for a member. It is kept until it knows. */
  leavingIndex: Index | null = null;
  /** A leaver was told that its removal is committed. */
  leavingTold = false;
  /** The largest confirmation round that it answered (dissertation §6.4). */
  readSequence = 0;
  /** What it promised with that round, in milliseconds; 0 for nothing. */
  promiseMs = 0;
  /** The latest token that it sent, the one to be proven by the round under way, the proven one. */
  ageToken = 0;
  pendingToken = 0;
  provenToken = 0;
  /** Its latest answer said that its disk is full. */
  storageFull = false;
  /** The largest commit index that it was told. */
  commitIndexSent: Index = 0;
  readonly inflights = new Inflights();
  /** Tells this membership of the follower from earlier ones; its answers repeat it. */
  readonly session: number;
  /** A snapshot effect was given and its `snapshotEnded` has not come back. */
  snapshotSending = false;
  /** In `snapshot`: the last attempt came to nothing; the next heartbeat starts another. */
  snapshotPaused = false;

  /** Creates the view of a new leader, which starts at its own end (Figure 2). */
  constructor(nextIndex: Index, session: number) {
    this.nextIndex = nextIndex;
    this.session = session;
  }

  /** Whether entries may be sent now. */
  get ready(): boolean {
    if (this.sending || this.mode === "snapshot") return false;
    if (this.mode === "probe") return !this.#isAsked && !this.probeUnanswered;
    return !this.inflights.full;
  }

  /** Whether it is to be asked now where it stands, by a message without entries. */
  get askDue(): boolean {
    return this.mode === "probe" && this.#isAsked && !this.probeUnanswered;
  }

  /** Whether it is taken to be there: it has answered within the last election timeout or two. */
  get isUp(): boolean {
    return this.#heard && (this.recentlyActive || this.#activeBefore);
  }

  /** Whether it is known to be gone; of one that a new leader has not heard nothing is known. */
  get isDown(): boolean {
    return this.#lost || !(this.recentlyActive || this.#activeBefore);
  }

  /** Notes that it answered. */
  answered(): void {
    this.recentlyActive = true;
    this.#heard = true;
    this.#lost = false;
  }

  /** Notes that its connection was lost: whether it is there shows with its next answer. */
  disconnected(): void {
    this.#heard = false;
    this.#lost = true;
    // Who connects again may be another process, whose tokens mean something else.
    this.ageToken = 0;
    this.pendingToken = 0;
    this.provenToken = 0;
  }

  /** A quorum check was made. */
  checked(): void {
    this.#activeBefore = this.recentlyActive;
    this.recentlyActive = false;
  }

  /** Whether a snapshot is to be sent now. */
  get snapshotReady(): boolean {
    return this.mode === "snapshot" && !this.snapshotSending && !this.snapshotPaused;
  }

  /**
   * Notes that the follower acknowledged everything up to `matchIndex`; `baseIndex` is the last
   * entry that is compacted.
   */
  accept(matchIndex: Index, baseIndex: Index): void {
    this.matchIndex = Math.max(this.matchIndex, matchIndex);
    this.nextIndex = Math.max(this.nextIndex, this.matchIndex + 1);
    this.inflights.freeTo(this.matchIndex);
    this.probeUnanswered = false;
    if (this.nextIndex <= baseIndex) this.needSnapshot();
    else this.mode = "replicate";
  }

  /** Goes back to find where the logs agree, from `nextIndex` on. */
  probeFrom(nextIndex: Index): void {
    assert(
      nextIndex > this.matchIndex,
      () => `next ${nextIndex} is not above match ${this.matchIndex}`,
    );
    this.#startAnew("probe", nextIndex);
  }

  /**
   * Asks, without entries, whether the follower's log agrees up to `index`. Where it does not, the
   * answer says where it may: so it is sent what it lacks, however little is known of it.
   */
  ask(index: Index): void {
    this.probeFrom(index + 1);
    this.#isAsked = true;
  }

  /** Notes that a message without entries was sent; while it is asked, that is a question. */
  asked(): void {
    if (this.mode !== "probe" || !this.#isAsked) return;
    this.probeUnanswered = true;
    this.#asks = { index: this.nextIndex - 1, count: this.#asks.count + 1 };
  }

  /** The follower has what comes before `nextIndex`, durable or not, and lacks the rest. */
  replicateFrom(nextIndex: Index): void {
    const { index, count } = this.#asks;
    this.#startAnew("replicate", nextIndex);
    this.#asks = { index, count: count - 1 };
  }

  /**
   * Takes a refusal of what comes behind `index`. Heartbeats repeat a question; what was sent since
   * the first answer is under way, and need not be sent again for the others.
   *
   * @returns Whether it is such an answer.
   */
  isAnswered(index: Index): boolean {
    if (this.#asks.index !== index || this.#asks.count <= 0) return false;
    this.#asks = { index, count: this.#asks.count - 1 };
    return true;
  }

  /** The follower needs entries that were compacted: only a snapshot helps it. */
  needSnapshot(): void {
    if (this.mode === "snapshot") return;
    this.#startAnew("snapshot", this.matchIndex + 1);
    this.snapshotPaused = false;
  }

  /** Notes that an attempt to send a snapshot ended, whether or not it was installed. */
  snapshotEnded(): void {
    assert(this.snapshotSending, "no snapshot is being sent");
    this.snapshotSending = false;
    this.snapshotPaused = true;
  }

  /**
   * Notes that a message with entries up to `lastIndex` was sent, or with 0 bytes that none was.
   */
  sent(lastIndex: Index, bytes: number): void {
    assert(this.sending, "nothing is being sent");
    this.sending = false;
    if (this.#sendingIsVoid) {
      // Its answer says nothing about the probe that is due now, and what it skipped was not sent.
      this.#sendingIsVoid = false;
    } else if (bytes === 0) {
      // Nothing could be sent. Asking again at once would never end; a heartbeat asks again.
      this.probeFrom(this.nextIndex);
      this.probeUnanswered = true;
    } else if (this.mode === "probe") {
      this.probeUnanswered = true;
    } else if (lastIndex >= this.nextIndex) {
      this.nextIndex = lastIndex + 1;
      this.inflights.add(lastIndex, bytes);
    }
  }

  #startAnew(mode: ProgressMode, nextIndex: Index): void {
    this.mode = mode;
    this.nextIndex = nextIndex;
    this.probeUnanswered = false;
    this.#isAsked = false;
    this.#asks = { index: 0, count: 0 };
    this.#sendingIsVoid = this.sending;
    this.inflights.reset();
  }
}

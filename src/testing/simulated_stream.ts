/**
 * One side of a simulated TCP connection.
 *
 * Model: bytes that are written go to the kernel's buffer, as far as it has room, and the rest
 * waits in the process (`writeBufferedBytes`). The kernel sends packets, which arrive in order; the
 * receiving kernel keeps them until the process reads, in chunks that have nothing to do with what
 * was written. What was read makes room at the sender. A stream delivers every byte in order, or it
 * breaks: it never loses bytes silently, and never without an end.
 *
 * Ends, as on the real runtimes: `close` sends what waits, then FIN, and drops what still comes in
 * until the other side's FIN, or for a while. A FIN ends its receiver at once; what that side had
 * written is still sent, then its own FIN. `destroy` and the death of a process send FIN or, where
 * bytes were not read, RST, which throws away what the other side has not read. When a machine
 * loses power nothing is sent: the other side learns nothing, until it writes and its kernel either
 * gets RST from the machine that is up again or gives up with ETIMEDOUT. A reset in the network
 * loses what is on its way; each side learns in its own time, or only when it writes.
 *
 * @module
 */
import { assert } from "../assert.ts";
import { NetworkError } from "../runtime/runtime.ts";
import type { ByteStream, ByteStreamHandler } from "../runtime/runtime.ts";
import { FrameSplitter } from "./frame_splitter.ts";
import { drawLatencyMs } from "./latency.ts";
import type { FrameFault, NetworkFaults } from "./network_faults.ts";
import type { Prng } from "./prng.ts";
import type { Packet, SimulatedLink } from "./simulated_link.ts";
import type { CrashKind, SimulatedProcess } from "./simulated_process.ts";
import type { SimulatedScheduler } from "./simulated_scheduler.ts";

/** A runtime hands over at most so many bytes at once. */
const READ_BYTES_MAX = 64 * 1024;
const PROBE_FIRST_MS = 200;
const PROBE_MAX_MS = 30_000;

/** What travels: bytes, the end, or the break. */
type Transit = { readonly kind: "bytes"; readonly bytes: Uint8Array } | {
  readonly kind: "fin" | "reset";
};

/** What {@linkcode SimulatedStream} is made of. */
export interface SimulatedStreamOptions {
  readonly scheduler: SimulatedScheduler;
  readonly owner: SimulatedProcess;
  readonly prng: Prng;
  readonly faults: NetworkFaults;
  /** The machine of this side. */
  readonly host: { readonly name: string; readonly up: boolean };
  /** The wire to the other side. */
  readonly link: SimulatedLink;
  readonly remoteAddress: string;
  /** The other machine, for the frame fault. */
  readonly remoteHost: string;
}

/** One side of a connection; made in pairs by {@linkcode pairStreams}. */
export class SimulatedStream implements ByteStream {
  readonly remoteAddress: string;
  readonly #options: SimulatedStreamOptions;
  #peer: SimulatedStream | null = null;
  #handler: ByteStreamHandler | null = null;
  /** This side is through: nothing is sent or received any more. */
  #closed = false;
  /** Whether `close` or `destroy` was called here: nothing is delivered any more. */
  #closing = false;
  /** The end as the handler is told it, from when it is known. */
  #end: { readonly error: Error | null } | null = null;
  /** Set where the network broke the connection: nothing passes any more. */
  #severed = false;

  // Sending. Invariant: outstandingBytes counts what was sent and the other process has not read.
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #outstandingBytes = 0;
  #inFlight: Transit[] = [];
  #lastArrivalMs = 0;
  #finWanted = false;
  #finSent = false;
  /** The other side has closed: this one is done when its own FIN is out. */
  #finAnswered = false;
  #heldSinceMs: number | null = null;
  #unansweredSinceMs: number | null = null;
  readonly #splitter: FrameSplitter | null;
  readonly #frameFault: FrameFault | null;
  #frameCount = 0;
  readonly #packet: Packet = { arrive: () => this.#arriveNext(), hold: () => this.#holdNext() };

  // Receiving.
  #received: Uint8Array[] = [];
  #finReceived = false;
  #readPaused = false;
  #flushPending = false;

  /** Creates one side; {@linkcode pairStreams} joins it to the other. */
  constructor(options: SimulatedStreamOptions) {
    this.#options = options;
    this.remoteAddress = options.remoteAddress;
    this.#frameFault = options.faults.frameFault;
    this.#splitter = this.#frameFault === null ? null : new FrameSplitter();
  }

  /** Whether this side is through with the connection. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** The machine of this side. */
  get hostName(): string {
    return this.#options.host.name;
  }

  /** The process of this side. */
  get owner(): SimulatedProcess {
    return this.#options.owner;
  }

  /** Bytes that the kernel did not take yet. */
  get writeBufferedBytes(): number {
    return this.#waitingBytes + (this.#splitter?.pendingBytes ?? 0);
  }

  /** Joins this side to the other; called once. */
  join(peer: SimulatedStream): void {
    assert(this.#peer === null, "a stream is joined once");
    this.#peer = peer;
  }

  /** Starts delivery to `handler`. */
  start(handler: ByteStreamHandler): void {
    assert(this.#handler === null, "start is called exactly once");
    this.#handler = handler;
    if (this.#end === null) this.#flushSoon(0);
    else this.#report();
  }

  /** Sends bytes; never blocks, never throws. */
  write(bytes: Uint8Array): void {
    if (this.#closed || this.#finWanted || !this.#options.owner.alive) return;
    if (this.#splitter === null) return this.#enqueue(bytes);
    for (const frame of this.#splitter.push(bytes)) this.#writeFrame(frame);
  }

  /** Stops reading. */
  pause(): void {
    this.#readPaused = true;
  }

  /** Reads again. */
  resume(): void {
    this.#readPaused = false;
    this.#flushSoon(0);
  }

  /** Sends what was written, then closes. */
  close(): void {
    if (this.#closed || this.#closing || !this.#options.owner.alive) return;
    this.#closing = true;
    this.#finWanted = true;
    this.#pump();
    this.#flushSoon(0);
  }

  /** Closes at once; what was not sent is lost. */
  destroy(): void {
    if (this.#closed || !this.#options.owner.alive) return;
    this.#closing = true;
    this.#sayGoodbye();
    this.#finish(null);
  }

  /** Breaks this side with the system's word for the reason. */
  break(code: string): void {
    if (this.#closed) return;
    const message = `Connection with "${this.remoteAddress}" broke: ${code}`;
    this.#finish(new NetworkError(code, message));
  }

  /**
   * Breaks the connection in the network: what is on its way is lost. This side learns of it after
   * `delayMs`, or when it writes the next time where that is null.
   */
  sever(delayMs: number | null): void {
    this.#severed = true;
    this.#inFlight = [];
    if (delayMs === null) return;
    this.#options.scheduler.schedule(() => this.break("ECONNRESET"), delayMs);
  }

  /** The process of this side has died: its kernel says so, unless the machine died with it. */
  crash(kind: CrashKind): void {
    assert(!this.#options.owner.alive, "the process has died");
    if (this.#closed) return;
    if (kind === "kill") this.#sayGoodbye();
    this.#forget();
  }

  #writeFrame(frame: Uint8Array): void {
    const faulty = this.#frameCount > 0 && this.#splitter?.broken === false;
    this.#frameCount++;
    if (!faulty || this.#frameFault === null) return this.#enqueue(frame);
    const { host, remoteHost, scheduler } = this.#options;
    const verdict = this.#frameFault({ from: host.name, to: remoteHost, bytes: frame });
    if (verdict.kind === "drop") return;
    if (verdict.kind === "delay") {
      scheduler.schedule(() => {
        if (!this.#closed && !this.#finWanted) this.#enqueue(frame);
      }, verdict.delayMs);
      return;
    }
    this.#enqueue(frame);
    if (verdict.kind === "duplicate") this.#enqueue(frame);
  }

  #enqueue(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#pump();
  }

  /** Gives to the kernel what it has room for. */
  #pump(): void {
    if (this.#closed) return;
    let room = this.#options.faults.socketBufferBytes - this.#outstandingBytes;
    let taken = 0;
    for (; taken < this.#waiting.length && room > 0; taken++) {
      const bytes = this.#waiting[taken] as Uint8Array;
      const part = bytes.length <= room ? bytes : bytes.subarray(0, room);
      this.#transmit({ kind: "bytes", bytes: part });
      this.#outstandingBytes += part.length;
      this.#waitingBytes -= part.length;
      room -= part.length;
      if (part === bytes) continue;
      this.#waiting[taken] = bytes.subarray(part.length);
      break;
    }
    this.#waiting.splice(0, taken);
    assert(this.#waitingBytes >= 0, () => `waitingBytes ${this.#waitingBytes} is not negative`);
    if (this.#waiting.length === 0 && this.#finWanted && !this.#finSent) this.#sendFin();
  }

  #sendFin(): void {
    this.#finSent = true;
    this.#transmit({ kind: "fin" });
    if (this.#finAnswered) this.#finish(null);
    else this.#linger();
  }

  /** Gives the other side a while for its FIN, and what waits here a while to be sent. */
  #linger(): void {
    const { owner, faults } = this.#options;
    owner.schedule(() => {
      if (this.#closed) return;
      if (!this.#finSent) this.#sayGoodbye();
      this.#finish(null);
    }, faults.lingerMs);
  }

  #transmit(transit: Transit): void {
    const link = this.#options.link;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, link.drawArrivalMs());
    this.#inFlight.push(transit);
    link.send(this.#packet, this.#lastArrivalMs);
  }

  /** The oldest packet on its way arrives: every packet has one arrival, so order is kept. */
  #arriveNext(): void {
    const transit = this.#inFlight.shift();
    this.#heldSinceMs = null;
    if (transit === undefined) return;
    const { prng, faults, link } = this.#options;
    const peer = this.#peer as SimulatedStream;
    const mayBreak = transit.kind === "bytes" && faults.resetChance > 0;
    if (!mayBreak || !prng.chance(faults.resetChance)) return peer.#receive(transit);
    this.sever(drawLatencyMs(prng, link.latency ?? faults.latency));
    peer.sever(0);
  }

  #holdNext(): boolean {
    if (this.#inFlight[0]?.kind === "reset") {
      this.#inFlight.shift();
      return false;
    }
    this.#noteHeld();
    return true;
  }

  /** Starts TCP's clock for giving up. */
  #noteHeld(): void {
    if (this.#heldSinceMs !== null || this.#closed) return;
    const { scheduler, faults } = this.#options;
    const sinceMs = scheduler.nowMs;
    this.#heldSinceMs = sinceMs;
    scheduler.schedule(() => {
      if (this.#heldSinceMs === sinceMs) this.break("ETIMEDOUT");
    }, faults.retransmitTimeoutMs);
  }

  #receive(transit: Transit): void {
    const peer = this.#peer as SimulatedStream;
    if (this.#closed) {
      if (transit.kind !== "bytes") return;
      if (this.#options.host.up) this.#refuse();
      else peer.#goUnanswered();
      return;
    }
    if (this.#severed) return;
    if (transit.kind === "bytes") this.#received.push(transit.bytes);
    else if (transit.kind === "fin") this.#finReceived = true;
    else return this.break("ECONNRESET");
    if (this.#flushPending) return;
    this.#flushPending = true;
    this.#options.owner.deliver(() => this.#flush());
  }

  /** Answers with RST to a sender that talks to a connection that is no more. */
  #refuse(): void {
    const peer = this.#peer as SimulatedStream;
    this.#options.link.send({ arrive: () => peer.break("ECONNRESET"), hold: () => false });
  }

  /** The other machine is off: TCP sends again until it is back or the time is over. */
  #goUnanswered(): void {
    if (this.#unansweredSinceMs !== null || this.#closed) return;
    this.#unansweredSinceMs = this.#options.scheduler.nowMs;
    this.#probe(PROBE_FIRST_MS);
  }

  #probe(delayMs: number): void {
    const { scheduler, faults, link } = this.#options;
    const peer = this.#peer as SimulatedStream;
    scheduler.schedule(() => {
      if (this.#closed) return;
      const waitedMs = scheduler.nowMs - (this.#unansweredSinceMs ?? 0);
      if (waitedMs >= faults.retransmitTimeoutMs) return this.break("ETIMEDOUT");
      if (!link.isCut && peer.#options.host.up) peer.#refuse();
      this.#probe(Math.min(2 * delayMs, PROBE_MAX_MS));
    }, delayMs);
  }

  #flushSoon(delayMs: number): void {
    if (this.#flushPending || this.#closed) return;
    this.#flushPending = true;
    this.#options.owner.schedule(() => this.#flush(), delayMs);
  }

  /** Hands one chunk to the handler: the next one is another event, as in a real loop. */
  #flush(): void {
    this.#flushPending = false;
    if (this.#closed) return;
    if (this.#closing) return this.#discard();
    if (this.#handler === null || this.#readPaused || this.#end !== null) return;
    if (this.#received.length === 0) {
      if (this.#finReceived) this.#answerFin();
      return;
    }
    const chunk = this.#takeChunk();
    assert(chunk.length > 0, "a chunk holds bytes");
    this.#giveCredit(chunk.length);
    if (this.#received.length > 0 || this.#finReceived) {
      this.#flushSoon(drawLatencyMs(this.#options.prng, this.#options.faults.loopbackLatency));
    }
    this.#handler.data(chunk);
  }

  /** The bytes that one read returns: a fresh copy, cut anywhere. */
  #takeChunk(): Uint8Array {
    const { prng, faults } = this.#options;
    const first = this.#received[0] as Uint8Array;
    let length = Math.min(first.length, READ_BYTES_MAX);
    if (this.#received.length > 1 && prng.chance(faults.joinChance)) {
      length = 0;
      for (const bytes of this.#received) length += bytes.length;
      length = Math.min(length, READ_BYTES_MAX);
    }
    if (length > 1 && prng.chance(faults.splitChance)) length = prng.range(1, length - 1);
    if (length === first.length) {
      this.#received.shift();
      return first.slice();
    }
    const chunk = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const bytes = this.#received[0] as Uint8Array;
      const part = bytes.subarray(0, length - filled);
      chunk.set(part, filled);
      filled += part.length;
      if (part.length === bytes.length) this.#received.shift();
      else this.#received[0] = bytes.subarray(part.length);
    }
    return chunk;
  }

  /** Tells the sender that there is room again. It matters only to a sender that waits for it. */
  #giveCredit(bytes: number): void {
    const peer = this.#peer as SimulatedStream;
    const link = this.#options.link;
    if (!link.isCut && peer.#waiting.length === 0) {
      peer.#outstandingBytes -= bytes;
      return;
    }
    link.send({
      arrive: () => {
        peer.#outstandingBytes -= bytes;
        peer.#heldSinceMs = null;
        peer.#pump();
      },
      hold: () => {
        peer.#noteHeld();
        return true;
      },
    });
  }

  /** After `close`: reads and drops, so that the other side can send the rest and its FIN. */
  #discard(): void {
    for (const bytes of this.#received) this.#giveCredit(bytes.length);
    this.#received = [];
    if (!this.#finReceived) return;
    if (this.#finSent) this.#finish(null);
    else this.#finAnswered = true;
  }

  /** The other side has closed: this one ends, and its kernel sends what it still has. */
  #answerFin(): void {
    this.#finWanted = true;
    this.#finAnswered = true;
    this.#settle(null);
    this.#pump();
    if (!this.#closed) this.#linger();
  }

  #sayGoodbye(): void {
    const rude = this.#received.length > 0 || this.#waiting.length > 0 ||
      this.#options.prng.chance(0.25);
    this.#transmit({ kind: rude || this.#finSent ? "reset" : "fin" });
  }

  #forget(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#received = [];
  }

  #finish(error: Error | null): void {
    if (this.#closed) return;
    this.#forget();
    this.#settle(error);
  }

  /** Fixes how this side ended; the first end counts. */
  #settle(error: Error | null): void {
    if (this.#end !== null) return;
    this.#end = { error: this.#closing ? null : error };
    if (this.#handler !== null) this.#report();
  }

  #report(): void {
    const handler = this.#handler;
    const end = this.#end;
    assert(handler !== null && end !== null, "an end is reported to a handler");
    this.#options.owner.schedule(() => handler.closed(end.error), 0);
  }
}

/** Makes two sides one connection. */
export function pairStreams(one: SimulatedStream, other: SimulatedStream): void {
  assert(one !== other, "a connection has two sides");
  one.join(other);
  other.join(one);
}

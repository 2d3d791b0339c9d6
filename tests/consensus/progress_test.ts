import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Progress } from "../../src/consensus/progress.ts";
import { INFLIGHT_MESSAGES_MAX } from "../../src/limits.ts";

/** A follower that matches up to `matchIndex`, ready for more. */
function replicating(matchIndex: number): Progress {
  const progress = new Progress(matchIndex + 1, 0);
  progress.accept(matchIndex, 0);
  return progress;
}

/** Sends entries as the core and its driver do together. */
function send(progress: Progress, lastIndex: number): void {
  progress.sending = true;
  progress.sent(lastIndex, 1);
}

describe("progress", () => {
  it("probes first, one message at a time", () => {
    const progress = new Progress(5, 0);
    assert.equal(progress.mode, "probe");
    assert.equal(progress.ready, true);
    send(progress, 9);
    assert.equal(progress.ready, false);
    assert.equal(progress.nextIndex, 5, "what a probe carried may be refused");
  });

  it("accept lets it replicate without waiting", () => {
    const progress = new Progress(5, 0);
    send(progress, 9);
    progress.accept(9, 0);
    assert.deepEqual([progress.matchIndex, progress.nextIndex], [9, 10]);
    send(progress, 12);
    send(progress, 15);
    assert.equal(progress.nextIndex, 16);
    assert.equal(progress.inflights.count, 2);
    assert.equal(progress.ready, true);
  });

  it("accept never takes a match back", () => {
    const progress = replicating(9);
    progress.accept(4, 0);
    assert.deepEqual([progress.matchIndex, progress.nextIndex], [9, 10]);
  });

  it("is not ready while a send is under way, in either mode", () => {
    for (const progress of [new Progress(1, 0), replicating(3)]) {
      progress.sending = true;
      assert.equal(progress.ready, false);
    }
  });

  it("trap 30: stops at a full window and goes on when it is freed", () => {
    const progress = replicating(0);
    for (let index = 1; index <= INFLIGHT_MESSAGES_MAX; index += 1) send(progress, index);
    assert.equal(progress.ready, false);
    progress.accept(1, 0);
    assert.equal(progress.ready, true);
  });

  it("probeFrom forgets what is in flight", () => {
    const progress = replicating(3);
    send(progress, 8);
    progress.probeFrom(4);
    assert.deepEqual([progress.mode, progress.nextIndex], ["probe", 4]);
    assert.equal(progress.inflights.count, 0);
    assert.equal(progress.ready, true);
    assert.throws(() => progress.probeFrom(3), /not above match/);
  });

  it("ask sends no entries before an answer", () => {
    const progress = replicating(3);
    send(progress, 8);
    progress.ask(20);
    assert.deepEqual([progress.mode, progress.nextIndex], ["probe", 21]);
    assert.deepEqual([progress.askDue, progress.ready], [true, false]);
    progress.probeUnanswered = true;
    assert.deepEqual([progress.askDue, progress.ready], [false, false]);
    progress.probeFrom(6);
    assert.deepEqual([progress.askDue, progress.ready], [false, true]);
    progress.ask(20);
    progress.accept(20, 0);
    assert.deepEqual([progress.askDue, progress.ready, progress.nextIndex], [false, true, 21]);
  });

  it("sent does not block the probe that overtook it", () => {
    const progress = replicating(3);
    progress.sending = true;
    progress.probeFrom(4);
    assert.equal(progress.ready, false, "one send at a time");
    progress.sent(8, 1);
    assert.equal(progress.ready, true);
    send(progress, 8);
    assert.equal(progress.ready, false, "now the probe is out");
  });

  it("sent does not skip what was never sent", () => {
    const progress = replicating(3);
    send(progress, 50);
    progress.sending = true;
    // The connection breaks; a heartbeat over the next one is accepted before the driver reports.
    progress.probeFrom(4);
    progress.accept(3, 0);
    progress.sent(60, 1);
    assert.equal(progress.nextIndex, 4);
  });

  it("sent with nothing sent waits for a heartbeat instead of asking at once", () => {
    for (const progress of [new Progress(4, 0), replicating(3)]) {
      progress.sending = true;
      progress.sent(3, 0);
      assert.deepEqual([progress.mode, progress.nextIndex], ["probe", 4]);
      assert.equal(progress.ready, false);
      progress.probeUnanswered = false;
      assert.equal(progress.ready, true);
    }
  });

  it("sent leaves alone what an acknowledgement has overtaken", () => {
    const progress = replicating(3);
    progress.sending = true;
    progress.accept(9, 0);
    progress.sent(7, 1);
    assert.equal(progress.nextIndex, 10);
    assert.equal(progress.inflights.count, 0);
    assert.throws(() => progress.sent(7, 1), /nothing is being sent/);
  });
});

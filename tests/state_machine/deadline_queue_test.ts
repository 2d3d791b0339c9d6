import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { DeadlineQueue, type QueuedDeadline } from "../../src/state_machine/deadline_queue.ts";

interface Item extends QueuedDeadline {
  readonly name: number;
  deadlineMs: number;
}

const stepArbitrary = fc.record({
  kind: fc.constantFrom("add", "add", "move", "move", "remove", "expire"),
  choice: fc.nat(50),
  deadlineMs: fc.nat(40),
});

describe("deadline_queue", () => {
  it("gives items in the order of their deadlines, like a sorted array", () => {
    fc.assert(
      fc.property(fc.array(stepArbitrary, { maxLength: 200, size: "max" }), (steps) => {
        const queue = new DeadlineQueue<Item>((a, b) => a.name < b.name);
        const items: Item[] = [];
        for (const [name, { kind, choice, deadlineMs }] of steps.entries()) {
          const item = items[choice % Math.max(1, items.length)];
          if (kind === "add") {
            items.push({ name, deadlineMs, queuedMs: 0, queuePlace: -1 });
            queue.add(items.at(-1)!);
          } else if (item !== undefined && kind === "move") {
            item.deadlineMs = deadlineMs;
            queue.moved(item);
          } else if (item !== undefined && kind === "remove") {
            queue.remove(item);
            items.splice(items.indexOf(item), 1);
          } else {
            items.sort((a, b) => a.deadlineMs - b.deadlineMs || a.name - b.name);
            assert.equal(queue.first(), items[0]);
          }
          assert.equal(queue.count, items.length);
        }
        items.sort((a, b) => a.deadlineMs - b.deadlineMs || a.name - b.name);
        for (const item of items) {
          assert.equal(queue.first(), item);
          queue.remove(item);
        }
        assert.equal(queue.first(), undefined);
      }),
    );
  });
});

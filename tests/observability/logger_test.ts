import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogtapeLogger } from "../../src/observability/logtape_logger.ts";
import { silentLogger } from "../../src/observability/logger.ts";

describe("createLogtapeLogger", () => {
  it("writes text with the fields behind the message", () => {
    const lines: string[] = [];
    const logger = createLogtapeLogger({
      level: "info",
      format: "text",
      isColored: false,
      write: (line) => lines.push(line),
    });
    logger.info("Connected", { peer: 2, address: "a:1", reason: "two words", list: [1, 2] });
    logger.warn("Slow");
    assert.match(
      lines[0] ?? "",
      /^[\d:.]{12} INFO {2}Connected {2}peer=2 address=a:1 reason="two words" list=\[1,2\]\n$/,
    );
    assert.match(lines[1] ?? "", /^[\d:.]{12} WARN {2}Slow\n$/);
  });

  it("writes one JSON object a line", () => {
    const lines: string[] = [];
    const logger = createLogtapeLogger({
      level: "debug",
      format: "json",
      isColored: true,
      write: (line) => lines.push(line),
    });
    logger.error("Braces {are} text", { reason: new Error("broken\nline"), peer: 3 });
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.indexOf("\n"), (lines[0]?.length ?? 0) - 1);
    const { time, ...line } = JSON.parse(lines[0] ?? "");
    assert.ok(Date.parse(time) > 0);
    assert.deepEqual(line, {
      level: "error",
      message: "Braces {are} text",
      reason: "broken\nline",
      peer: 3,
    });
  });

  it("drops what is below the level, which can change", () => {
    const lines: string[] = [];
    const logger = createLogtapeLogger({
      level: "warn",
      format: "text",
      isColored: false,
      write: (line) => lines.push(line),
    });
    logger.info("one");
    logger.setLevel("debug");
    logger.debug("two");
    logger.setLevel("error");
    logger.warn("three");
    assert.deepEqual(lines.map((line) => line.trim().split(" ").at(-1)), ["two"]);
  });
});

describe("silentLogger", () => {
  it("says nothing", () => {
    silentLogger.error("nobody hears this", { peer: 1 });
  });
});

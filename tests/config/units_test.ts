import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/config/units.ts";
import { UsageError } from "../../src/config/usage_error.ts";

function refusal(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error;
  }
  throw new Error("It was accepted");
}

describe("parseDuration", () => {
  it("reads every unit", () => {
    assert.deepEqual(
      ["500ms", "5s", "2m", "1h", "1d", "1.5s", " 3s "].map(parseDuration),
      [500, 5000, 120_000, 3_600_000, 86_400_000, 1500, 3000],
    );
  });

  it("asks for the unit of a bare number", () => {
    const { message, fix } = refusal(() => parseDuration("5"));
    assert.match(message, /the unit is missing/);
    assert.match(fix.join("\n"), /write 5s.*500ms/);
  });

  it("refuses everything else and shows the accepted forms", () => {
    for (const text of ["", "s", "5 years", "-5s", "1e3s", "5S"]) {
      assert.match(refusal(() => parseDuration(text)).fix.join("\n"), /500ms, 5s/);
    }
  });
});

describe("parseSize", () => {
  it("reads every unit", () => {
    assert.deepEqual(
      ["512B", "64KiB", "16MiB", "1GiB", "1kB", "2MB"].map(parseSize),
      [512, 65_536, 16_777_216, 1_073_741_824, 1000, 2_000_000],
    );
  });

  it("asks for the unit of a bare number", () => {
    assert.match(refusal(() => parseSize("64")).fix.join("\n"), /64MiB/);
  });
});

describe("formatDuration and formatSize", () => {
  it("write what the parsers read", () => {
    for (const text of ["350ms", "5s", "2.5m", "3h", "2d"]) {
      assert.equal(formatDuration(parseDuration(text)), text);
    }
    for (const text of ["512B", "64KiB", "1.5MiB", "3GiB"]) {
      assert.equal(formatSize(parseSize(text)), text);
    }
  });
});

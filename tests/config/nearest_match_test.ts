import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nearestMatch } from "../../src/config/nearest_match.ts";

describe("nearestMatch", () => {
  const words = ["status", "start", "shell", "get", "put", "leader"];

  it("finds swapped, missing and wrong letters", () => {
    assert.equal(nearestMatch("stauts", words), "status");
    assert.equal(nearestMatch("lader", words), "leader");
    assert.equal(nearestMatch("STATUS", words), "status");
    assert.equal(nearestMatch("gat", words), "get");
  });

  it("finds the beginning of a word", () => {
    assert.equal(nearestMatch("lead", words), "leader");
  });

  it("finds nothing where nothing is near", () => {
    assert.equal(nearestMatch("xyzzy", words), undefined);
    assert.equal(nearestMatch("", words), undefined);
  });
});

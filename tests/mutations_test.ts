/**
 * Every mutation must still fit the code; what catches them is the simulator, see
 * scripts/mutate.ts. A few that fail fast are tried here, so that the machinery is.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { catalogue } from "../scripts/mutations/catalogue.ts";
import { mutate } from "../scripts/mutations/mutation.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

describe("mutation", () => {
  it("names are unique, and there are at least 20", () => {
    const names = new Set(catalogue.map(({ name }) => name));
    assert.equal(names.size, catalogue.length);
    assert.ok(names.size >= 20, `there are ${names.size}`);
  });

  for (const mutation of catalogue) {
    it(`${mutation.name} fits the code once`, () => {
      const text = readFileSync(`${root}/${mutation.file}`, "utf8");
      assert.notEqual(mutate(mutation, text), text);
    });
  }

  it("refuses a text that is not there once", () => {
    const mutation = { ...catalogue[0]!, find: "a" };
    assert.throws(() => mutate(mutation, "aa"), /occurs 2 times/);
    assert.throws(() => mutate(mutation, "b"), /occurs 0 times/);
  });
});

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { splitWords } from "../../src/cli/words.ts";

describe("splitWords", () => {
  it("splits at spaces and keeps what quotes hold", () => {
    assert.deepEqual(splitWords("put  a/b:c 'two words' \"x y\""), [
      "put",
      "a/b:c",
      "two words",
      "x y",
    ]);
  });

  it("joins quoted and bare parts, and keeps an empty word", () => {
    assert.deepEqual(splitWords(`a'b c'"d e"f ''`), ["ab cd ef", ""]);
  });

  it("takes what a backslash escapes", () => {
    assert.deepEqual(splitWords('a\\ b "x\\n\\"y" \'\\n\''), ["a b", 'x\n"y', "\\n"]);
  });

  it("drops a comment, but keeps # inside a word", () => {
    assert.deepEqual(splitWords("get a#b # what is it"), ["get", "a#b"]);
    assert.deepEqual(splitWords("# nothing"), []);
  });

  it("keeps every character that is no ASCII", () => {
    assert.deepEqual(splitWords("put clé 日本"), ["put", "clé", "日本"]);
  });

  it("refuses a line that is not complete", () => {
    assert.throws(() => splitWords("put 'a"), /closing ' is missing/);
    assert.throws(() => splitWords('put "a'), /closing " is missing/);
    assert.throws(() => splitWords("put a\\"), /behind a backslash/);
  });
});

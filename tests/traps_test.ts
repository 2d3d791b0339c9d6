/**
 * The tables of ARCHITECTURE.md against the names of tests: every known trap and every fault of an
 * earlier implementation has a test that carries its number, in each file that its row names, or a
 * row that says why it cannot occur here.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findFiles } from "../scripts/gate/find_files.ts";

const TRAPS = Array.from({ length: 56 }, (_, i) => String(i + 1));
const FAULTS = Array.from({ length: 16 }, (_, i) => `A${i + 1}`);

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The numbers that the names of a file's tests carry, those in tables of cases too: "16", "A2". */
function numbersIn(text: string): Set<string> {
  const names = text.matchAll(/\b(?:it|describe|test)\(\s*(["'`])(.*?)\1|["'`]trap [^\n]*/gs);
  const numbers = new Set<string>();
  for (const [name] of names) {
    for (const [, number] of name.matchAll(/\b(?:trap |ancestor (?=A))(A?\d+)\b/g)) {
      numbers.add(number!);
    }
  }
  return numbers;
}

/** The last column of each numbered row. */
function rowsOf(page: string): Map<string, string> {
  const rows = page.matchAll(/^\| (A?\d+) +\|.*\| ([^|]*?) *\|$/gm);
  return new Map([...rows].map(([, number, cell]) => [number!, cell!]));
}

/** What is wrong with the row of a number; `files` are the numbers in each file below tests/. */
function problemsOf(
  number: string,
  rows: ReadonlyMap<string, string>,
  files: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const cell = rows.get(number);
  if (cell === undefined) return [`${number} has no row`];
  if (/^cannot occur: ./.test(cell)) return [];
  const paths = [...cell.matchAll(/`([\w/]+\.ts)`/g)].map(([, path]) => path!);
  if (paths.length === 0) return [`the row of ${number} names no file and no reason`];
  return paths.filter((path) => files.get(path)?.has(number) !== true)
    .map((path) => `${path} holds no test of ${number}`);
}

/** Every file that holds tests, by its path below tests/, or below the root for src/. */
function testFiles(): Map<string, ReadonlySet<string>> {
  const paths = [...findFiles(root, "tests"), ...findFiles(root, "src/testing")];
  const holds = paths.filter((path) => /_(test|contract)\.ts$/.test(path));
  return new Map(holds.map((path) => [
    path.replace(/^tests\//, ""),
    numbersIn(readFileSync(join(root, path), "utf8")),
  ]));
}

describe("traps", () => {
  const rows = rowsOf(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
  const files = testFiles();

  it("each of the 56 has tests in every file that its row names, or a reason", () => {
    assert.deepEqual(TRAPS.flatMap((number) => problemsOf(number, rows, files)), []);
  });

  it("each of the 16 faults of an earlier implementation has them too", () => {
    assert.deepEqual(FAULTS.flatMap((number) => problemsOf(number, rows, files)), []);
  });

  it("tests carry no number that the tables do not know", () => {
    const known = new Set([...TRAPS, ...FAULTS]);
    const strange = [...files].flatMap(([path, numbers]) =>
      [...numbers].filter((number) => !known.has(number)).map((number) => `${path}: ${number}`)
    );
    assert.deepEqual(strange, []);
  });

  it("finds a row that is missing, empty, or names a file without the number", () => {
    const page = "| 2 | two | later |\n| 3 | three | `a_test.ts` |\n| A1 | one | cannot occur: x |";
    const known = new Map([["a_test.ts", numbersIn('it("trap 4: four, ancestor A3", () => {')]]);
    const problems = ["1", "2", "3", "A1"].flatMap((number) =>
      problemsOf(number, rowsOf(page), known)
    );
    assert.deepEqual(problems, [
      "1 has no row",
      "the row of 2 names no file and no reason",
      "a_test.ts holds no test of 3",
    ]);
    assert.deepEqual([...known.get("a_test.ts")!], ["4", "A3"]);
  });
});

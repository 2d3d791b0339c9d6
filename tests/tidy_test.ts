/**
 * Lints the repository itself: every rule of CONTRIBUTING.md that a program can check.
 *
 * Each rule is also shown a file that breaks it, so that a rule which checks nothing is noticed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { findFiles } from "../scripts/gate/find_files.ts";
import { checkCycles, checkLayers } from "../scripts/tidy/layer_rules.ts";
import {
  checkExportDocs,
  checkExportStar,
  checkFileName,
  checkRuntimeGlobals,
} from "../scripts/tidy/naming_rules.ts";
import {
  checkFileLength,
  checkFunctionLength,
  checkLineLength,
} from "../scripts/tidy/size_rules.ts";
import {
  formatProblem,
  loadSources,
  parseSource,
  type Problem,
  type SourceFile,
} from "../scripts/tidy/source_file.ts";
import { checkBareSort, checkMachinePaths, checkNoteOwners } from "../scripts/tidy/text_rules.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = loadSources(root);

/** A rule for single files, and a file that breaks it once. */
interface Rule {
  name: string;
  check: (source: SourceFile) => Problem[];
  brokenBy: { path: string; text: string };
}

/** Text that no rule may find in this file itself. */
const note = ["TO", "DO"].join("");
const machineFolder = ["", "home", "somebody"].join("/");

const rules: Rule[] = [
  {
    name: "functions have at most 70 lines",
    check: checkFunctionLength,
    brokenBy: { path: "src/a.ts", text: `function f() {\n${"  g();\n".repeat(69)}}\n` },
  },
  {
    name: "files have at most 500 lines",
    check: checkFileLength,
    brokenBy: { path: "src/a.ts", text: "f();\n".repeat(501) },
  },
  {
    name: "lines have at most 100 columns",
    check: checkLineLength,
    brokenBy: { path: "src/a.ts", text: `// ${"x".repeat(98)}\n` },
  },
  {
    name: "notes for later have an owner",
    check: checkNoteOwners,
    brokenBy: { path: "src/a.ts", text: `// ${note}(ada): this one has.\n// ${note}: make it.\n` },
  },
  {
    name: "sorts have a comparator",
    check: checkBareSort,
    brokenBy: { path: "src/a.ts", text: "[1, 10, 9].sort();\n[1].sort((a, b) => a - b);\n" },
  },
  {
    name: "files are named in snake_case after what they hold",
    check: checkFileName,
    brokenBy: { path: "src/log/frameReader.ts", text: "" },
  },
  {
    name: "files are not called index.ts or utils.ts",
    check: checkFileName,
    brokenBy: { path: "src/log/index.ts", text: "" },
  },
  {
    name: "exports are listed one by one",
    check: checkExportStar,
    brokenBy: { path: "mod.ts", text: 'export * from "./a.ts";\nexport { b } from "./b.ts";\n' },
  },
  {
    name: "exported symbols have JSDoc",
    check: checkExportDocs,
    brokenBy: {
      path: "src/a.ts",
      text: "/** What. */\nexport const a = 1;\nexport const b = 1;\n",
    },
  },
  {
    name: "only the runtime adapters name globals of a runtime",
    check: checkRuntimeGlobals,
    brokenBy: { path: "src/log/a.ts", text: 'Deno.readFile("a");\n' },
  },
  {
    name: "only the runtime adapters import built-ins",
    check: checkLayers,
    brokenBy: { path: "src/log/a.ts", text: 'import { open } from "node:fs";\n' },
  },
  {
    name: "imports point down",
    check: checkLayers,
    brokenBy: { path: "src/log/a.ts", text: 'import { b } from "../raft/b.ts";\n' },
  },
  {
    name: "nothing but the command line imports testing",
    check: checkLayers,
    brokenBy: { path: "src/node/a.ts", text: 'import { b } from "../testing/b.ts";\n' },
  },
  {
    name: "the wire imports only types from consensus",
    check: checkLayers,
    brokenBy: { path: "src/wire/a.ts", text: 'import { b } from "../consensus/b.ts";\n' },
  },
  {
    name: "libraries with a home are imported only there",
    check: checkLayers,
    brokenBy: { path: "src/cli/put.ts", text: 'import { Command } from "commander";\n' },
  },
];

/** Fails with every problem on a line of its own. */
function assertNone(problems: readonly Problem[]): void {
  assert.equal(problems.length, 0, `\n${problems.map(formatProblem).join("\n")}\n`);
}

describe("tidy", () => {
  for (const { name, check, brokenBy } of rules) {
    it(name, () => {
      const found = check(parseSource(brokenBy.path, brokenBy.text));
      assert.equal(found.length, 1, "The rule did not find exactly its example");
      assertNone(sources.flatMap(check));
    });
  }

  it("imports have no cycles", () => {
    const example = [
      parseSource("src/a.ts", 'import { b } from "./b.ts";'),
      parseSource("src/b.ts", 'import type { a } from "./a.ts";'),
    ];
    assert.equal(checkCycles(example).length, 1, "The rule did not find its example");
    assertNone(checkCycles(sources));
  });

  it("text files name no place of one machine", () => {
    assert.equal(checkMachinePaths("a.md", `see ${machineFolder}/x\n`).length, 1);
    const texts = findFiles(root, "").filter((path) => /\.(?:ts|mjs|json|md|capnp)$/.test(path));
    assertNone(
      texts.flatMap((path) => checkMachinePaths(path, readFileSync(join(root, path), "utf8"))),
    );
  });
});

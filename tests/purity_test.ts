/**
 * The consensus core and the state machine are functions of their inputs.
 *
 * The compiler settings of src/consensus/tsconfig.json reject every name that reaches the outside;
 * the gate applies them to the folder, and this test proves that they reject. What the language
 * itself offers, such as the clock in `Date.now`, is found in the syntax tree.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { checkImpureNames } from "../scripts/tidy/purity_rules.ts";
import { formatProblem, loadSources, parseSource } from "../scripts/tidy/source_file.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const consensus = join(root, "src", "consensus");

const forbiddenNames = [
  "setTimeout",
  "console",
  "TextEncoder",
  "fetch",
  "performance",
  "crypto",
  "AbortController",
  "queueMicrotask",
  "process",
  "Buffer",
];

/** What the compiler says about a file that would lie in src/consensus with this text. */
function compileInConsensus(text: string): ts.Diagnostic[] {
  const configFile = join(consensus, "tsconfig.json");
  const { config } = ts.readConfigFile(configFile, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, consensus);
  const path = join(consensus, "forbidden_names_of_the_purity_test.ts");
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile;
  host.getSourceFile = (name, ...rest) =>
    name.endsWith("forbidden_names_of_the_purity_test.ts")
      ? ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true)
      : getSourceFile.call(host, name, ...rest);
  const program = ts.createProgram([path], options, host);
  return [...ts.getPreEmitDiagnostics(program)];
}

describe("purity", () => {
  it("the compiler rejects ten names that reach outside the core", () => {
    const text = forbiddenNames.map((name) => `export const a_${name} = ${name};`).join("\n");
    const messages = compileInConsensus(text).map(({ messageText }) =>
      ts.flattenDiagnosticMessageText(messageText, " ")
    );
    assert.equal(messages.length, forbiddenNames.length, messages.join("\n"));
    for (const [i, name] of forbiddenNames.entries()) {
      assert.match(messages[i] ?? "", new RegExp(`Cannot find name '${name}'`));
    }
  });

  it("the compiler accepts a pure file", () => {
    assert.deepEqual(compileInConsensus("export const a: number[] = [1].map((n) => n + 1);"), []);
  });

  it("the core and the state machine read no clock, no chance and no global object", () => {
    const impure =
      "Date.now();\nnew Date();\nMath.random();\nglobalThis;\n// Date.now is fine here.";
    const example = checkImpureNames(parseSource("src/consensus/a.ts", impure));
    assert.deepEqual(example.map(({ line }) => line), [1, 2, 3, 4]);
    const problems = loadSources(root).flatMap(checkImpureNames);
    assert.equal(problems.length, 0, `\n${problems.map(formatProblem).join("\n")}\n`);
  });
});

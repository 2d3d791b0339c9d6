/** The gate must not take a crash for a success, so its readers are tested with real reports. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { countCases, leafCases, outermostNames } from "../../scripts/gate/count_cases.ts";
import { parseJunit } from "../../scripts/gate/junit_report.ts";
import { FILE_MARK, parseNodeReport } from "../../scripts/gate/node_report.ts";
import { unreportedFiles } from "../../scripts/gate/run_tests.ts";
import type { TestCase } from "../../scripts/gate/stage.ts";
import { mergeResults } from "../../scripts/gate/stage.ts";

const bunReport = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" failures="1" skipped="2">
  <testsuite name="tests/a_test.ts" file="tests/a_test.ts" tests="4">
    <testsuite name="outer" file="tests/a_test.ts" line="3">
      <testcase name="passes" classname="outer" file="tests/a_test.ts" />
      <testcase name="fails &lt;x&gt; &amp; &quot;y&quot;" classname="outer" file="tests/a_test.ts">
        <failure type="AssertionError" message="1 !== 2&#10;">AssertionError: 1 !== 2</failure>
      </testcase>
      <testcase name="is skipped" classname="outer" file="tests/a_test.ts">
        <skipped />
      </testcase>
    </testsuite>
    <testcase name="later" classname="" file="tests/a_test.ts">
      <skipped message="TODO" />
    </testcase>
  </testsuite>
</testsuites>`;

const denoReport = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="2" errors="1" time="0.244">
    <testsuite name="./tests/a_test.ts" tests="3" disabled="1" errors="1" failures="1">
        <testcase name="outer" classname="./tests/a_test.ts" time="0.009" line="3" col="1">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="exits" classname="./tests/a_test.ts" time="0.000" line="3" col="1">
            <error message="Cancelled"/>
        </testcase>
        <testcase name="never" classname="./tests/a_test.ts" line="4" col="1">
            <skipped/>
        </testcase>
    </testsuite>
    <testsuite name="ext:deno_node/testing.ts" tests="2" disabled="0" errors="0" failures="1">
        <testcase name="outer &gt; passes" classname="ext:deno_node/testing.ts" time="0.001">
        </testcase>
        <testcase name="outer &gt; fails" classname="ext:deno_node/testing.ts" time="0.003">
            <failure message="Uncaught AssertionError">AssertionError</failure>
        </testcase>
    </testsuite>
</testsuites>`;

/** One line of Node's report. */
function nodeLine(name: string, nesting: number, rest: Record<string, unknown> = {}): string {
  return JSON.stringify({ ok: true, name, nesting, file: "tests/a_test.ts", ...rest });
}

/** Names and outcomes, for comparing. */
function brief(cases: readonly TestCase[]): string[] {
  return cases.map(({ path, outcome }) => `${path.join("/")} ${outcome}`);
}

describe("gate reports", () => {
  it("parseJunit reads the nested suites of Bun", () => {
    const cases = parseJunit(bunReport);
    assert.deepEqual(brief(cases), [
      "outer/passes passed",
      'outer/fails <x> & "y" failed',
      "outer/is skipped skipped",
      "later skipped",
    ]);
    assert.deepEqual(cases[3]?.reason, "todo");
    assert.equal(cases[0]?.file, "tests/a_test.ts");
  });

  it("parseJunit reads the joined names of Deno and fails a cancelled test", () => {
    assert.deepEqual(brief(leafCases(parseJunit(denoReport))), [
      "exits failed",
      "never skipped",
      "outer/passes passed",
      "outer/fails failed",
    ]);
  });

  it("parseNodeReport puts children below the suite that is reported after them", () => {
    const text = [
      nodeLine("passes", 2),
      nodeLine("skips", 2, { skip: "no tool" }),
      nodeLine("inner", 1),
      nodeLine("outer", 0),
      nodeLine("plain", 0, { ok: false }),
    ].join("\n");
    const result = countCases(parseNodeReport(text), "");
    assert.deepEqual(brief(result.cases ?? []), [
      "outer/inner/passes passed",
      "outer/inner/skips skipped",
      "plain failed",
    ]);
    assert.deepEqual(result.skips, [{ name: "outer > inner > skips", reason: "no tool" }]);
    assert.deepEqual([result.passed, result.failed], [1, 1]);
  });

  it("parseNodeReport takes the file from the mark in front of its tests", () => {
    const text = [
      nodeLine(`${FILE_MARK}tests/a_test.ts`, 0),
      nodeLine("one", 0),
      nodeLine(`${FILE_MARK}tests/empty_test.ts`, 0),
      nodeLine(`${FILE_MARK}tests/b_test.ts`, 0),
      nodeLine("two", 0),
    ].join("\n");
    const files = parseNodeReport(text).map(({ file, path }) => `${file} ${path}`);
    assert.deepEqual(files, ["tests/a_test.ts one", "tests/b_test.ts two"]);
  });

  it("unreportedFiles finds a file of Deno without a test, whoever registered the others", () => {
    const output = [
      `${FILE_MARK}tests/empty_test.ts ... ok (0ms)`,
      `${FILE_MARK}tests/contract_test.ts ... ok (0ms)`,
      "a contract ...",
      "  keeps it ... ok (1ms)",
      "a contract ... ok (2ms)",
      `${FILE_MARK}tests/b_test.ts ... ok (0ms)`,
      "two ... ok (0ms)",
      `${FILE_MARK}tests/last_test.ts ... ok (0ms)`,
      "",
      "ok | 4 passed (1 step) | 0 failed (1s)",
    ].join("\n");
    const cases: TestCase[] = [{ file: "./tests/b_test.ts", path: ["two"], outcome: "passed" }];
    const names = ["empty", "contract", "b", "last", "lost"];
    const files = names.map((name) => `tests/${name}_test.ts`);
    assert.deepEqual(unreportedFiles({ runtime: "deno", files }, cases, output), [
      "tests/empty_test.ts",
      "tests/last_test.ts",
      "tests/lost_test.ts",
    ]);
  });

  it("leafCases keeps a suite that failed in a hook", () => {
    const cases: TestCase[] = [
      { file: "a", path: ["outer", "passes"], outcome: "passed" },
      { file: "a", path: ["outer"], outcome: "failed" },
    ];
    assert.deepEqual(brief(leafCases(cases)), ["outer/passes passed", "outer failed"]);
    assert.deepEqual([...outermostNames(cases)], ["outer"]);
  });

  it("mergeResults adds up the parts of a stage", () => {
    const part = { passed: 2, failed: 1, skips: [{ name: "a", reason: "" }], output: "x" };
    const { passed, failed, skips, output } = mergeResults([part, part]);
    assert.deepEqual([passed, failed, skips.length, output], [4, 2, 2, "x\nx"]);
  });
});

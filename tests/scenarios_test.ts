/**
 * The stories in tests/testdata/*.txt: commands to a cluster of cores, with the output that they
 * give. `SCENARIOS=rewrite` writes the output that they give now, to be read in the difference.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { parseScenario, printScenario } from "./scenarios/scenario_file.ts";
import { runScenario } from "./scenarios/scenario_runner.ts";

const folder = fileURLToPath(new URL("./testdata", import.meta.url));
const isRewriting = process.env.SCENARIOS === "rewrite";
const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));

describe("scenario", () => {
  it("files are there", () => assert.ok(names.length > 0, `no file in ${folder}`));

  for (const name of names) {
    it(name, () => {
      const path = `${folder}/${name}`;
      const text = readFileSync(path, "utf8");
      const steps = parseScenario(text);
      const outputs = runScenario(steps);
      if (isRewriting) {
        writeFileSync(path, printScenario(steps, outputs));
        return;
      }
      for (const [i, { expected, command, line }] of steps.entries()) {
        assert.equal(outputs[i], expected, `${name}:${line}: ${command}`);
      }
      assert.equal(printScenario(steps, outputs), text, `${name} is not in its printed form`);
    });
  }
});

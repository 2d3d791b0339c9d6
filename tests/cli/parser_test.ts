import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { catalogue } from "../../src/cli/catalogue.ts";
import { parseCommandLine, type ParsedLine } from "../../src/cli/parser.ts";
import { UsageError } from "../../src/config/usage_error.ts";

function parse(line: string): Promise<ParsedLine> {
  return parseCommandLine(line.split(" ").filter((word) => word !== ""), catalogue);
}

async function refusal(line: string): Promise<UsageError> {
  try {
    await parse(line);
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error;
  }
  throw new Error(`"${line}" was understood`);
}

describe("parser", () => {
  it("finds the command and its arguments", async () => {
    const { command, argumentValues } = await parse("put greeting hello");
    assert.equal(command?.name, "put");
    assert.deepEqual(argumentValues, { key: "greeting", value: "hello" });
  });

  it("takes global flags before and behind the command", async () => {
    const { globalFlags } = await parse("-o json get k -e 10.0.0.1:7 --timeout 1s");
    assert.deepEqual(globalFlags, { output: "json", endpoints: "10.0.0.1:7", timeoutMs: "1s" });
  });

  it("adds up a list flag that is given twice and replaces any other", async () => {
    const { globalFlags } = await parse("get k -e a:1 -t 1s -e b:2 -t 2s");
    assert.deepEqual(globalFlags, { endpoints: "a:1,b:2", timeoutMs: "2s" });
  });

  it("finds a command of two words, with flags between", async () => {
    const { command, globalFlags, optionFlags } = await parse("wait -o json healthy --voters 3");
    assert.equal(command?.name, "wait healthy");
    assert.deepEqual(globalFlags, { output: "json" });
    assert.deepEqual(optionFlags, { voters: "3" });
  });

  it("takes a negative number as an argument", async () => {
    assert.deepEqual((await parse("incr k -5")).argumentValues, { key: "k", by: "-5" });
  });

  it("takes everything behind -- as arguments", async () => {
    const { argumentValues } = await parse("put -- --key --value");
    assert.deepEqual(argumentValues, { key: "--key", value: "--value" });
  });

  it("takes a single dash as an argument", async () => {
    assert.deepEqual((await parse("put k -")).argumentValues, { key: "k", value: "-" });
  });

  it("names the nearest command", async () => {
    const error = await refusal("stauts");
    assert.match(error.message, /Unknown command "stauts"/);
    assert.match(error.fix.join("\n"), /did you mean raft status\?/);
  });

  it("names the nearest flag", async () => {
    const error = await refusal("put k v --if-absnt");
    assert.match(error.message, /Unknown flag "--if-absnt" for raft put/);
    assert.match(error.fix.join("\n"), /did you mean --if-absent\?/);
  });

  it("refuses an unknown flag in front of the command", async () => {
    assert.match((await refusal("--ouput json get k")).fix.join("\n"), /did you mean --output\?/);
  });

  it("refuses a value for a switch", async () => {
    assert.match((await refusal("put k v --if-absent=yes")).message, /takes no value/);
  });

  it("refuses a flag without its value", async () => {
    assert.match((await refusal("get k --timeout")).message, /--timeout needs a value/);
  });

  it("refuses an argument too many", async () => {
    assert.match((await refusal("get a b")).message, /Unexpected argument "b"/);
  });

  it("refuses half a command and says what may follow", async () => {
    assert.match((await refusal("wait")).fix.join("\n"), /leader, healthy, key, absent, index/);
    assert.match((await refusal("wait leder")).fix.join("\n"), /did you mean raft wait leader/);
  });

  it("turns --help into a topic wherever it stands", async () => {
    assert.deepEqual((await parse("--help")).helpTopic, []);
    assert.deepEqual((await parse("put --help")).helpTopic, ["put"]);
    assert.deepEqual((await parse("wait --help")).helpTopic, ["wait"]);
    assert.deepEqual((await parse("wait leader -h")).helpTopic, ["wait", "leader"]);
  });

  it("shows help where there are no words, and the version for --version", async () => {
    assert.equal((await parse("")).command, null);
    assert.equal((await parse("--version")).command?.name, "version");
  });
});

describe("catalogue", () => {
  it("has commands whose declarations carry their names", async () => {
    for (const { name, load } of catalogue) {
      const command = await load();
      assert.equal(command.name, name);
      assert.ok(command.summary.length > 0 && !command.summary.endsWith("."), name);
      assert.ok(command.examples.length > 0, `raft ${name} has no example`);
    }
  });

  it("has examples that can be parsed", async () => {
    for (const { load } of catalogue) {
      for (const { command: line } of (await load()).examples) {
        const own = /raft ([^|>;&)"]*)/.exec(line)?.[1] ?? "";
        const words = own.replace(/<.*/, "").replaceAll("'", "").split(" ");
        await parseCommandLine(words.filter((word) => word !== ""), catalogue);
      }
    }
  });
});

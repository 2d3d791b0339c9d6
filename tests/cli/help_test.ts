import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { catalogue } from "../../src/cli/catalogue.ts";
import { helpPage } from "../../src/cli/help.ts";
import { createStyle } from "../../src/cli/style.ts";
import { runLine } from "./run_line.ts";

const style = createStyle(false);

describe("help", () => {
  it("fits a terminal of 100 columns, on every page", async () => {
    const topics = [
      [],
      ["flags"],
      ["exit-codes"],
      ["wait"],
      ...catalogue.map(({ name }) => [name]),
    ];
    for (const topic of topics) {
      const page = await helpPage(topic, { catalogue, style });
      const long = page.split("\n").filter((line) => [...line].length > 100);
      assert.deepEqual(long, [], topic.join(" "));
      assert.equal(page.includes("undefined"), false, topic.join(" "));
    }
  });

  it("lists every command under a heading", async () => {
    const page = await helpPage([], { catalogue, style });
    for (const { name } of catalogue) assert.ok(page.includes(`  ${name} `), name);
    assert.match(page, /^GETTING STARTED$/m);
  });

  it("shows defaults and variables of flags", async () => {
    const page = await helpPage(["flags"], { catalogue, style });
    assert.match(
      page,
      /-t, --timeout DUR +Deadline of the whole command \(default 5s; RAFT_TIMEOUT\)/,
    );
  });

  it("does not show what is hidden", async () => {
    const page = await helpPage(["start"], { catalogue, style });
    assert.equal(page.includes("stop-with-input"), false);
  });

  it("is the same by command and by flag", async () => {
    const byCommand = (await runLine(["help", "put"])).output;
    assert.equal((await runLine(["put", "--help"])).output, byCommand);
    assert.match(byCommand, /usage: raft put KEY VALUE \[FLAG…\]/);
  });

  it("names the nearest topic", async () => {
    const { exit, errors } = await runLine(["help", "exit-code"]);
    assert.equal(exit, 2);
    assert.match(errors, /did you mean raft help exit-codes/);
  });
});

describe("completion", () => {
  it("has every command and flag, for each shell", async () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      const { output } = await runLine(["completion", shell]);
      for (const { name } of catalogue) assert.ok(output.includes(name.split(" ")[0]!), name);
      assert.ok(output.includes("if-absent") && output.includes("consistency"), shell);
      assert.equal(output.includes("undefined"), false);
    }
  });

  it("completes in bash", async () => {
    const { output } = await runLine(["completion", "bash"]);
    const complete = (line: string): string[] => {
      const words = line.split(" ");
      const script = `${output}
COMP_WORDS=(${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length - 1}
_raft; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const bash = spawnSync("bash", ["-c", script], { encoding: "utf8" });
      assert.equal(bash.stderr, "");
      return bash.stdout.split("\n").filter((word) => word !== "");
    };
    assert.deepEqual(complete("raft sta"), ["start", "status"]);
    assert.deepEqual(complete("raft wait l"), ["leader"]);
    assert.deepEqual(complete("raft put k v --if-a"), ["--if-absent"]);
    assert.deepEqual(complete("raft get k -o j"), ["json"]);
    assert.deepEqual(complete("raft bench p"), ["put"]);
  });
});

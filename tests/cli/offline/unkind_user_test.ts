/**
 * What unkind users give to the offline commands: each mistake has its exit code, says what is
 * wrong, and the way out. And the fields of what comes line by line.
 */
import assert from "node:assert/strict";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FakeCluster } from "../fake_cluster.ts";
import { FakeHost } from "../fake_host.ts";
import { runLine } from "../run_line.ts";
import { DataWorld, putEntry } from "./data_world.ts";

/** The words, the exit code, and what the output says. */
type Mistake = readonly [words: readonly string[], exit: number, says: RegExp];

async function assertMistakes(mistakes: readonly Mistake[]): Promise<void> {
  for (const [words, exit, says] of mistakes) {
    const { exit: found, output, errors } = await runLine(words);
    const all = output + errors;
    assert.equal(found, exit, `${words.join(" ")}: ${all}`);
    assert.match(all, says, words.join(" "));
    assert.match(all, /fix: /, words.join(" "));
    assert.doesNotMatch(all, /should not happen|\n\s+at /, words.join(" "));
  }
}

describe("an unkind user", () => {
  let world: DataWorld;
  let file: string;
  let missing: string;
  before(async () => {
    world = await DataWorld.create([[putEntry("key", "value")]]);
    file = join(world.path, "identity");
    missing = join(world.path, "nothing");
  });
  after(() => world.dispose());

  it("names what is not there, or no directory", async () => {
    const apply = ["recover", "apply", "--id", "1", "--confirm", "x", "--data"];
    await assertMistakes(
      [missing, file].flatMap((path): Mistake[] => [
        [["log", "verify", path], 3, /Cannot find the data directory/],
        [["log", "ls", path], 3, /Cannot find the data directory/],
        [["recover", "plan", path], 3, /Cannot find the data directory/],
        [[...apply, path], 3, /Cannot find the data directory/],
        [["recover", "rejoin", "--data", path], 3, /Cannot find the data directory/],
      ]),
    );
  });

  it("gives a snapshot through a pipe, or restores over a file", async () => {
    const snapshot = await world.writeSnapshot(1, []);
    const restore = ["snapshot", "restore", "--id", "1", "--data"];
    await assertMistakes([
      [["snapshot", "inspect", "-"], 2, /from standard input/],
      [["snapshot", "verify", "-"], 2, /from standard input/],
      [["export", "--snapshot", "-"], 2, /from standard input/],
      [[...restore, missing, "-"], 2, /from standard input/],
      [[...restore, missing, missing], 3, /Cannot find the snapshot/],
      [[...restore, file, snapshot], 10, /file exists/],
      [["snapshot", "inspect", world.path], 9, /is a directory/],
    ]);
    await rm(snapshot);
  });

  it("gives numbers that are none", async () => {
    await assertMistakes([
      [["log", "cat", "0", world.path], 2, /want an integer ≥ 1[^]*raft help log cat/],
      [["log", "cat", "9007199254740993", world.path], 2, /1 to 9007199254740991/],
      [["log", "cat", "1e3", world.path], 2, /want an integer/],
      [["log", "ls", world.path, "--from", "3", "--to", "2"], 2, /from 3 to 2/],
    ]);
  });

  it("puts a directory where a file must be, or a file where a directory must be", async () => {
    const locked = await world.copy();
    const cut = await world.copy();
    try {
      await mkdir(join(locked.path, "lock.7"));
      await rm(join(cut.path, "log"), { recursive: true });
      await writeFile(join(cut.path, "log"), "");
      await assertMistakes([
        [["log", "verify", locked.path], 9, /lock\.7": it is a directory/],
        [["log", "info", locked.path], 9, /lock\.7": it is a directory/],
        [["recover", "plan", locked.path], 9, /lock\.7": it is a directory/],
        [["doctor", "--data", locked.path], 9, /lock\.7": it is a directory/],
        [["log", "verify", cut.path], 9, /log, offset 0: .*not a directory/],
        [["log", "dump", cut.path], 9, /there is no directory ".*log"/],
        [["doctor", "--data", cut.path], 9, /log, offset 0: .*not a directory/],
      ]);
    } finally {
      await locked.dispose();
      await cut.dispose();
    }
  });

  it("interrupts a backup while a node is looked for: nothing is left", async () => {
    const before = await readdir(world.path);
    const host = new FakeHost();
    const cluster = new FakeCluster();
    let asked = 0;
    cluster.openSnapshot = async () => {
      asked += (await readdir(world.path)).filter((name) => name.endsWith(".partial")).length;
      host.signal("SIGINT");
      return await new Promise<never>(() => {});
    };
    await runLine(["snapshot", "save", join(world.path, "backup")], { host, cluster });
    assert.deepEqual([asked, host.exitCode], [1, 130]);
    assert.deepEqual(await readdir(world.path), before);
  });

  it("asks for a field of what has none", async () => {
    await assertMistakes([
      [["start", "--id", "1", "--field", "x"], 2, /has none/],
      [["snapshot", "save", "-", "--field", "x"], 2, /the snapshot itself/],
      [["log", "dump", world.path, "--field", "nothing"], 3, /there is no "nothing"/],
    ]);
  });
});

describe("--field, of results that come line by line", () => {
  it("prints it of every item that has it", async () => {
    const world = await DataWorld.create([[putEntry("key", "value")]]);
    try {
      const dump = await runLine(["log", "dump", world.path, "--field", "index"]);
      assert.equal(dump.output, "1\n2\n");
      assert.equal(dump.exit, 0);
    } finally {
      await world.dispose();
    }
    const folder = new URL("../../testdata/formats/v1/data/snapshots/", import.meta.url);
    const [name] = await readdir(folder);
    const snapshot = fileURLToPath(new URL(name!, folder));
    const keys = await runLine(["export", "--snapshot", snapshot, "--field", "key"]);
    assert.equal(keys.output.split("\n")[0], "in a session");
    assert.equal(keys.output.trimEnd().split("\n").length, 10);
    const times = await runLine(["export", "--snapshot", snapshot, "--field", "ttlMs"]);
    assert.deepEqual([times.output.trimEnd().split("\n").length, times.exit], [1, 0]);
  });
});

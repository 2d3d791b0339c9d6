/** `raft recover rejoin` and the advice that leads to it: only where others can mend a node. */
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { openDataDirectory } from "../../../src/log/data_directory.ts";
import { crc32 } from "../../../src/runtime/checksum.ts";
import { FileError, type Runtime } from "../../../src/runtime/runtime.ts";
import { type Ran, runLine } from "../run_line.ts";
import { configurationOf, DataWorld, putEntry } from "./data_world.ts";

const UNITS = [[putEntry("one", "first")], [putEntry("two", "second")]];
/** Where the configuration lies in the log, and what is written last. */
const CONFIGURATION = 600;
const LAST_VALUE = "second";

const rejoin = (world: DataWorld, ...flags: string[]): Promise<Ran> =>
  runLine(["recover", "rejoin", "--data", world.path, ...flags]);

/** Flips bits of the value that was written last. */
async function damage(world: DataWorld): Promise<void> {
  const at = (await readFile(world.segment())).indexOf(LAST_VALUE);
  assert.ok(at > 0, "the value is not in the log");
  await world.flip(world.segment(), at);
}

/** The lines that start with a word. */
const lines = (text: string, word: string): string =>
  text.split("\n").filter((line) => line.trimStart().startsWith(`${word}:`)).join("\n");

/** Names and bytes of all files, but for the traces of a lock. */
async function filesIn(path: string): Promise<string> {
  const found: string[] = [];
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.startsWith("lock")) continue;
    const bytes = await readFile(`${entry.parentPath}/${entry.name}`);
    found.push(`${entry.parentPath}/${entry.name} ${bytes.toString("base64")}`);
  }
  return found.toSorted((a, b) => a < b ? -1 : 1).join("\n");
}

/** Refused, with nothing changed. */
async function assertRefused(world: DataWorld, code: number, ...flags: string[]): Promise<string> {
  const files = await filesIn(world.path);
  const { exit, errors } = await rejoin(world, ...flags);
  assert.equal(exit, code, errors);
  assert.equal(await filesIn(world.path), files);
  return errors;
}

describe("raft recover rejoin", () => {
  const templates = new Map<number, DataWorld>();
  let world: DataWorld;
  before(async () => {
    for (const count of [1, 2, 3]) templates.set(count, await DataWorld.create(UNITS, count));
  });
  after(async () => {
    for (const template of templates.values()) await template.dispose();
  });
  const fresh = async (voters: number) => void (world = await templates.get(voters)!.copy());

  it("is refused to the only voter of a cluster, always, with a way out", async () => {
    await fresh(1);
    await damage(world);
    for (const flags of [[], ["--force"]]) {
      const errors = await assertRefused(world, 10, ...flags);
      assert.match(errors, /nobody to rejoin/);
      assert.match(lines(errors, "why"), /0 of 1 voter would be left, and 1 must agree/);
      const fix = errors.slice(errors.indexOf("fix:"));
      for (const way of [/raft snapshot restore/, /raft log repair/]) assert.match(fix, way);
      assert.doesNotMatch(fix, /--force/);
    }
    const verified = await runLine(["log", "verify", world.path]);
    assert.equal(verified.exit, 9);
    assert.doesNotMatch(verified.errors, /recover rejoin/);
    assert.match(verified.errors, /raft snapshot restore/);
    await world.dispose();
  });

  it("is refused where the others are no majority, unless it is forced", async () => {
    await fresh(2);
    await damage(world);
    const errors = await assertRefused(world, 10);
    assert.match(errors, /1 of 2 voters would be left, and 2 must agree/);
    assert.match(errors, /raft recover plan/);
    assert.match(errors, /--force/);
    assert.equal((await rejoin(world, "--force")).exit, 0);
    await world.dispose();
  });

  it("is refused where nothing tells of other members, unless it is forced", async () => {
    await fresh(3);
    await world.flip(world.segment(), CONFIGURATION);
    assert.match(await assertRefused(world, 10), /no configuration can be read in it/);
    assert.equal((await rejoin(world, "--force")).exit, 0);
    const again = await rejoin(world);
    assert.deepEqual([again.exit, /nothing was changed/.test(again.output)], [0, true]);
    await world.dispose();
  });

  it("is refused where a node starts with what is wrong", async () => {
    await fresh(3);
    await world.flip(`${world.path}/hard_state`, 1_000);
    const verified = await runLine(["log", "verify", world.path]);
    assert.equal(verified.exit, 9);
    assert.match(verified.errors, /fix: .*the node starts with this directory as it is/);
    assert.doesNotMatch(verified.errors, /recover rejoin/);
    assert.match(await assertRefused(world, 10), /nothing is wrong with it/);
    await world.dispose();
  });

  it("keeps what it replaces as a data directory that can be read", async () => {
    await fresh(3);
    const instanceId = await instanceOf(world.path);
    assert.equal((await rejoin(world, "--force")).exit, 0);
    const aside = `${world.path}/replaced-${instanceId}`;
    assert.equal(await instanceOf(aside), instanceId);
    const plan = await runLine(["recover", "plan", aside, "-o", "json"]);
    assert.equal(plan.exit, 0, plan.errors);
    const { keep, survivors } = JSON.parse(plan.output);
    assert.deepEqual([keep, survivors[0].state, survivors[0].lastIndex], [1, "keep", 3]);
    assert.equal((await runLine(["log", "verify", aside])).exit, 0);
    await world.dispose();
  });

  it("takes nothing of a newer format for damage, whatever follows from it", async () => {
    await fresh(3);
    const snapshot = await world.writeSnapshot(2, [Uint8Array.of(1, 2, 3)]);
    await world.change(snapshot, (bytes) => {
      const view = new DataView(bytes.buffer);
      view.setUint32(8, 7, true);
      view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
    });
    await damage(world);
    for (const flags of [[], ["--force"]]) {
      const errors = await assertRefused(world, 9, ...flags);
      assert.match(errors, /format version is 7, this program knows up to 1/);
      assert.match(lines(errors, "fix"), /start the newer program/);
    }
    const verified = await runLine(["log", "verify", world.path]);
    assert.match(verified.output, /is of a newer format/);
    assert.match(verified.errors, /start the newer program/);
    assert.doesNotMatch(verified.errors, /recover rejoin/);
    await world.dispose();
  });

  it("takes nothing for damage that the system does not let it read", async () => {
    await fresh(3);
    const files = await filesIn(world.path);
    for (const [code, exit] of [["EACCES", 8], ["EIO", 9], ["EMFILE", 1]] as const) {
      const runtime = withoutReading(world.runtime, code);
      for (const flags of [[], ["--force"]]) {
        const words = ["recover", "rejoin", "--data", world.path, ...flags];
        const { exit: found, errors } = await runLine(words, { runtime });
        assert.equal(found, exit, errors);
        assert.match(errors, /cannot be read in full/);
        assert.match(errors, /try again; if the disk fails/);
      }
      const verified = await runLine(["log", "verify", world.path], { runtime });
      assert.match(verified.errors, /try again; if the disk fails/);
      assert.doesNotMatch(verified.errors, /recover rejoin/);
      assert.doesNotMatch(verified.output, /damage/);
    }
    assert.equal(await filesIn(world.path), files);
    await world.dispose();
  });

  it("is not recommended for a damaged or missing identity, which it cannot mend", async () => {
    for (const harm of ["damaged", "missing"] as const) {
      await fresh(3);
      if (harm === "damaged") await world.flip(`${world.path}/identity`, 40);
      else await rm(`${world.path}/identity`);
      const verified = await runLine(["log", "verify", world.path]);
      assert.equal(verified.exit, 9);
      const errors = await assertRefused(world, 9);
      for (const text of [errors, verified.errors]) {
        assert.match(text, /raft member replace ID NEW_ID/);
        assert.match(text, /raft start --id ID --join/);
        assert.doesNotMatch(text, /recover rejoin --data/);
      }
      await world.dispose();
    }
  });

  it("mends a member whose log has lost all that it held, zeros to the end", async () => {
    await fresh(3);
    await makeFounder(world);
    await world.change(world.segment(), (bytes) => void bytes.fill(0, 512));
    const verified = await runLine(["log", "verify", world.path]);
    assert.equal(verified.exit, 9);
    assert.match(verified.output, /neither log nor snapshot holds a configuration/);
    const { exit, output, errors } = await rejoin(world);
    assert.equal(exit, 0, errors);
    assert.match(output, /kept: nothing/);
    await world.dispose();
  });

  it("keeps nothing of a log of another directory, and verify tells of it", async () => {
    await fresh(3);
    await makeFounder(world);
    const other = await DataWorld.create(UNITS, 3);
    await cp(other.segment(), world.segment());
    const verified = await runLine(["log", "verify", world.path]);
    assert.equal(verified.exit, 9);
    for (const directory of [world, other]) {
      assert.ok(verified.output.includes(await instanceOf(directory.path)), verified.output);
    }
    const { exit, output, errors } = await rejoin(world);
    assert.equal(exit, 0, errors);
    assert.match(output, /kept: nothing; the configuration of index 1 in its log names another/);
    await other.dispose();
    await world.dispose();
  });

  it("names the way out of a refusal as a fix", async () => {
    await fresh(3);
    const errors = await assertRefused(world, 10);
    assert.match(lines(errors, "fix"), /start the node as it is/);
    assert.doesNotMatch(lines(errors, "why"), /start the node/);
    await world.dispose();
  });
});

/** Makes its node one that its cluster began with. */
async function makeFounder({ path, runtime }: DataWorld): Promise<void> {
  const directory = await openDataDirectory(runtime, { path, nodeId: 1 });
  const { identity } = directory;
  const members = configurationOf(identity.instanceId, 3).voters;
  await directory.saveIdentity({ ...identity, members });
  await directory.close();
}

/** The same machine, but the system refuses to open segments. */
function withoutReading(runtime: Runtime, code: string): Runtime {
  const instead = <Whole extends object>(whole: Whole, changed: Partial<Whole>): Whole =>
    new Proxy(whole, {
      get(target, name) {
        if (name in changed) return changed[name as keyof Whole];
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const { files } = runtime;
  const open: typeof files.open = (path, mode) =>
    path.endsWith(".segment")
      ? Promise.reject(new FileError(code, path, `Cannot open "${path}": ${code}`))
      : files.open(path, mode);
  return instead(runtime, { files: instead(files, { open }) });
}

/** The instance that a directory belongs to. */
async function instanceOf(path: string): Promise<string> {
  const { output } = await runLine(["log", "info", path, "--field", "instanceId"]);
  return output.trim();
}

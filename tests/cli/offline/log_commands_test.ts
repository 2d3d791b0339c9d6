/** The commands that look into a data directory: what they print, and how they end. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HardStateFile } from "../../../src/log/hard_state_file.ts";
import { segmentName } from "../../../src/log/segment_header.ts";
import { EntryKind } from "../../../src/types.ts";
import { runLine } from "../run_line.ts";
import { configurationEntry, DataWorld, putEntry, type TestEntry } from "./data_world.ts";

const BINARY = Uint8Array.of(0, 255, 10, 13, 27, 0x80);
const LONG = "ä".repeat(500);
const UNITS: readonly (readonly TestEntry[])[] = [
  [{ kind: EntryKind.noop, payload: new Uint8Array(0) }],
  [putEntry("one", "first"), putEntry("two", BINARY), putEntry("long", LONG)],
  [putEntry("last", "value")],
];

/** All files of a directory with their bytes. */
async function contents(path: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    found.set(file, (await readFile(file)).toString("base64"));
  }
  return found;
}

describe("raft log, of a sound directory", () => {
  let world: DataWorld;
  before(async () => void (world = await DataWorld.create(UNITS)));
  after(() => world.dispose());

  it("verifies it, and changes nothing", async () => {
    const files = await contents(world.path);
    const { exit, output } = await runLine(["log", "verify", world.path, "-o", "json"]);
    const { ok, firstIndex, lastIndex, segments, tornTail, problems } = JSON.parse(output);
    assert.deepEqual({ ok, firstIndex, lastIndex, segments, tornTail, problems }, {
      ok: true,
      firstIndex: 1,
      lastIndex: 6,
      segments: 1,
      tornTail: false,
      problems: [],
    });
    assert.equal(exit, 0);
    for (const words of [["info"], ["ls", "--decode"], ["dump"], ["cat", "3"]]) {
      assert.equal((await runLine(["log", ...words, world.path])).exit, 0, words.join(" "));
    }
    assert.deepEqual(await contents(world.path), files);
  });

  it("says whose it is, and what it holds", async () => {
    const { exit, output } = await runLine(["log", "info", world.path, "-o", "json"]);
    const info = JSON.parse(output);
    assert.equal(exit, 0);
    assert.equal(info.id, 1);
    assert.equal(info.cluster, "test");
    assert.equal(info.born, true);
    assert.equal(info.inUse, false);
    assert.deepEqual([info.currentTerm, info.votedFor], [1, 1]);
    assert.deepEqual([info.firstIndex, info.lastIndex, info.entries], [1, 6, 6]);
    assert.equal(info.configuration.index, 1);
    assert.equal(info.configuration.voters[0].address, "127.0.0.1:7238");
    assert.equal(info.tail.state, "clean");
    const text = (await runLine(["log", "info", world.path])).output;
    assert.match(text, /node +1 of cluster "test"/);
    assert.match(text, /in use +by nobody/);
    assert.match(text, /log +6 entries, indexes 1 to 6, term 1/);
  });

  it("knows when somebody uses it", async () => {
    const lock = await world.runtime.files.lock(`${world.path}/lock`);
    const { exit, output } = await runLine(["log", "info", world.path, "--field", "inUse"]);
    assert.deepEqual([exit, output], [0, "true\n"]);
    const repair = await runLine(["log", "repair", world.path, "--truncate-tail"]);
    assert.equal(repair.exit, 9);
    assert.match(repair.errors, /uses it/);
    await lock.release();
  });

  it("lists entries one a line, in a range, decoded", async () => {
    const list = async (...words: string[]) => {
      const { exit, output } = await runLine(["log", "ls", world.path, ...words]);
      assert.equal(exit, 0);
      return output.trimEnd().split("\n");
    };
    assert.equal((await list()).length, 6);
    assert.deepEqual(await list("--from", "3", "--to", "4", "--field", "index"), ["3", "4"]);
    const lines = await list("--decode");
    assert.match(lines[0]!, /^ +1 +term 1 +configuration .*voters 1 127\.0\.0\.1:7238$/);
    assert.match(lines[1]!, /^ +2 +term 1 +noop +0B +0\.020s$/);
    assert.match(lines[2]!, /put one = first$/);
    assert.match(lines[3]!, /put two = base64:AP8KDRuA$/);
    assert.match(lines[4]!, /put long = ä{30}… \(1000B\)$/);
    const documents = (await list("--decode", "-o", "json")).map((line) => JSON.parse(line));
    assert.deepEqual(documents[3].command, {
      type: "put",
      key: "two",
      value: "AP8KDRuA",
      encoding: "base64",
    });
    assert.deepEqual(documents[4].command, {
      type: "put",
      key: "long",
      value: "ä".repeat(30),
      valueBytes: 1000,
      valueIsCut: true,
    });
    assert.equal(documents[2].requestId.slice(0, 5), "raft-");
  });

  it("prints a payload byte for byte", async () => {
    const { host, exit } = await runLine(["log", "cat", "4", world.path]);
    assert.equal(exit, 0);
    assert.deepEqual(host.standardOutput.chunks, [UNITS[1]![1]!.payload]);
    const missing = await runLine(["log", "cat", "7", world.path]);
    assert.equal(missing.exit, 3);
    assert.match(missing.errors, /the log ends before it/);
  });

  it("dumps everything as lines of JSON", async () => {
    const { output } = await runLine(["log", "dump", world.path]);
    const lines = output.trimEnd().split("\n").map((line) => JSON.parse(line));
    const types = lines.map(({ type }) => type);
    assert.deepEqual(types, [
      ...["identity", "hardState", "hardState", "segment"],
      ...Array.from({ length: 6 }, () => "entry"),
    ]);
    const payload = Uint8Array.from(atob(lines[7].payload), (text) => text.charCodeAt(0));
    assert.deepEqual(payload, UNITS[1]![1]!.payload);
    const decoded = (await runLine(["log", "dump", world.path, "--decode"])).output;
    const long = JSON.parse(decoded.trimEnd().split("\n")[8]!);
    assert.equal(long.command.value, LONG);
  });

  it("has nothing to repair", async () => {
    const { exit, output } = await runLine(["log", "repair", world.path, "--truncate-tail"]);
    assert.deepEqual([exit, output], [0, "nothing to cut: the log ends clean, at index 6\n"]);
    assert.equal((await runLine(["log", "repair", world.path])).exit, 2);
  });
});

describe("raft log, of a path that is no data directory", () => {
  it("says that there is none", async () => {
    const path = await mkdtemp(join(tmpdir(), "raft-offline-"));
    for (const command of [["info"], ["ls"], ["cat", "1"], ["verify"], ["dump"]]) {
      const empty = await runLine(["log", ...command, path]);
      assert.equal(empty.exit, 9, command.join(" "));
      assert.match(empty.errors, /Cannot find a data directory/);
      assert.equal((await runLine(["log", ...command, `${path}/none`])).exit, 3);
    }
    assert.deepEqual(await readdir(path), []);
    await rm(path, { recursive: true });
  });
});

describe("raft log, of a damaged directory", () => {
  let world: DataWorld;
  let template: DataWorld;
  const segment = segmentName(1);
  /** Where the units start: 64 bytes of header, records, and the rest up to a multiple of 64. */
  const starts: number[] = [512];

  before(async () => {
    const units = [[configurationEntry("ab".repeat(16), 3)], ...UNITS];
    for (const entries of units) {
      const records = entries.reduce(
        (sum, { payload }) => sum + Math.ceil((40 + payload.length) / 8) * 8,
        0,
      );
      starts.push(starts.at(-1)! + Math.ceil((64 + records + 8) / 64) * 64);
    }
  });
  before(async () => void (template = await DataWorld.create(UNITS, 3)));
  after(() => template.dispose());
  const fresh = async () => void (world = await template.copy());

  it("names segment, offset and index of a flipped byte, and what is good behind it", async () => {
    await fresh();
    const record = starts[2]! + 64;
    await world.flip(world.segment(), record + 45);
    const { exit, output, errors } = await runLine(["log", "verify", world.path, "-o", "json"]);
    const { ok, lastIndex, problems } = JSON.parse(output);
    assert.equal(exit, 9);
    assert.deepEqual([ok, lastIndex, problems.length], [false, 6, 1]);
    const [problem] = problems;
    assert.deepEqual(
      [problem.segment, problem.offset, problem.index, problem.kind],
      [segment, record, 3, "bad_record"],
    );
    assert.match(errors, /raft recover rejoin/);
    const list = await runLine(["log", "ls", world.path, "--field", "index"]);
    assert.deepEqual([list.exit, list.output], [9, "1\n2\n6\n"]);
    assert.match(list.errors, new RegExp(`damage: ${segment}, offset ${record}, index 3`));
    const repair = await runLine(["log", "repair", world.path, "--truncate-tail", "--yes"]);
    assert.equal(repair.exit, 9);
    assert.match(repair.errors, /not at the tail/);
    await world.dispose();
  });

  it("calls no torn tail damage, and cuts it where that is asked for", async () => {
    await fresh();
    const start = starts[3]!;
    // The sector of the header of the last unit was not written.
    await world.change(world.segment(), (bytes) => void bytes.fill(0, start, start + 64));
    const verify = await runLine(["log", "verify", world.path, "-o", "json"]);
    const { ok, tornTail, lastIndex } = JSON.parse(verify.output);
    assert.deepEqual([verify.exit, ok, tornTail, lastIndex], [0, true, true, 5]);
    const before = await contents(world.path);
    const refused = await runLine(["log", "repair", world.path, "--truncate-tail"]);
    assert.equal(refused.exit, 10);
    assert.match(refused.errors, /nothing that was acknowledged is lost/);
    const torn = Buffer.from(before.get(world.segment())!, "base64").subarray(start);
    assert.equal((await contents(world.path)).get(world.segment()), before.get(world.segment()));
    const done = await runLine(["log", "repair", world.path, "--truncate-tail", "--yes"]);
    assert.equal(done.exit, 0);
    assert.match(done.output, /the log ends at index 5/);
    const [name] = await readdir(`${world.path}/cut`);
    assert.equal(name, `${segment}.${start}`);
    const kept = await readFile(`${world.path}/cut/${name}`);
    assert.deepEqual(kept, torn.subarray(0, kept.length));
    assert.ok(torn.subarray(kept.length).every((byte) => byte === 0));
    const again = await runLine(["log", "verify", world.path, "--field", "tornTail"]);
    assert.deepEqual([again.exit, again.output], [0, "false\n"]);
    await world.dispose();
  });

  it("cuts a damaged tail only where the first index that is lost is confirmed", async () => {
    await fresh();
    const start = starts[3]!;
    await world.flip(world.segment(), start + 64 + 50);
    const words = ["log", "repair", world.path, "--truncate-tail"];
    for (const flags of [[], ["--yes"], ["--confirm", "6"], ["--yes", "--confirm", "5"]]) {
      const refused = await runLine([...words, ...flags]);
      assert.equal(refused.exit, 10, flags.join(" "));
      assert.match(refused.errors, /the entry 6 would be lost/);
      assert.match(refused.errors, /may have acknowledged/);
      assert.match(refused.errors, /--yes --confirm 6/);
    }
    assert.equal((await runLine(["log", "verify", world.path])).exit, 9);
    const done = await runLine([...words, "--yes", "--confirm", "6", "-o", "json"]);
    assert.equal(done.exit, 0);
    const { repaired, lastIndex, firstIndexLost, file } = JSON.parse(done.output);
    assert.deepEqual([repaired, lastIndex, firstIndexLost], [true, 5, 6]);
    assert.ok((await readFile(file)).includes("value"));
    assert.match(done.errors, /raft recover rejoin/);
    const verify = await runLine(["log", "verify", world.path, "--field", "lastIndex"]);
    assert.deepEqual([verify.exit, verify.output], [0, "5\n"]);
    await world.dispose();
  });

  it("gives a segment that was cut short its size back, and keeps what was behind", async () => {
    await fresh();
    const whole = await readFile(world.segment());
    const words = ["log", "repair", world.path, "--truncate-tail", "-o", "json"];
    // In the middle of the last unit; then behind it, where no entry is touched.
    for (const [size, lastIndex] of [[starts[3]! + 70, 5], [starts[4]! + 700, 6]] as const) {
      await world.change(world.segment(), () => whole.subarray(0, size));
      const verify = await runLine(["log", "verify", world.path]);
      assert.equal(verify.exit, 9);
      const first = `${lastIndex + 1}`;
      const refused = await runLine([...words, "--yes"]);
      assert.equal(refused.exit, 10);
      assert.match(refused.errors, new RegExp(`--confirm ${first}`));
      assert.equal((await readFile(world.segment())).length, size);
      const done = await runLine([...words, "--yes", "--confirm", first]);
      assert.equal(done.exit, 0, done.errors);
      assert.deepEqual(JSON.parse(done.output).lastIndex, lastIndex);
      const repaired = await readFile(world.segment());
      assert.equal(repaired.length, whole.length);
      const good = starts[lastIndex - 2]!;
      assert.ok(repaired.subarray(0, good).equals(whole.subarray(0, good)));
      assert.ok(repaired.subarray(good).every((byte) => byte === 0));
      const again = await runLine(["log", "verify", world.path, "--field", "lastIndex"]);
      assert.deepEqual([again.exit, again.output], [0, `${lastIndex}\n`]);
    }
    await world.dispose();
  });

  it("cuts nothing off a log whose segment is missing or without a header", async () => {
    for (const harm of ["missing", "headless"] as const) {
      await fresh();
      if (harm === "missing") await rm(world.segment());
      else await world.flip(world.segment(), 40);
      const files = await contents(world.path);
      const { exit, errors } = await runLine([
        ...["log", "repair", world.path, "--truncate-tail", "--yes", "--confirm", "1"],
      ]);
      assert.equal(exit, 9, harm);
      assert.match(errors, /not at the tail of the log/);
      assert.match(errors, /raft recover rejoin --data/);
      files.delete(`${world.path}/lock.1`);
      const after = await contents(world.path);
      for (const [path, bytes] of files) assert.equal(after.get(path), bytes, path);
      await world.dispose();
    }
  });

  it("finds a flipped byte in identity, hard state and snapshot", async () => {
    await fresh();
    const snapshot = await world.writeSnapshot(4, [Uint8Array.of(1, 2, 3), new Uint8Array(700)]);
    assert.equal((await runLine(["log", "verify", world.path])).exit, 0);
    const inspected = await runLine(["snapshot", "inspect", snapshot, "-o", "json"]);
    assert.equal(JSON.parse(inspected.output).index, 4);
    const cases = [
      ["identity", 40, "bad_identity"],
      ["hard_state", 20, "bad_hard_state"],
      ["hard_state", 4096 + 40, "bad_hard_state"],
      [snapshot.slice(world.path.length + 1), 60, "bad_snapshot"],
      [
        snapshot.slice(world.path.length + 1),
        (await readFile(snapshot)).length - 700,
        "bad_snapshot",
      ],
    ] as const;
    for (const [name, offset, kind] of cases) {
      const path = `${world.path}/${name}`;
      await world.flip(path, offset);
      const { exit, output } = await runLine(["log", "verify", world.path, "-o", "json"]);
      const [problem] = JSON.parse(output).problems;
      assert.deepEqual(
        [exit, problem?.segment, problem?.kind],
        [9, name, kind],
        `${name} ${offset}`,
      );
      assert.ok(problem.offset <= offset, `${problem.offset} is behind ${offset}`);
      const dumped = await runLine(["log", "dump", world.path]);
      // Of a snapshot it reads the two ends alone.
      const isSeen = dumped.output.includes('"fault":') && dumped.exit === 9;
      assert.ok(isSeen || offset > 100, `${name} ${offset}: exit ${dumped.exit}`);
      if (name.startsWith("snapshots")) {
        const verified = await runLine(["snapshot", "verify", path, "-o", "json"]);
        assert.deepEqual([verified.exit, JSON.parse(verified.output).ok], [9, false]);
      }
      await world.flip(path, offset);
    }
    assert.equal((await runLine(["snapshot", "verify", snapshot])).exit, 0);
    assert.equal((await runLine(["snapshot", "verify", `${snapshot}x`])).exit, 3);
    await world.dispose();
  });

  it("says which files and entries are missing, and that a term was forgotten", async () => {
    const kinds = async (): Promise<string[]> => {
      const { output } = await runLine(["log", "verify", world.path, "-o", "json"]);
      return JSON.parse(output).problems.map(({ kind }: { kind: string }) => kind);
    };
    for (const name of ["identity", "hard_state"]) {
      await fresh();
      await rm(`${world.path}/${name}`);
      assert.deepEqual(await kinds(), ["missing_file"], name);
      await world.dispose();
    }
    await fresh();
    await rm(`${world.path}/log`, { recursive: true });
    assert.deepEqual(await kinds(), ["missing_file"]);
    await world.dispose();
    await fresh();
    await world.change(`${world.path}/hard_state`, () => new Uint8Array(8192));
    assert.deepEqual(await kinds(), ["bad_hard_state", "bad_hard_state"]);
    await HardStateFile.create(world.runtime, `${world.path}/hard_state`);
    assert.deepEqual(await kinds(), ["stale_hard_state"]);
    await world.dispose();
  });
});

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FileError } from "../../src/runtime/runtime.ts";
import { SystemProcess } from "../../src/runtime/shared/system_process.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "system_process_program.ts");

/** The runtime that runs this test, with what it needs to run another file. */
function runtimeCommand(file: string): string[] {
  if ("deno" in process.versions) return [process.execPath, "run", "-A", "--no-check", file];
  if ("bun" in process.versions) return [process.execPath, file];
  return [process.execPath, "--import", "tsx", file];
}

describe("SystemProcess", () => {
  const host = new SystemProcess();
  let directory = "";

  before(() => {
    directory = mkdtempSync(join(tmpdir(), "raft-process-"));
  });

  after(() => rmSync(directory, { recursive: true, force: true }));

  it("writes all of a large output and ends by itself with its exit code", () => {
    const [command = "", ...words] = runtimeCommand(program);
    const ran = spawnSync(command, [...words, "large"], { maxBuffer: 1 << 26 });
    assert.equal(ran.stdout.length, 5_000_000, ran.stderr.toString());
    assert.equal(ran.status, 3);
  });

  it("ends quietly when the reader of its output goes away", async () => {
    const [command = "", ...words] = runtimeCommand(program);
    const child = spawn(command, [...words, "large"], { stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk) => errors += chunk);
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(errors, "");
    assert.equal(code, 3);
  });

  it("knows its arguments and how to start itself again", () => {
    const [command = "", ...words] = runtimeCommand(program);
    const ran = spawnSync(command, [...words, "again", "two words", "-x"], { encoding: "utf8" });
    assert.equal(ran.stdout, '["two words","-x"]', ran.stderr);
  });

  it("reads standard input to its end", () => {
    const [command = "", ...words] = runtimeCommand(program);
    const input = "é\n".repeat(100_000);
    const ran = spawnSync(command, [...words, "input"], { input, encoding: "utf8" });
    assert.equal(ran.stdout, "300000", ran.stderr);
  });

  it("starts a child that logs to a file, and tells how it ended", async () => {
    const logPath = join(directory, "child.log");
    const child = host.spawn({
      command: [...runtimeCommand(program), "again-log"],
      environment: host.environment,
      logPath,
    });
    assert.deepEqual(await child.ended, { code: 3, signal: null });
    assert.equal(readFileSync(logPath, "utf8"), "logged");
    child.kill("SIGKILL");
  });

  it("kills a child, which watches its input", async () => {
    const child = host.spawn({
      command: [...runtimeCommand(program), "wait-for-end"],
      environment: host.environment,
      logPath: join(directory, "killed.log"),
    });
    assert.ok(child.pid > 0);
    child.kill("SIGKILL");
    assert.deepEqual(await child.ended, { code: null, signal: "SIGKILL" });
  });

  it("reports a program that does not exist as 127", async () => {
    const child = host.spawn({
      command: [join(directory, "no-such-program")],
      environment: host.environment,
      logPath: join(directory, "none.log"),
    });
    assert.equal((await child.ended).code, 127);
  });

  it("hears signals instead of dying by them, until it is released", async () => {
    let count = 0;
    const release = host.onSignal("SIGHUP", () => count += 1);
    process.kill(process.pid, "SIGHUP");
    for (let round = 0; round < 200 && count === 0; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    release();
    assert.equal(count, 1);
  });

  it("replaces, appends and reads files, and removes directories", async () => {
    const path = join(directory, "file");
    await host.files.replace(path, "one");
    await host.files.replace(path, "two\n");
    const file = host.files.openAppend(path);
    file.append("three\n");
    file.close();
    assert.equal(new TextDecoder().decode(await host.files.read(path)), "two\nthree\n");
    await assert.rejects(host.files.read(join(directory, "none")), FileError);
    const temporary = await host.files.makeTemporaryDirectory("raft-process-");
    await host.files.makeDirectory(join(temporary, "a", "b"));
    host.files.removeDirectory(temporary);
    host.files.removeDirectory(temporary);
    assert.equal(existsSync(temporary), false);
  });
});

/**
 * The binary must not run code or take settings from the folder that it is started in, which may
 * belong to somebody else: Bun's own habits are switched off when it is compiled.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const binary = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "raft");

describe("raft in a hostile directory", () => {
  let folder = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "raft-hostile-"));
    const marker = JSON.stringify(join(folder, "marker"));
    writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(
      join(folder, "preload.ts"),
      `import { writeFileSync } from "node:fs";\nwriteFileSync(${marker}, "");\n`,
    );
    writeFileSync(join(folder, ".env"), "RAFT_OUTPUT=json\n");
  });

  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs `raft version` in the folder, with settings in the environment if any. */
  function version(settings: Record<string, string> = {}): string {
    const env = { ...process.env, ...settings };
    const result = spawnSync(binary, ["version"], { cwd: folder, encoding: "utf8", env });
    assert.equal(result.status, 0, result.stderr);
    return result.stdout;
  }

  it("runs no preload of a bunfig.toml", () => {
    version();
    assert.equal(existsSync(join(folder, "marker")), false);
  });

  it("reads no .env", () => {
    assert.match(version({ RAFT_OUTPUT: "json" }), /^\{/, "The setting itself has no effect");
    assert.doesNotMatch(version(), /^\{/);
  });
});

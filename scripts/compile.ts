/**
 * Compiles cli.ts to dist/raft, one self-contained executable.
 *
 * Usage: npm run build [-- --force]
 *
 * Nothing is built when the binary is newer than every source and carries the current commit.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findFiles } from "./gate/find_files.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const binary = join(root, "dist", "raft");
/** Which commit the binary was built from: a new commit changes what `raft version` must say. */
const stamp = join(root, "dist", ".raft-commit");

/** Files outside src/ that decide what the binary is. */
const otherSources = [
  "cli.ts",
  "mod.ts",
  "package.json",
  "package-lock.json",
  "scripts/compile.ts",
];

/** The short hash of the checked-out commit, marked when files differ from it. */
function currentCommit(): string {
  const command = ["describe", "--always", "--dirty", "--abbrev=12", "--match=no-tag"];
  const git = spawnSync("git", command, { cwd: root, encoding: "utf8" });
  return git.status === 0 ? git.stdout.trim() : "unknown";
}

function isUpToDate(commit: string): boolean {
  if (!existsSync(binary) || !existsSync(stamp)) return false;
  if (readFileSync(stamp, "utf8") !== commit) return false;
  const builtMs = statSync(binary).mtimeMs;
  const sources = [...otherSources, ...findFiles(root, "src")]
    .map((file) => join(root, file))
    .filter((file) => existsSync(file));
  return sources.every((file) => statSync(file).mtimeMs < builtMs);
}

/** The constants that cli.ts may read; outside a compiled binary they are not defined. */
function defines(commit: string): string[] {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const constants = { RAFT_BUILD_VERSION: version, RAFT_BUILD_COMMIT: commit };
  return Object.entries(constants).map(([name, value]) =>
    `--define=${name}=${JSON.stringify(value)}`
  );
}

/**
 * Builds beside the old binary and renames, so that a running one keeps its file and nobody sees
 * half a binary.
 */
function build(commit: string): boolean {
  const started = new Date();
  mkdirSync(dirname(binary), { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  const command = [
    ...["build", "cli.ts", "--compile", "--minify", "--bytecode", "--format=esm", "--sourcemap"],
    // Without these two the binary would run code from the folder that it is started in.
    ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
    ...defines(commit),
    `--outfile=${fresh}`,
  ];
  const bun = spawnSync("bun", command, { cwd: root, stdio: ["ignore", 2, 2] });
  if (bun.status === 0) {
    // A source that was saved during the build is newer than the binary, not older.
    utimesSync(fresh, started, started);
    renameSync(fresh, binary);
    writeFileSync(stamp, commit);
  }
  for (const leftover of [fresh, `${fresh}.map`]) rmSync(leftover, { force: true });
  return bun.status === 0;
}

const { values } = parseArgs({ options: { force: { type: "boolean", default: false } } });
const commit = currentCommit();
if (!values.force && isUpToDate(commit)) {
  console.error("compile: dist/raft is up to date");
} else if (build(commit)) {
  const mebibytes = statSync(binary).size / 2 ** 20;
  console.error(`compile: dist/raft, ${mebibytes.toFixed(1)} MiB, commit ${commit}`);
} else {
  console.error("compile: Cannot build dist/raft");
  process.exitCode = 1;
}

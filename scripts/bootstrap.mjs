/**
 * Installs the pinned dependencies when they are missing or differ from package-lock.json, then
 * runs the TypeScript script named in the arguments on Bun.
 *
 * Usage: node scripts/bootstrap.mjs SCRIPT [ARGUMENT…]
 *
 * This is plain JavaScript because it is the first thing that runs in a fresh clone, and Node 20
 * cannot run TypeScript. Everything after it may use the installed tools.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const tools = join(modules, ".bin");
/** The hash of the lock file that node_modules was installed from; `npm ci` removes it. */
const stamp = join(modules, ".lock-hash");
const windows = process.platform === "win32";

/** The hash of everything that decides what is installed, so that a change of Node counts too. */
function wantedHash() {
  const hash = createHash("sha256");
  hash.update(readFileSync(join(root, "package-lock.json")));
  hash.update(`${process.platform} ${process.arch}`);
  return hash.digest("hex");
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === wantedHash();
}

function install() {
  console.error("bootstrap: installing the pinned dependencies with npm ci");
  const result = spawnSync(windows ? "npm.cmd" : "npm", ["ci", "--no-fund", "--no-audit"], {
    cwd: root,
    // npm talks to stderr's place: stdout belongs to the script that runs afterwards.
    stdio: ["ignore", 2, 2],
    shell: windows,
  });
  if (result.status !== 0) {
    console.error(`bootstrap: npm ci failed: ${result.error?.message ?? `exit ${result.status}`}`);
    process.exit(result.status ?? 1);
  }
  writeFileSync(stamp, wantedHash());
}

/** Runs the script and ends as it ends: same exit code, or the same signal's code. */
function run(script, scriptArguments) {
  const bun = join(tools, windows ? "bun.exe" : "bun");
  const child = spawn(bun, [join(root, script), ...scriptArguments], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH ?? ""}` },
  });
  // A terminal sends its signals to the child as well; a supervisor sends them to us alone.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`bootstrap: cannot run ${bun}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on("close", (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
  });
}

const [script, ...scriptArguments] = process.argv.slice(2);
if (script === undefined || !existsSync(join(root, script))) {
  console.error(`bootstrap: no such script: ${script ?? "(none given)"}`);
  process.exitCode = 2;
} else {
  if (!isInstalled()) install();
  run(script, scriptArguments);
}

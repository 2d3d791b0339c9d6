/**
 * Builds dist/raft if needed and runs `dist/raft demo` with the arguments given.
 *
 * Usage: npm run demo [-- ARGUMENT…]
 */
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs the demo on our terminal and ends as it ends. */
function runDemo(demoArguments: readonly string[]): void {
  const demo = spawn(join(root, "dist", "raft"), ["demo", ...demoArguments], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // A terminal has sent its Ctrl-C to the demo already; a second one would mean "at once".
      if (signal !== "SIGINT" || !process.stdin.isTTY) demo.kill(signal);
    });
  }
  demo.on("error", (error) => {
    console.error(`demo: Cannot run dist/raft: ${error.message}`);
    process.exitCode = 1;
  });
  demo.on("close", (code, signal) => {
    process.exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
  });
}

const compiled = spawnSync("bun", [join(root, "scripts", "compile.ts")], { stdio: "inherit" });
if (compiled.status === 0) runDemo(process.argv.slice(2));
else process.exitCode = 1;

/**
 * Child processes by node:child_process.
 *
 * @module
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import process from "node:process";
import type { ChildExit, ChildProcess, SignalName, SpawnOptions } from "../process.ts";
import { fileError } from "./system_error.ts";

/** Sends a signal to a process that may have ended. */
function killQuietly(pid: number, signal: SignalName): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}

/** Starts a child; throws a FileError where the program or the log file cannot be opened. */
export function spawnChild(options: SpawnOptions): ChildProcess {
  const [program = "", ...programArguments] = options.command;
  const log = openLog(options.logPath);
  try {
    const child = spawn(program, programArguments, {
      env: options.environment as NodeJS.ProcessEnv,
      stdio: ["pipe", log, log],
    });
    const pid = child.pid ?? 0;
    let hasEnded = false;
    const ended = new Promise<ChildExit>((resolve) => {
      child.once("error", () => {
        hasEnded = true;
        resolve({ code: 127, signal: null });
      });
      child.once("exit", (code, signal) => {
        hasEnded = true;
        resolve({ code, signal });
      });
    });
    // A child that dies while its pipe is open is no error of ours.
    child.stdin?.on("error", () => {});
    return {
      pid,
      ended,
      kill(signal: SignalName): void {
        if (!hasEnded && pid > 0) killQuietly(pid, signal);
      },
    };
  } catch (error) {
    throw fileError({ verb: "start", path: program, error });
  } finally {
    fs.closeSync(log);
  }
}

function openLog(path: string): number {
  try {
    return fs.openSync(path, "a");
  } catch (error) {
    throw fileError({ verb: "open", path, error });
  }
}

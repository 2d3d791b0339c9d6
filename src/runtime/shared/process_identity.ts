/**
 * Who a process is, beyond a pid that the system gives to another one later: for the lock of the
 * data directory.
 *
 * On Linux /proc tells the boot id of the machine, the pid namespace (in short: which container),
 * and when a process started, in clock ticks since boot; together they name one process for ever.
 * Elsewhere the pid is all there is, and the time at which this process itself started.
 *
 * @module
 */
import * as fs from "node:fs";
import process from "node:process";
import { systemErrorCode } from "./system_error.ts";

/** One process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started: field 22 of /proc/PID/stat, or a time where there is no /proc. */
  readonly startTime: string;
  /** The machine's boot, or null where it is not known. */
  readonly bootId: string | null;
  /** The namespace in which the pid means something, or null where it is not known. */
  readonly pidNamespace: string | null;
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  const pid = process.pid;
  const stat = readStat(pid);
  return {
    pid,
    startTime: stat?.startTime ?? String(performance.timeOrigin),
    bootId: read(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: read(() => fs.readlinkSync("/proc/self/ns/pid")),
  };
}

/**
 * Whether the process `other` still runs, as seen from the process `own`.
 *
 * A process of an earlier boot does not. A process of another pid namespace cannot be looked at;
 * it counts as gone, as it is far more often a container that was replaced than one that runs
 * beside this one. (The kernel's lock, where there is one, is asked first and knows better.)
 */
export function isAlive(other: ProcessIdentity, own: ProcessIdentity): boolean {
  if (differ(other.bootId, own.bootId)) return false;
  if (differ(other.pidNamespace, own.pidNamespace)) return false;
  if (other.pid === own.pid) return other.startTime === own.startTime;
  if (readStat(own.pid) === null) return answersSignals(other.pid);
  const stat = readStat(other.pid);
  if (stat === null) return false;
  // A zombie is dead; its parent has merely not asked yet.
  if (stat.state === "Z" || stat.state === "X") return false;
  return stat.startTime === other.startTime;
}

/** Whether both values are known and not the same. */
function differ(left: string | null, right: string | null): boolean {
  return left !== null && right !== null && left !== right;
}

/** State and start time of a process, or null where /proc does not know it. */
function readStat(pid: number): { state: string; startTime: string } | null {
  const text = read(() => fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  if (text === null) return null;
  // Field 2 is the program's name in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined ? null : { state, startTime };
}

/** Whether there is a process `pid`, where there is no /proc to ask who it is. */
function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Any other refusal, such as EPERM, comes from a process that exists.
    return systemErrorCode(error) !== "ESRCH";
  }
}

function read(call: () => string): string | null {
  try {
    return call();
  } catch {
    return null;
  }
}

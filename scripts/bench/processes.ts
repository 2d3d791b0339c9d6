/**
 * What processes use, as /proc tells it; so the benchmark measures on Linux only.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Where the time in user and in kernel mode stand among the fields after the process's name. */
const USER_FIELD = 11;
const KERNEL_FIELD = 12;
/** What /proc counts in, on every Linux of today. */
const TICKS_A_SECOND = 100;
const KIB_A_MIB = 1024;

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // It has ended.
    return null;
  }
}

/** Seconds of processor time that a process has used in all its threads; null where it is gone. */
export function processorSeconds(pid: number): number | null {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[USER_FIELD]) + Number(fields[KERNEL_FIELD])) / TICKS_A_SECOND;
}

/** Mebibytes of memory that a process holds, and the most that it has held. */
export function memoryMebibytes(pid: number): { readonly now: number; readonly most: number } {
  const status = read(`/proc/${pid}/status`) ?? "";
  const field = (name: string): number =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / KIB_A_MIB);
  return { now: field("VmRSS"), most: field("VmHWM") };
}

/** Seconds that all processors of the machine were busy, whoever used them. */
export function machineBusySeconds(): number {
  const line = (read("/proc/stat") ?? "").split("\n", 1)[0]!;
  const [user, nice, system, , , interrupts, softInterrupts] = line.split(/\s+/).slice(1);
  const ticks = [user, nice, system, interrupts, softInterrupts].map(Number);
  return ticks.reduce((sum, part) => sum + part, 0) / TICKS_A_SECOND;
}

import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

const GIB = 1024 ** 3;

/** On what something was measured, and when: figures without it mean nothing. */
export function describeMachine(): Readonly<Record<string, unknown>> {
  return {
    at: new Date().toISOString(),
    processors: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / GIB),
    system: `${platform()} ${release()} ${arch()}`,
    load: loadavg().map((value) => Math.round(10 * value) / 10),
  };
}

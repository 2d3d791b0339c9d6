/**
 * strace(1) on nodes that run: to see system calls with their times, or to make them fail.
 *
 * The clock of the times is the same for all processes, and a traced thread stands still while its
 * call is noted: a call that ended before another began in these notes did so in fact.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { eventually } from "./eventually.ts";
import { OwnProcess } from "./own_process.ts";
import type { TestNode } from "./test_node.ts";

/** Why tests that need strace are skipped, or false. */
export const straceSkip: string | false = (() => {
  const probe = spawnSync("strace", ["-o", "/dev/null", "true"]);
  if (probe.error) return "needs strace, which is not installed";
  return probe.status === 0 ? false : "needs strace, which may not trace here";
})();

/** A system call that returned. */
export interface SystemCall {
  readonly name: string;
  /** Its arguments as strace prints them, descriptors with what they are. */
  readonly arguments: string;
  readonly result: number;
  /** When it began and ended, in seconds. */
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/** What to trace. */
export interface StraceOptions {
  /** The system calls, such as `fdatasync,write`. */
  readonly calls: string;
  /** What is done to them, such as `fdatasync:error=EIO`. */
  readonly inject?: string;
}

/** `SECONDS NAME(ARGUMENTS) = RESULT ... <SECONDS>` */
const callPattern = /^(\d+\.\d+) (\w+)\((.*)\) += (-?\d+).* <(\d+\.\d+)>$/;

let count = 0;

/** A running trace of all threads of a node. */
export class Strace {
  /** The files of the threads are this path, a dot and the id of the thread. */
  readonly #path: string;
  readonly #process: OwnProcess;

  private constructor(path: string, process: OwnProcess) {
    this.#path = path;
    this.#process = process;
  }

  /** Attaches to a node; resolves when its calls are traced. */
  static async attach(node: TestNode, { calls, inject }: StraceOptions): Promise<Strace> {
    count += 1;
    const path = `${node.dataPath}.strace-${count}`;
    const process = new OwnProcess({
      command: [
        ...["strace", "-ff", "-o", path, "-p", String(node.process.pid), "-e", `trace=${calls}`],
        ...["-ttt", "-T", "-yy", "-s", "65536"],
        ...(inject === undefined ? [] : ["-e", `inject=${inject}`]),
      ],
    });
    await eventually({
      what: "strace to attach",
      look: () => {
        const text = Buffer.concat(process.output.stderr).toString();
        if (!process.isRunning) throw new Error(`strace ended: ${text}`);
        return /attached/.test(text) || null;
      },
    });
    return new Strace(path, process);
  }

  /** Lets the node go on untraced; where it has ended, waits for the rest of the notes. */
  async detach(): Promise<void> {
    this.#process.signal("SIGINT");
    await this.#process.ended;
  }

  /** Ends the trace also where it delays a call, and may lose its last notes. */
  async abandon(): Promise<void> {
    await this.#process.kill();
  }

  /** The calls that returned, by their beginning; complete once the trace has ended. */
  get calls(): SystemCall[] {
    const folder = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .flatMap((name) => readFileSync(join(folder, name), "latin1").split("\n"))
      .flatMap((line) => parseCall(line) ?? [])
      .sort((a, b) => a.startSeconds - b.startSeconds);
  }
}

function parseCall(line: string): SystemCall | null {
  const [, start, name, words, result, duration] = callPattern.exec(line) ?? [];
  if (name === undefined) return null;
  return {
    name,
    arguments: words ?? "",
    result: Number(result),
    startSeconds: Number(start),
    endSeconds: Number(start) + Number(duration),
  };
}

/**
 * The record of what a cluster acknowledged: a line `KEY INDEX` for each write, appended when the
 * answer came. After a crash every key in it must exist, with that revision or a later one.
 *
 * @module
 */
import type { AppendFile } from "../../runtime/process.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { UsageError } from "../../config/usage_error.ts";

/** Appends acknowledged writes; the lines of one turn of the event loop in one write. */
export class AcknowledgedRecorder {
  readonly #file: AppendFile;
  readonly #clock: Clock;
  #lines = "";

  /** Records into an open file. */
  constructor(file: AppendFile, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Records one write. */
  record(key: string, index: number): void {
    if (this.#lines === "") this.#clock.defer(() => this.#flush());
    this.#lines += `${key} ${index}\n`;
  }

  /** Writes what is left and closes the file. */
  close(): void {
    this.#flush();
    this.#file.close();
  }

  #flush(): void {
    if (this.#lines === "") return;
    this.#file.append(this.#lines);
    this.#lines = "";
  }
}

/**
 * The highest acknowledged index of each key. A last line that was cut off is left out.
 *
 * @param path For messages.
 * @param text The lines.
 */
export function parseAcknowledged(path: string, text: string): Map<string, number> {
  const indexes = new Map<string, number>();
  const lines = text.split("\n");
  lines.pop();
  lines.forEach((line, position) => {
    const [key, index, ...rest] = line.split(" ");
    if (key === undefined || !/^\d+$/.test(index ?? "") || rest.length > 0) {
      throw new UsageError(`${path}: line ${position + 1} is not KEY INDEX: "${line}"`);
    }
    indexes.set(key, Math.max(indexes.get(key) ?? 0, Number(index)));
  });
  return indexes;
}

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OwnProcess } from "./own_process.ts";
import { cleanEnvironment, raftCommand } from "./run_raft.ts";

/** A folder and the nodes that a test started in it, each with words of its own. */
export class Workbench {
  readonly folder = mkdtempSync(join(tmpdir(), "raft-e2e-"));
  readonly #processes: OwnProcess[] = [];

  /** A path in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts `raft start` with these words in the folder; `name` names its log. */
  start(name: string, words: readonly string[]): OwnProcess {
    const process = new OwnProcess({
      command: [...raftCommand, "start", "--log-format", "text", ...words],
      logPath: this.path(`${name}.log`),
      environment: cleanEnvironment(),
      folder: this.folder,
    });
    this.#processes.push(process);
    return process;
  }

  /** What the nodes of this name have logged. */
  log(name: string): string {
    const path = this.path(`${name}.log`);
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Kills what runs and removes the folder. */
  async dispose(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

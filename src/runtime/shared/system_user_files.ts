/**
 * The files that people name on the command line, by node:fs.
 *
 * @module
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { AppendFile, UserFiles } from "../process.ts";
import { plainBytes } from "./plain_bytes.ts";
import { fileError } from "./system_error.ts";

/** Turns what a call rejects with into a FileError that names the file. */
async function named<T>(verb: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fileError({ verb, path, error });
  }
}

/** Files of the local machine. */
export class SystemUserFiles implements UserFiles {
  /** The whole file. */
  read(path: string): Promise<Uint8Array> {
    return named("read", path, async () => plainBytes(await fs.promises.readFile(path)));
  }

  /** Writes beside the file and renames. */
  replace(path: string, text: string): Promise<void> {
    const fresh = `${path}.${process.pid}`;
    return named("write", path, async () => {
      await fs.promises.writeFile(fresh, text);
      await fs.promises.rename(fresh, path);
    });
  }

  /** Opens a file to append to. */
  openAppend(path: string): AppendFile {
    try {
      const descriptor = fs.openSync(path, "a");
      return {
        append: (text) => void fs.writeSync(descriptor, text),
        close: () => fs.closeSync(descriptor),
      };
    } catch (error) {
      throw fileError({ verb: "open", path, error });
    }
  }

  /** Creates a directory and those above it. */
  async makeDirectory(path: string): Promise<void> {
    await named("create", path, () => fs.promises.mkdir(path, { recursive: true }));
  }

  /** A fresh directory for temporary files. */
  makeTemporaryDirectory(prefix: string): Promise<string> {
    const path = join(tmpdir(), prefix);
    return named("create", path, () => fs.promises.mkdtemp(path));
  }

  /** Removes a directory with all it holds. */
  removeDirectory(path: string): void {
    fs.rmSync(path, { recursive: true, force: true });
  }
}

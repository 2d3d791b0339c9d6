/**
 * Small disks of their own for nodes: ext4 in a file, mounted where the node has its data.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Room that nobody counts on is taken in ever smaller pieces. */
const PIECES_BYTES = [1024 * 1024, 64 * 1024, 4096, 512];

function run(command: string, ...words: string[]): string | null {
  const { status, stderr, error } = spawnSync(command, words, { encoding: "utf8" });
  if (error) return `${command}: ${error.message}`;
  return status === 0 ? null : `${command} ${words.join(" ")}: ${stderr}`;
}

function check(failure: string | null): void {
  assert.equal(failure, null);
}

/** A mounted disk. */
export class SmallDisk {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes a disk in the file `PATH.image`, and mounts it at `path`; or says why it cannot. */
  static tryMount(
    path: string,
    { mebibytes }: { readonly mebibytes: number },
  ): SmallDisk | string {
    const image = `${path}.image`;
    writeFileSync(image, "");
    truncateSync(image, mebibytes * 1024 * 1024);
    mkdirSync(path, { recursive: true });
    // Nothing is kept back for a privileged user, who may run the tests.
    const made = run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", image);
    const mounted = made ?? run("mount", "-o", "loop", image, path);
    return mounted === null ? new SmallDisk(path) : mounted;
  }

  /** Mounts a disk that must be possible. */
  static mount(path: string, options: { readonly mebibytes: number }): SmallDisk {
    const disk = SmallDisk.tryMount(path, options);
    assert(typeof disk !== "string", `Cannot mount a disk: ${disk}`);
    return disk;
  }

  /** Takes every byte that is free. */
  fill(): void {
    const ballast = openSync(this.#ballast, "a");
    try {
      for (const bytes of PIECES_BYTES) {
        const piece = Buffer.alloc(bytes, 1);
        while (isWritten(ballast, piece));
      }
    } finally {
      closeSync(ballast);
    }
  }

  /** Gives it back. */
  free(): void {
    rmSync(this.#ballast);
  }

  /** Allows no more writes. */
  makeReadOnly(): void {
    check(run("mount", "-o", "remount,ro", this.#path));
  }

  /** Ends it; who uses it must have ended before. */
  unmount(): void {
    check(run("umount", this.#path));
  }

  get #ballast(): string {
    return join(this.#path, "lost+found", "ballast");
  }
}

/** Writes as much of `piece` as there is room for; whether that was all. */
function isWritten(descriptor: number, piece: Uint8Array): boolean {
  try {
    return writeSync(descriptor, piece) === piece.length;
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, "ENOSPC");
    return false;
  }
}

/** Why tests that mount a disk are skipped, or false. */
export const mountSkip: string | false = (() => {
  const folder = mkdtempSync(join(tmpdir(), "raft-mount-"));
  try {
    const disk = SmallDisk.tryMount(join(folder, "disk"), { mebibytes: 4 });
    if (typeof disk === "string") {
      return `needs to mount a disk, which cannot be done here: ${disk}`;
    }
    disk.unmount();
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
})();

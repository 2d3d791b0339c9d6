/**
 * A data directory of each format that was released opens in this version, with everything in it;
 * a file of a version that is not known yet is refused, and both versions are named.
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { BadDataError } from "../../src/errors.ts";
import { readIdentity } from "../../src/log/identity_file.ts";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { crc32 } from "../../src/runtime/checksum.ts";
import { describeDirectory, FIXTURE_V1 } from "./format_fixture.ts";

const fixture = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), FIXTURE_V1);

/** Runs `body` with a copy of the directory of version 1. */
async function withCopy(body: (path: string) => Promise<void>): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "raft-format-"));
  try {
    cpSync(join(fixture, "data"), path, { recursive: true });
    await body(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Where a file has its version and the checksum of its header, and how that is computed. */
interface VersionedFile {
  readonly folder: string;
  readonly match: RegExp;
  readonly headers: readonly number[];
  readonly checksumAt: number;
  readonly checksum: (header: Uint8Array) => number;
}

const checked = {
  checksumAt: 28,
  checksum: (header: Uint8Array) => crc32(header.subarray(0, 28)),
};

const versionedFiles: Readonly<Record<string, VersionedFile>> = {
  "an identity": { folder: ".", match: /^identity$/, headers: [0], ...checked },
  "a hard state": { folder: ".", match: /^hard_state$/, headers: [0, 4096], ...checked },
  "a segment": {
    ...{ folder: "log", match: /\.segment$/, headers: [0], checksumAt: 12 },
    checksum: (header) => crc32(header.subarray(16, 512), crc32(header.subarray(0, 12))),
  },
  "a snapshot": { folder: "snapshots", match: /\.snapshot$/, headers: [0], ...checked },
};

/** Gives a file the format version 2, as a newer program would write it. */
function makeNewer(path: string, { folder, match, ...file }: VersionedFile): void {
  const name = readdirSync(join(path, folder)).filter((one) => match.test(one)).at(-1)!;
  const target = join(path, folder, name);
  const bytes = new Uint8Array(readFileSync(target));
  const view = new DataView(bytes.buffer);
  for (const header of file.headers) {
    view.setUint32(header + 8, 2, true);
    const sum = file.checksum(bytes.subarray(header));
    view.setUint32(header + file.checksumAt, sum, true);
  }
  writeFileSync(target, bytes);
}

describe("the formats on disk", () => {
  it("opens a directory of version 1, with everything in it, and again", () =>
    withCopy(async (path) => {
      const runtime = await detectRuntime();
      const expected = JSON.parse(readFileSync(join(fixture, "expected.json"), "utf8"));
      assert.deepEqual(await describeDirectory(runtime, path), expected);
      assert.deepEqual(await describeDirectory(runtime, path), expected);
      assert.ok(expected.segments.length >= 2, "a segment is sealed");
      const noted = (await readIdentity(runtime, path)).promiseMs;
      assert.equal(noted, null, "nobody noted what that node has promised");
      const { identity, stateAtTheEnd } = expected;
      assert.equal(identity.born, true);
      assert.equal(identity.members.length, 3);
      assert.ok(stateAtTheEnd.sessions >= 1 && stateAtTheEnd.leases.length >= 1);
    }));

  for (const [name, file] of Object.entries(versionedFiles)) {
    it(`refuses ${name} of version 2, and names both versions`, () =>
      withCopy(async (path) => {
        makeNewer(path, file);
        await assert.rejects(describeDirectory(await detectRuntime(), path), (error) => {
          assert.ok(error instanceof BadDataError, `${error}`);
          assert.match(error.message, /format version is 2, this program knows up to 1$/);
          assert.deepEqual(error.fix, ["start the newer program that wrote it"]);
          return true;
        });
      }));
  }
});

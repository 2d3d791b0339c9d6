/** A data directory is created as a whole, belongs to one node, and is never made again. */
import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { crc32 } from "../../src/runtime/checksum.ts";
import { BadDataError, DeniedError } from "../../src/errors.ts";
import { DAMAGED_DIRECTORY_FIX, DAMAGED_IDENTITY_FIX } from "../../src/log/damaged_directory.ts";
import { openDataDirectory } from "../../src/log/data_directory.ts";
import { readKnownAs } from "../../src/log/identity_file.ts";
import { createBatch } from "../../src/testing/log_batches.ts";
import { syncLog } from "../../src/testing/log_contract.ts";
import { createRealDirectory, type RealDirectory } from "./real_log_directory.ts";

const SEGMENT_BYTES = 64 * 1024;
const INSTANCE_ID = "0123456789abcdef0123456789abcdef";

/** Runs `body` with a directory of its own. */
async function withDirectory(body: (place: RealDirectory) => Promise<void>): Promise<void> {
  const place = await createRealDirectory();
  try {
    await body(place);
  } finally {
    await place.dispose();
  }
}

/** The options for a directory below the temporary one. */
function optionsOf(place: RealDirectory, nodeId = 1) {
  return { path: `${place.path}/a/data`, nodeId, clusterName: "blue", segmentBytes: SEGMENT_BYTES };
}

describe("openDataDirectory", () => {
  it("creates everything, and opens it again", () =>
    withDirectory(async (place) => {
      const directory = await openDataDirectory(place.runtime, optionsOf(place, 7));
      assert.equal(directory.isNew, true);
      const { identity } = directory;
      assert.match(identity.instanceId, /^[0-9a-f]{32}$/);
      const { instanceId } = identity;
      assert.deepEqual(identity, {
        formatVersion: 1,
        clusterId: "",
        clusterName: "blue",
        nodeId: 7,
        instanceId,
        born: false,
        members: [],
        removed: false,
        recovery: null,
        formerClusterIds: [],
        deviatesSince: 0,
        replaces: [],
        joinIndex: 0,
        promiseMs: null,
      });
      const members = [{ id: 7, address: "127.0.0.1:7000", instanceId }];
      const clusterId = INSTANCE_ID;
      await directory.saveIdentity({ ...identity, clusterId, born: true, members });
      const log = await directory.openLog({ segmentBytes: SEGMENT_BYTES });
      log.append(createBatch({ firstIndex: 1, count: 1, term: 1 }));
      await syncLog(log);
      await log.close();
      const hardState = await directory.openHardState();
      await hardState.save({ currentTerm: 1, votedFor: 7 });
      await hardState.close();
      await directory.close();

      const again = await openDataDirectory(place.runtime, optionsOf(place, 7));
      assert.equal(again.isNew, false);
      assert.deepEqual(again.identity, { ...identity, clusterId, born: true, members });
      const reopened = await again.openLog();
      assert.equal(reopened.lastIndex, 1);
      await reopened.close();
      assert.equal((await again.openHardState()).state.votedFor, 7);
      const names = await place.runtime.files.readDirectory(again.path);
      assert.deepEqual(
        names.filter((name) => !name.startsWith("lock")),
        ["hard_state", "identity", "log", "snapshots", "spare"],
      );
      await again.close();
    }));

  it("tells how its cluster knows the node, once it has a cluster", () =>
    withDirectory(async (place) => {
      const options = optionsOf(place, 7);
      assert.equal(await readKnownAs(place.runtime, options.path), null);
      const directory = await openDataDirectory(place.runtime, options);
      const { identity } = directory;
      const { instanceId } = identity;
      const members = [
        { id: 6, address: "127.0.0.1:6000", instanceId: INSTANCE_ID },
        { id: 7, address: "127.0.0.1:7000", instanceId },
      ];
      await directory.saveIdentity({ ...identity, members });
      assert.equal(await readKnownAs(place.runtime, options.path), null);
      await directory.saveIdentity({ ...identity, clusterId: INSTANCE_ID, born: true, members });
      const known = { clusterName: "blue", address: "127.0.0.1:7000" };
      assert.deepEqual(await readKnownAs(place.runtime, options.path), known);
      assert.equal(await readKnownAs(place.runtime, `${options.path}/identity`), null);
      await directory.close();
    }));

  it("refuses a second process, and names the first", () =>
    withDirectory(async (place) => {
      const first = await openDataDirectory(place.runtime, optionsOf(place));
      await assert.rejects(
        openDataDirectory(place.runtime, optionsOf(place)),
        (error: Error) => {
          assert.ok(error instanceof BadDataError);
          assert.match(error.message, /process \d+ uses it$/);
          assert.match(error.fix[0]!, /^stop process \d+/);
          return true;
        },
      );
      await first.close();
      await (await openDataDirectory(place.runtime, optionsOf(place))).close();
    }));

  it("refuses another node and another cluster, and says both", () =>
    withDirectory(async (place) => {
      const options = optionsOf(place, 2);
      await (await openDataDirectory(place.runtime, options)).close();
      await assert.rejects(openDataDirectory(place.runtime, { ...options, nodeId: 3 }), {
        name: DeniedError.name,
        message: `Cannot use "${options.path}" for node 3: it belongs to node 2`,
      });
      await assert.rejects(
        openDataDirectory(place.runtime, { ...options, clusterName: "green" }),
        {
          name: DeniedError.name,
          message: `Cannot use "${options.path}" for cluster "green": ` +
            `it belongs to cluster "blue"`,
        },
      );
      const { path, nodeId } = options;
      await (await openDataDirectory(place.runtime, { path, nodeId })).close();
    }));

  it("refuses a directory that holds other things, and leaves it alone", () =>
    withDirectory(async (place) => {
      const { path } = optionsOf(place);
      await mkdir(path, { recursive: true });
      await writeFile(`${path}/letter.txt`, "Dear");
      await assert.rejects(openDataDirectory(place.runtime, optionsOf(place)), (error: Error) => {
        assert.ok(error instanceof BadDataError);
        assert.match(error.message, /not empty, and holds "letter.txt"$/);
        return true;
      });
      assert.deepEqual(await place.runtime.files.readDirectory(path), ["letter.txt"]);
      await rm(`${path}/letter.txt`);
      await mkdir(`${path}/lost+found`);
      await (await openDataDirectory(place.runtime, optionsOf(place))).close();
    }));

  it("never makes a lost part again", async () => {
    for (const part of ["identity", "hard_state", "log"]) {
      await withDirectory(async (place) => {
        const options = optionsOf(place);
        await (await openDataDirectory(place.runtime, options)).close();
        const fix = part === "identity" ? DAMAGED_IDENTITY_FIX : DAMAGED_DIRECTORY_FIX;
        const name = part === "log" ? "log/00000000000000000001.segment" : part;
        await rm(`${options.path}/${name}`);
        const open = async (): Promise<void> => {
          const directory = await openDataDirectory(place.runtime, options);
          try {
            await (await directory.openHardState()).close();
            await (await directory.openLog()).close();
          } finally {
            await directory.close();
          }
        };
        await assert.rejects(open(), { name: "BadDataError", fix });
        await assert.rejects(open(), { name: "BadDataError", fix });
      });
    }
  });

  it("refuses a damaged identity at every byte", () =>
    withDirectory(async (place) => {
      const options = optionsOf(place);
      await (await openDataDirectory(place.runtime, options)).close();
      const file = `${options.path}/identity`;
      const bytes = new Uint8Array(await readFile(file));
      for (let offset = 0; offset < bytes.length; offset += 1) {
        const damaged = bytes.slice();
        damaged[offset]! ^= 0x04;
        await writeFile(file, damaged);
        await assert.rejects(openDataDirectory(place.runtime, options), {
          name: "BadDataError",
          fix: DAMAGED_IDENTITY_FIX,
        });
      }
      await writeFile(file, bytes);
      await (await openDataDirectory(place.runtime, options)).close();
    }));

  it("refuses a newer format, and names both versions", () =>
    withDirectory(async (place) => {
      const options = optionsOf(place);
      await (await openDataDirectory(place.runtime, options)).close();
      const file = `${options.path}/identity`;
      const bytes = new Uint8Array(await readFile(file));
      const view = new DataView(bytes.buffer);
      view.setUint32(8, 2, true);
      view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
      await writeFile(file, bytes);
      await assert.rejects(openDataDirectory(place.runtime, options), (error: Error) => {
        assert.ok(error instanceof BadDataError);
        assert.match(error.message, /format version is 2, this program knows up to 1$/);
        return true;
      });
    }));
});

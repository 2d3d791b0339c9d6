/** Backups of a cluster that is written to, and what becomes of a cluster without its quorum. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, TEST_TIMEOUT_MS } from "./kit/eventually.ts";
import { findFreePorts } from "./kit/free_ports.ts";
import { type Answer, assertExit, documentOf, errorOf, runRaft } from "./kit/run_raft.ts";
import { describeCluster } from "./kit/test_cluster.ts";
import { TestNode } from "./kit/test_node.ts";
import { Workbench } from "./kit/workbench.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TIMING = ["--heartbeat", "50ms", "--election-timeout", "400ms"];

/** The keys and values of an export, in their order, as one sum. */
function sumOf(lines: string): string {
  const hash = createHash("sha256");
  for (const line of lines.trimEnd().split("\n")) {
    const { key, value } = JSON.parse(line);
    hash.update(JSON.stringify([key, value]));
  }
  return hash.digest("hex");
}

describeCluster({ name: "a backup", flags: TIMING }, (clusterIt) => {
  clusterIt("of a cluster that is written to restores to a new one", async (cluster) => {
    const { store } = await cluster.client();
    let count = 0;
    let isOver = false;
    const write = async (): Promise<void> => {
      while (!isOver) {
        const number = count++;
        await store.put(`key/${number}`, `value ${number}`);
      }
    };
    const writers = Array.from({ length: 8 }, write);
    await eventually({ what: "some keys to be there", look: () => count > 300 || null });
    await store.put("before", "the backup");
    const file = join(cluster.folder, "backup.snapshot");
    const saved = documentOf(await cluster.run(["snapshot", "save", file, "-o", "json"]));
    isOver = true;
    await Promise.all(writers);
    const bytes = readFileSync(file);
    assert.equal(saved.checksum, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(saved.bytes, bytes.length);
    const exported = await runRaft(["export", "--snapshot", file]);
    assertExit(exported, 0);
    assert.match(exported.stdout, /^{"key":"before","value":"the backup"/);
    assert.ok(exported.stdout.split("\n").length > 300);

    // At the address and under the id of a node of the old cluster, whose others go on.
    const old = cluster.node(1);
    await old.kill();
    const { address } = old;
    const words = ["--data", join(cluster.folder, "new"), "--id", "1", "--cluster", "e2e"];
    const restored = documentOf(
      await runRaft(["snapshot", "restore", file, ...words, "-o", "json"]),
    );
    assert.notEqual(restored.clusterId, saved.clusterId);
    assert.equal(restored.formerClusterId, saved.clusterId);
    const workbench = new Workbench();
    try {
      workbench.start("new", [...words, "--listen", address, ...TIMING]);
      const endpoint = ["-e", address];
      assertExit(await runRaft(["wait", "leader", "-t", "20s", ...endpoint]), 0);
      const again = await runRaft(["export", ...endpoint]);
      assert.equal(sumOf(again.stdout), sumOf(exported.stdout));
      await eventually({
        what: "members of the old cluster to be refused",
        look: () =>
          /Refused a connection.*was recovered or restored/.test(workbench.log("new")) || null,
      });
      const status = documentOf(await runRaft(["status", "-o", "json", ...endpoint]));
      assert.equal(status.clusterId, restored.clusterId);
      const [port] = await findFreePorts(1);
      const second = `127.0.0.1:${port}`;
      const join2 = ["--id", "2", "--data", workbench.path("2"), "--cluster", "e2e"];
      workbench.start("2", [...join2, "--listen", second, "--join", address, ...TIMING]);
      assertExit(await runRaft(["wait", "member", "2", "voter", "-t", "20s", ...endpoint]), 0);
      const both = documentOf(await runRaft(["member", "ls", "-o", "json", ...endpoint]));
      assert.deepEqual(
        both.members.map((member: { address: string }) => member.address),
        [address, second],
      );
    } finally {
      await workbench.dispose();
    }
    await old.start();
    await cluster.caughtUp();
  });

  clusterIt("is refused over another file, and leaves nothing where it fails", async (cluster) => {
    const file = join(cluster.folder, "mine.snapshot");
    writeFileSync(file, "mine");
    const refused = await cluster.run(["snapshot", "save", file, "-o", "json"]);
    assertExit(refused, 10);
    assert.equal(readFileSync(file, "utf8"), "mine");
    assertExit(await cluster.run(["snapshot", "save", file, "--overwrite"]), 0);
    const [port] = await findFreePorts(1);
    const nobody = await cluster.run(
      ["snapshot", "save", `${file}.2`, "-t", "500ms"],
      [`127.0.0.1:${port}`],
    );
    assertExit(nobody, 5);
    const names = readdirSync(cluster.folder).filter((name) => name.startsWith("mine"));
    assert.deepEqual(names, ["mine.snapshot"]);
    const piped = await cluster.run(["snapshot", "save", "-", "--consistency", "stale"]);
    assertExit(piped, 0);
    const copy = join(cluster.folder, "piped.snapshot");
    writeFileSync(copy, Buffer.from(piped.stdoutBytes));
    assertExit(await runRaft(["snapshot", "verify", copy]), 0);
  });

  clusterIt("imports what was exported, and stops at a bad line", async (cluster) => {
    const lines = ['{"key":"i1","value":"1"}', '{"key":"i2","value":"/w==","encoding":"base64"}'];
    const both = [...lines, '{"key":"i3","valu":"3"}', '{"key":"i4","value":"4"}'].join("\n");
    const bad = await cluster.feed(both, ["import", "-o", "json"]);
    assertExit(bad, 2);
    const { message, why, applied } = errorOf(bad);
    assert.match(message, /^line 3 cannot be imported$/);
    assert.deepEqual(why, [
      'there is no field "valu"',
      "2 keys were imported, all from the lines before",
    ]);
    assert.equal(applied, "unknown");
    assertExit(await cluster.run(["get", "i4"]), 3);
    for (let time = 0; time < 2; time += 1) {
      const good = await cluster.feed(lines.join("\n"), ["import", "-o", "json"]);
      assert.equal(documentOf(good).keys, 2);
    }
    const exported = await cluster.run(["export", "--prefix", "i"]);
    assertExit(exported, 0);
    const found = exported.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(found.map(({ key, value, version }) => [key, value, version]), [
      ["i1", "1", 3],
      ["i2", "/w==", 3],
    ]);
  });
});

/** The commands of the README for a cluster that has lost its quorum, with what they print. */
function readTranscript(): { readonly words: string[]; readonly output: string }[] {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const section = readme.slice(readme.indexOf("**A majority is lost.**"));
  const [, block = ""] = section.split("```");
  const steps: { words: string[]; output: string }[] = [];
  for (const line of block.split("\n").slice(1)) {
    if (line.startsWith("$ ")) steps.push({ words: line.slice(2).split(" "), output: "" });
    else steps.at(-1)!.output += `${line}\n`;
  }
  return steps;
}

/** The same whatever ids, ports and numbers there are. */
function masked(text: string): string {
  return text.replace(/[0-9a-f]{32}/g, "ID").replace(/\d+/g, "N").replace(/ +/g, " ").trim();
}

describe("two of three nodes destroyed", () => {
  it(
    "is mended as the README says, and the old nodes stay out",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      onWorkbench(async (workbench) => {
        const ports = await findFreePorts(3);
        const local = (word: string): string =>
          [7238, 7248, 7258].reduce(
            (text, port, i) => text.replaceAll(`:${port}`, `:${ports[i]}`),
            word,
          );
        const [first = ""] = ports.map((port) => `127.0.0.1:${port}`);
        const peers = ports.map((port, i) => `${i + 1}=127.0.0.1:${port}`).join(",");
        const nodes = [1, 2, 3].map((id) =>
          workbench.start(`old ${id}`, [
            ...["--id", String(id), "--data", `raft-data/${id}`, "--peers", peers, ...TIMING],
          ])
        );
        const run = (words: readonly string[]): Promise<Answer> =>
          runRaft([...words, "-t", "20s"], {
            folder: workbench.folder,
            environment: { RAFT_ENDPOINTS: first },
          });
        assertExit(await run(["wait", "healthy", "--voters", "3"]), 0);
        assertExit(await run(["put", "greeting", "hello"]), 0);
        await Promise.all(nodes.map((node) => node.kill()));
        for (const id of [2, 3]) {
          renameSync(workbench.path(`raft-data/${id}`), workbench.path(`gone-${id}`));
        }
        const plan = await run(["recover", "plan", "raft-data/1", "-o", "json"]);
        const { clusterId, keep, hasQuorum, mayLose, missing } = documentOf(plan);
        assert.deepEqual([keep, hasQuorum, mayLose, missing], [1, false, true, [2, 3]]);
        const steps = readTranscript();
        assert.ok(steps.length >= 7, `the README has ${steps.length} steps`);
        let starts = 0;
        for (const { words: [program, ...words], output } of steps) {
          assert.equal(program, "raft");
          const here = words.map((word) => local(/^[0-9a-f]{32}$/.test(word) ? clusterId : word));
          if (here.at(-1) === "&") {
            workbench.start(`new ${++starts}`, [...here.slice(1, -1), ...TIMING]);
            continue;
          }
          const answer = await run(here);
          assertExit(answer, 0);
          assert.equal(masked(answer.stdout), masked(output), words.join(" "));
        }
        assert.equal(starts, 3);
        // One that was thought lost comes back with its disk.
        const id = ["--id", "2", "--data", "gone-2", "--listen", `127.0.0.1:${ports[1]! + 40}`];
        const late = workbench.start("late", [...id, ...TIMING]);
        assert.equal((await late.ended).code, 8);
        assert.match(workbench.log("late"), /was recovered or restored, from what node 1/);
      }),
  );

  it(
    "is not recovered where a quorum is left",
    { timeout: TEST_TIMEOUT_MS },
    () =>
      onWorkbench(async (workbench) => {
        const [port] = await findFreePorts(1);
        const address = `127.0.0.1:${port}`;
        const { folder } = workbench;
        const node = new TestNode({ id: 1, address, folder, flags: ["--bootstrap", ...TIMING] });
        await node.start();
        await node.stop();
        const plan = documentOf(await runRaft(["recover", "plan", node.dataPath, "-o", "json"]));
        assert.equal(plan.hasQuorum, true);
        assert.deepEqual(plan.commands, [`raft start --id 1 --data ${node.dataPath}`]);
        const words = ["recover", "apply", "--data", node.dataPath, "--id", "1"];
        const apply = await runRaft([...words, "--confirm", plan.clusterId, "-o", "json"]);
        assertExit(apply, 10);
        assert.match(errorOf(apply).message, /is a quorum of its cluster by itself/);
        assert.ok(existsSync(join(node.dataPath, "identity")));
        const twice = await runRaft([
          "recover",
          "plan",
          node.dataPath,
          node.dataPath,
          "-o",
          "json",
        ]);
        assertExit(twice, 2);
      }),
  );
});

async function onWorkbench(body: (workbench: Workbench) => Promise<void>): Promise<void> {
  const workbench = new Workbench();
  try {
    await body(workbench);
  } finally {
    await workbench.dispose();
  }
}

/** What a handler throws is a defect: it stops the process on every runtime. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runArguments } from "./real_harness.ts";

const SCRIPT = fileURLToPath(new URL("./throwing_handler.ts", import.meta.url));

for (const side of ["accepted", "dialled"]) {
  test(`an error thrown by the handler of the ${side} side stops the process`, async () => {
    const child = spawn(process.execPath, [...runArguments, SCRIPT, side], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (text: unknown) => stderr += String(text));
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.notEqual(code, 0);
    assert.match(stderr, /Thrown by the handler/);
  });
}

/**
 * A process that takes the lock at its argument when a line arrives on stdin, says how that went,
 * and holds on until it is killed or stdin ends.
 */
import process from "node:process";
import { detectRuntime } from "../../src/runtime/detect.ts";
import { LockedError } from "../../src/runtime/runtime.ts";

const path = process.argv[2] ?? "";
const { files } = await detectRuntime();

process.stdin.once("data", async () => {
  try {
    await files.lock(path);
    console.log("held");
  } catch (error) {
    console.log(error instanceof LockedError ? `refused ${error.holderPid}` : String(error));
  }
});
console.log("ready");

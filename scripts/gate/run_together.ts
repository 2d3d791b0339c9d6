/**
 * Runs test files in one process of Node or Deno, as Bun does: a process or a worker each, which is
 * their way, would spend a third of its time on starting and on compiling the same modules.
 *
 * Usage: node --import tsx scripts/gate/run_together.ts FILE…
 *        deno test -A scripts/gate/run_together.ts -- FILE…
 *
 * In front of each file's tests comes one whose name is {@linkcode FILE_MARK} and the file, so that
 * the report tells which file a test is of.
 */
import { test } from "node:test";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { FILE_MARK } from "./node_report.ts";

for (const file of process.argv.slice(2)) {
  test(`${FILE_MARK}${file}`, () => {});
  try {
    await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    test(`${file} loads`, () => {
      throw error;
    });
  }
}

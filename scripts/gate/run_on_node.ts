/**
 * Runs test files in one process of Node, as Bun does: a process each, which is Node's way, would
 * spend most of its time on starting and on compiling the same modules.
 *
 * Usage: node --import tsx scripts/gate/run_on_node.ts FILE…
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
  await import(pathToFileURL(resolve(file)).href);
}

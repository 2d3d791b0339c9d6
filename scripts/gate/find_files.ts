import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Folders that hold nothing of ours. */
const foreignFolders = new Set(["node_modules", "dist", "coverage", "tmp", ".git"]);

/**
 * Every file under a folder, in name order, as paths relative to the root with "/" between.
 *
 * @param root The root of the repository.
 * @param folder A folder below it, or "" for all of it. Need not exist.
 */
export function findFiles(root: string, folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [path];
    return foreignFolders.has(entry.name) ? [] : findFiles(root, path);
  });
}

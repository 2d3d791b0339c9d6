import type { TestCase } from "./stage.ts";

/** One line of the report: a test or suite that ended, children before their parents. */
interface ReportLine {
  ok: boolean;
  name: string;
  nesting: number;
  file: string;
  skip?: string;
}

/** A line that waits for the suite around it, which is reported after its children. */
interface Pending extends ReportLine {
  path: string[];
}

function toCase(line: Pending): TestCase {
  const { file, path } = line;
  if (line.skip !== undefined && (line.ok || line.skip.startsWith("todo"))) {
    return { file, path, outcome: "skipped", ...(line.skip === "" ? {} : { reason: line.skip }) };
  }
  return { file, path, outcome: line.ok ? "passed" : "failed" };
}

/**
 * Reads what node_reporter.mjs wrote.
 *
 * Node reports a file that ends without having run a test as a passed test with the file's name;
 * that is how an early `process.exit(0)` looks, so it is turned into a failure.
 *
 * @param text All lines of the report.
 */
export function parseNodeReport(text: string): TestCase[] {
  const pendingByFile = new Map<string, Pending[]>();
  for (const row of text.split("\n").filter((row) => row !== "")) {
    const line = JSON.parse(row) as ReportLine;
    const pending = pendingByFile.get(line.file) ?? [];
    pendingByFile.set(line.file, pending);
    if (line.name.endsWith("_test.ts")) line.ok = false;
    for (let i = pending.length - 1; i >= 0; i--) {
      const child = pending[i];
      // Everything deeper that came since the last line of this depth belongs to this one.
      if (child === undefined || child.nesting <= line.nesting) break;
      child.path.unshift(line.name);
    }
    pending.push({ ...line, path: [line.name] });
  }
  return [...pendingByFile.values()].flat().map(toCase);
}

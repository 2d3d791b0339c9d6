import type { TestCase } from "./stage.ts";

/** What the name of the test in front of a file's tests begins with; then comes the file. */
export const FILE_MARK = "file: ";

/** One line of the report: a test or suite that ended, children before their parents. */
interface ReportLine {
  ok: boolean;
  name: string;
  nesting: number;
  skip?: string;
}

/** A line that waits for the suite around it, which is reported after its children. */
interface Pending extends ReportLine {
  file: string;
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
 * Reads what node_reporter.mjs wrote of the tests that run_together.ts ran.
 *
 * @param text All lines of the report.
 */
export function parseNodeReport(text: string): TestCase[] {
  const lines: Pending[] = [];
  let file = "";
  for (const row of text.split("\n").filter((row) => row !== "")) {
    const line = JSON.parse(row) as ReportLine;
    if (line.nesting === 0 && line.name.startsWith(FILE_MARK)) {
      file = line.name.slice(FILE_MARK.length);
      continue;
    }
    for (let i = lines.length - 1; i >= 0; i--) {
      const child = lines[i];
      // Everything deeper that came since the last line of this depth belongs to this one.
      if (child === undefined || child.nesting <= line.nesting) break;
      child.path.unshift(line.name);
    }
    lines.push({ ...line, file, path: [line.name] });
  }
  return lines.map(toCase);
}

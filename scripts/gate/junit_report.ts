import type { Outcome, TestCase } from "./stage.ts";

/** A start, end or empty tag of the report; text between tags is only needed for humans. */
const tagPattern = /<(\/?)(testsuites|testsuite|testcase|failure|error|skipped)\b([^>]*?)(\/?)>/g;
const attributePattern = /([\w-]+)="([^"]*)"/g;

/** A test case while its inner tags are still being read. */
interface OpenCase {
  file: string;
  path: string[];
  outcome: Outcome;
  reason?: string;
}

function decode(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}

function readAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(attributePattern)) {
    attributes.set(name, decode(value));
  }
  return attributes;
}

/** Notes what an inner tag says about the test case around it. */
function applyVerdict(open: OpenCase, tag: string, attributes: Map<string, string>): void {
  if (tag === "failure" || tag === "error") open.outcome = "failed";
  if (tag === "skipped" && open.outcome === "passed") {
    open.outcome = "skipped";
    const message = attributes.get("message");
    if (message) open.reason = message.toLowerCase();
  }
}

/**
 * Reads the JUnit files of `bun test` and `deno test`.
 *
 * Bun nests a `testsuite` for the file and one for every `describe`. Deno nests nothing and joins
 * the names of suites and steps with " > ", which is split here, so that both give the same paths.
 * Both escape ">" inside attributes, so a tag ends at the first one.
 *
 * @param xml The whole report.
 * @returns Every test case, the suites that Deno reports as tests included.
 */
export function parseJunit(xml: string): TestCase[] {
  const cases: TestCase[] = [];
  const suites: string[] = [];
  let open: OpenCase | undefined;
  for (const [, closing, tag = "", rest = "", empty] of xml.matchAll(tagPattern)) {
    const attributes = readAttributes(rest);
    if (tag === "testsuite") {
      if (closing) suites.pop();
      else if (!empty) suites.push(attributes.get("name") ?? "");
    } else if (tag === "testcase") {
      if (!closing) {
        // The outermost suite is the file.
        const name = (attributes.get("name") ?? "").split(" > ");
        const file = attributes.get("file") ?? suites[0] ?? "";
        open = { file, path: [...suites.slice(1), ...name], outcome: "passed" };
      }
      if ((closing || empty) && open) {
        cases.push(open);
        open = undefined;
      }
    } else if (!closing && open) {
      applyVerdict(open, tag, attributes);
    }
  }
  return cases;
}

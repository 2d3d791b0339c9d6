/**
 * Numbers of faults as people write them: `3,8-12`, or `none`.
 *
 * @module
 */

const NONE = "none";
const RANGE = /^(\d{1,6})(?:-(\d{1,6}))?$/;

/** Writes numbers, which ascend. */
export function formatFaultNumbers(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let start = 0; start < numbers.length;) {
    let end = start;
    while (numbers[end + 1] === numbers[end]! + 1) end += 1;
    parts.push(end === start ? `${numbers[start]}` : `${numbers[start]}-${numbers[end]}`);
    start = end + 1;
  }
  return parts.length === 0 ? NONE : parts.join(",");
}

/** Reads what {@linkcode formatFaultNumbers} writes; null where it is something else. */
export function parseFaultNumbers(text: string): number[] | null {
  if (text === NONE) return [];
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const match = RANGE.exec(part.trim());
    if (match === null) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first < 1 || last < first) return null;
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** How much an exhaustive test has tried, as a line that the gate shows at its end. */

/** Prints "counted: NAME: 12 calls, 3 states". */
export function printCounts(name: string, counts: Readonly<Record<string, number>>): void {
  const parts = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  console.log(`counted: ${name}: ${parts.join(", ")}`);
}

/** How many edits turn one word into another: insert, remove, replace, or swap two neighbours. */
function editDistance(from: string, to: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      let best = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (isSame ? 0 : 1),
      );
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (isSwap) best = Math.min(best, beforePrevious[column - 2]! + 1);
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[to.length]!;
}

/**
 * The candidate that somebody who typed `word` most likely meant, or undefined where none is near.
 *
 * @param word What was typed.
 * @param candidates What would have been understood.
 */
export function nearestMatch(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  let best: string | undefined;
  // A third of the letters may be wrong, and at least two of a word that is longer than three.
  let bestDistance = Math.max(Math.floor(typed.length / 3), typed.length > 3 ? 2 : 1) + 1;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const isPrefix = typed.length >= 2 && other.startsWith(typed);
    const distance = isPrefix ? 1 : editDistance(typed, other);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

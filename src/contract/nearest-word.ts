/**
 * The candidate that `word` was probably meant to be, or undefined when none is near: at most a third
 * of its letters changed, added, dropped or swapped with a neighbour (optimal string alignment distance).
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  return nearestAll(word, candidates)[0]
}

/** All candidates that are as near to `word` as the nearest one, in their order; empty when none is near. */
export function nearestAll(word: string, candidates: Iterable<string>): string[] {
  let best: string[] = []
  let bestDistance = Math.max(1, Math.floor(word.length / 3))
  for (const candidate of candidates) {
    const d = distance(word, candidate)
    if (d > bestDistance) continue
    if (d === bestDistance) best.push(candidate)
    else best = [candidate]
    bestDistance = d
  }
  return best
}

function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let d = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        d = Math.min(d, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(d)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The reference of the redactor tests: redaction in the slow, obvious way, and seeded random numbers. */
export const MARK = '***REDACTED***'

/**
 * What a redactor has to give, the slow and obvious way: all matches of all patterns, those that overlap
 * joined, each stretch replaced by one mark. Bytes are written as Latin-1 characters.
 */
export function redactByHand(text: string, patterns: readonly string[]): string {
  const matches = patterns.flatMap((pattern) => occurrences(text, pattern))
  matches.sort((a, b) => a.start - b.start)
  const stretches: { start: number; end: number }[] = []
  for (const match of matches) {
    const last = stretches.at(-1)
    if (last && match.start < last.end) last.end = Math.max(last.end, match.end)
    else stretches.push({ ...match })
  }
  let out = ''
  let from = 0
  for (const { start, end } of stretches) {
    out += text.slice(from, start) + MARK
    from = end
  }
  return out + text.slice(from)
}

function occurrences(text: string, pattern: string): { start: number; end: number }[] {
  const found = []
  for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1)) {
    found.push({ start: at, end: at + pattern.length })
  }
  return found
}

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

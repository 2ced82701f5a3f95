/**
 * Matches object keys against patterns such as `builds/app-*.tar.gz`: `*` is any text without `/`, `?` one such
 * character. Not a regular expression, which a script could make arbitrarily expensive: the cost is at most the length
 * of the pattern times the length of the key.
 */

/** The text that each `*` matched, in order; undefined when the key does not match. */
export function matchKey(pattern: string, key: string): string[] | undefined {
  const wanted = pattern.split('/')
  const parts = key.split('/')
  if (wanted.length !== parts.length) return undefined
  const found: string[] = []
  for (const [at, part] of parts.entries()) {
    const stars = matchPart(wanted[at] ?? '', part)
    if (stars === undefined) return undefined
    found.push(...stars)
  }
  return found
}

function matchPart(pattern: string, text: string): string[] | undefined {
  /** Start and end of the text of each star. Only the last one ever has to be extended. */
  const stars: { from: number; to: number }[] = []
  let after = 0
  let at = 0
  let next = 0
  while (at < text.length) {
    const star = stars.at(-1)
    if (pattern[next] === '*') {
      stars.push({ from: at, to: at })
      after = ++next
    } else if (next < pattern.length && (pattern[next] === '?' || pattern[next] === text[at])) {
      next += 1
      at += 1
    } else if (star) {
      star.to += 1
      at = star.to
      next = after
    } else return undefined
  }
  for (; pattern[next] === '*'; next++) stars.push({ from: at, to: at })
  if (next < pattern.length) return undefined
  return stars.map(({ from, to }) => text.slice(from, to))
}

/** The part of a pattern before the first wildcard: every matching key starts with it. */
export function literalPrefix(pattern: string): string {
  return pattern.split(/[*?]/, 1)[0] ?? ''
}

/** Compares the texts of the `*`s as versions: numbers by value, and `1.0-rc1` before `1.0`. */
export function compareVersions(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareVersion(a[at] ?? '', b[at] ?? '')
    if (order !== 0) return order
  }
  return 0
}

function compareVersion(a: string, b: string): number {
  const [left, right] = [piecesOf(a), piecesOf(b)]
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [one, other] = [left[at], right[at]]
    if (one === other) continue
    // Semantic Versioning 2.0.0 §11.3: a version with a pre-release part comes before the one without.
    if (one === undefined) return other === '-' ? 1 : -1
    if (other === undefined) return one === '-' ? -1 : 1
    return comparePiece(one, other)
  }
  return 0
}

function piecesOf(text: string): string[] {
  return text.match(/\d+|\D/gu) ?? []
}

function comparePiece(a: string, b: string): number {
  if (/^\d/.test(a) && /^\d/.test(b)) {
    const [one, other] = [a.replace(/^0+(?=\d)/, ''), b.replace(/^0+(?=\d)/, '')]
    if (one.length !== other.length) return one.length - other.length
    if (one !== other) return one < other ? -1 : 1
  }
  return a < b ? -1 : 1
}

/**
 * Patterns of keys, `builds/app-*.tar.gz`: `*` is any text without `/`, `?` one such character. No regular
 * expression, whose cost a pattern of the script's could drive up without end: this one's is at most the length of
 * the pattern times that of the key.
 */

/** What stands for the `*`s, in order; undefined where the key does not fit. */
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
  /** Where each star's text begins and ends. Only the last one ever has to be tried anew. */
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

/** The part of a pattern before what is not itself: all keys that fit begin so. */
export function literalPrefix(pattern: string): string {
  return pattern.split(/[*?]/, 1)[0] ?? ''
}

/** Orders what stands for the `*`s as versions: numbers by their value, and `1.0-rc1` before `1.0`. */
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
    // Semantic Versioning 2.0.0 §11.3: what has a `-` and more behind it comes before what has not.
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

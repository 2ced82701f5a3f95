/** The secrets within a secret: a key file in JSON, the password of a URL, a value in quotes. */

/** Shorter strings of JSON are not redacted: they are regions, users and the like. */
const SHORTEST_LEAF_BYTES = 8
/** The same for passwords of URLs and for what is in quotes, which is secret for certain. */
const SHORTEST_PART_BYTES = 4
/** Of one value. */
const MOST_PARTS = 256
/** JSON within a string of JSON, a URL within that … */
const MOST_LEVELS = 4

/**
 * What of a value is secret by itself, as programs take it out and print it:
 * - every string of JSON, at any depth; not its keys and numbers;
 * - the password of a URL, or its user where there is no password, as it stands and decoded;
 * - a value in quotes, without them;
 * - the lines of PEM, where its line ends are written as `\n`, are spaces or are missing.
 * All of that also within such a part, four levels deep; the first 256 parts.
 */
export function secretsWithin(value: string): Set<string> {
  const parts = new Set<string>()
  addParts(value, MOST_LEVELS, parts)
  parts.delete(value)
  return parts
}

function addParts(value: string, levels: number, parts: Set<string>): void {
  if (levels === 0) return
  for (const part of partsOf(value.trim())) {
    if (parts.size === MOST_PARTS) return
    if (parts.has(part)) continue
    parts.add(part)
    addParts(part, levels - 1, parts)
  }
}

function* partsOf(value: string): Generator<string> {
  const quoted = /^(["'`])([^]*)\1$/.exec(value)?.[2]
  if (quoted !== undefined && Buffer.byteLength(quoted) >= SHORTEST_PART_BYTES) yield quoted
  if (/^[[{"]/.test(value)) yield* leavesOf(parsed(value))
  yield* passwordsOf(value)
  yield* pemLinesOf(value)
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** In the order of the text, without recursion: JSON may be nested deeper than the stack. */
function* leavesOf(json: unknown): Generator<string> {
  const waiting = [json]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === 'string') {
      if (Buffer.byteLength(next) >= SHORTEST_LEAF_BYTES) yield next
    } else if (typeof next === 'object' && next !== null) {
      for (const child of Object.values(next).toReversed()) waiting.push(child)
    }
  }
}

/** RFC 3986 §3.2.1, and the parameter that JDBC has in its place. */
function* passwordsOf(value: string): Generator<string> {
  const url = /^[a-z][a-z0-9+.:-]*:\/\/([^/?#\s]*)(\S*)$/i.exec(value)
  if (!url) return
  const [, authority = '', rest = ''] = url
  const userInfo = authority.slice(0, Math.max(0, authority.lastIndexOf('@')))
  const colon = userInfo.indexOf(':')
  const found = [userInfo.slice(colon + 1)]
  // What GitHub takes next to a token that is the user
  if (userInfo.endsWith(':x-oauth-basic')) found.push(userInfo.slice(0, colon))
  for (const [, password = ''] of rest.matchAll(/[?&;](?:password|pwd)=([^&;#]*)/gi)) found.push(password)
  for (const password of found) {
    for (const form of [password, decoded(password)]) {
      if (Buffer.byteLength(form) >= SHORTEST_PART_BYTES) yield form
    }
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** RFC 7468 §2: 64 characters a line. */
function* pemLinesOf(value: string): Generator<string> {
  for (const [, inside = ''] of value.matchAll(/-----BEGIN [A-Z0-9 ]+-----(.*?)-----END /gs)) {
    const body = inside.replace(/\\[rn]|\s/g, '')
    if (!/^[A-Za-z0-9+/]+=*$/.test(body)) continue
    const lines = body.match(/.{1,64}/g) ?? []
    // Otherwise they are lines of the value anyway.
    if (!inside.includes(`\n${lines[0]}`)) yield lines.join('\n')
  }
}

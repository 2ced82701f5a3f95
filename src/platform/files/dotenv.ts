/** The dotenv format: `KEY=VALUE` lines. */

/** Values by key, or the line (counted from 1) that is wrong, and what is wrong with it. */
export type DotenvResult =
  | { ok: true; values: Map<string, string> }
  | { ok: false; line: number; problem: string }

const BLANK = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y
const HEAD = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/y
const SINGLE = /'([^']*)'/y
const DOUBLE = /"((?:[^"\\]|\\[^])*)"/y
const BARE = /([^\n]*)/y
const REST = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/**
 * Reads `KEY=VALUE` lines, `export KEY=VALUE` and `# comments`. A quoted value can have several lines. In double
 * quotes `\n`, `\r`, `\t` and `\` before any other character are escapes; in single quotes nothing is. Variables are
 * never expanded. The last value of a key counts. Never throws.
 */
export function parseDotenv(text: string): DotenvResult {
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n')
  const values = new Map<string, string>()
  let at = 0
  /** Matches `pattern` at the current position, and moves behind the match. */
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match !== null) at = pattern.lastIndex
    return match
  }
  while (at < source.length) {
    if (take(BLANK) !== null) continue
    const start = at
    const wrong = (problem: string): DotenvResult => ({
      ok: false,
      line: source.slice(0, start).split('\n').length,
      problem,
    })
    const key = take(HEAD)?.[1]
    if (key === undefined) return wrong('this is not KEY=VALUE')
    const quote = source[at]
    if (quote === "'" || quote === '"') {
      const quoted = take(quote === "'" ? SINGLE : DOUBLE)?.[1]
      if (quoted === undefined) return wrong('a quote is not closed')
      if (take(REST) === null) return wrong('there is text behind the closing quote')
      values.set(key, quote === "'" ? quoted : unescape(quoted))
    } else {
      const bare = take(BARE)?.[1] ?? ''
      values.set(key, bare.replace(/(?:^|[ \t]+)#.*$/, '').trimEnd())
    }
  }
  return { ok: true, values }
}

function unescape(text: string): string {
  return text.replace(/\\([^])/g, (_, char: string) => ESCAPES[char] ?? char)
}

const REFERENCE = /^secret:([A-Za-z_][A-Za-z0-9_]*)$/
/** What a `/` that begins a regular expression stands behind; behind anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|in|of|do|else|await|yield))\s*$/

/**
 * The keys of all string literals of a script that are, as a whole, a reference: what it will ask for, as far
 * as that can be known before it runs. Comments do not count. One pass; what it does not understand it skips,
 * so a key may be missing here and never be wrong.
 */
export function referencedSecrets(source: string): string[] {
  const keys = new Set<string>()
  /** Per template that is open around a `${`: how many braces are open in it. */
  const templates: number[] = []
  for (let at = 0; at < source.length;) {
    const character = source[at] ?? ''
    if (character === '/') at = afterSlash(source, at)
    else if (character === '"' || character === "'") {
      const end = endOfLiteral(source, at, character)
      const key = REFERENCE.exec(source.slice(at + 1, end - 1))?.[1]
      if (key !== undefined) keys.add(key)
      at = end
    } else if (character === '`') at = template(at)
    else {
      const braces = templates.at(-1)
      if (braces !== undefined && character === '{') templates[templates.length - 1] = braces + 1
      if (braces !== undefined && character === '}') {
        templates.pop()
        if (braces > 0) templates.push(braces - 1)
        else {
          at = template(at)
          continue
        }
      }
      at += 1
    }
  }
  return [...keys]

  /** From a template's beginning, or from the end of a `${}` in it, to its end or the next `${`. */
  function template(from: number): number {
    for (let at = from + 1; at < source.length; at++) {
      if (source[at] === '\\') at += 1
      else if (source[at] === '`') {
        const key = source[from] === '`' ? REFERENCE.exec(source.slice(from + 1, at))?.[1] : undefined
        if (key !== undefined) keys.add(key)
        return at + 1
      } else if (source[at] === '$' && source[at + 1] === '{') {
        templates.push(0)
        return at + 2
      }
    }
    return source.length
  }
}

/** Behind a comment, a regular expression or, where it is neither, the `/`. */
function afterSlash(source: string, at: number): number {
  const next = source[at + 1]
  if (next === '/' || next === '*') {
    const end = source.indexOf(next === '/' ? '\n' : '*/', at + 2)
    return end < 0 ? source.length : end + 1 + Number(next === '*')
  }
  if (!BEFORE_REGEX.test(source.slice(Math.max(0, at - 12), at))) return at + 1
  let inClass = false
  for (let end = at + 1; end < source.length && source[end] !== '\n'; end++) {
    const character = source[end]
    if (character === '\\') end += 1
    else if (character === '[') inClass = true
    else if (character === ']') inClass = false
    else if (character === '/' && !inClass) return end + 1
  }
  return at + 1
}

/** Behind the closing quote, or behind the opening one where the line ends first. */
function endOfLiteral(source: string, at: number, quote: string): number {
  for (let end = at + 1; end < source.length && source[end] !== '\n'; end++) {
    if (source[end] === '\\') end += 1
    else if (source[end] === quote) return end + 1
  }
  return at + 1
}

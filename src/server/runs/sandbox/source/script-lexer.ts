/** Splits the source of a script into code, comments, literals, templates and regular expressions. */

/** A stretch of a script. A template is cut at its `${` and `}`, which belong to the pieces of the template. */
interface SourceSpan {
  kind: 'code' | 'comment' | 'literal' | 'template' | 'regex'
  from: number
  to: number
}

/** What comes before a `/` that starts a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|in|of|do|else|await|yield))\s*$/

/** In one pass, which never fails: what it does not understand counts as code. */
export function* lexScript(source: string): Generator<SourceSpan> {
  /** For each template that is open around a `${`: how many braces are open in it. */
  const templates: number[] = []
  let code = 0
  let at = 0
  while (at < source.length) {
    const found = next()
    if (!found) {
      at += 1
      continue
    }
    if (code < at) yield { kind: 'code', from: code, to: at }
    yield { kind: found.kind, from: at, to: found.to }
    code = at = found.to
  }
  if (code < at) yield { kind: 'code', from: code, to: at }

  function next(): { kind: SourceSpan['kind']; to: number } | undefined {
    const character = source[at]
    if (character === '/') return slash(source, at)
    if (character === '"' || character === "'") {
      return { kind: 'literal', to: endOfLiteral(source, at, character) }
    }
    if (character === '`') return template()
    const braces = templates.at(-1)
    if (braces !== undefined && character === '{') templates[templates.length - 1] = braces + 1
    if (braces === undefined || character !== '}') return undefined
    templates.pop()
    if (braces === 0) return template()
    templates.push(braces - 1)
    return undefined
  }

  /** From the start of a template, or from the end of a `${}` in it, to its end or to after the next `${`. */
  function template(): { kind: 'template'; to: number } {
    for (let end = at + 1; end < source.length; end++) {
      if (source[end] === '\\') end += 1
      else if (source[end] === '`') return { kind: 'template', to: end + 1 }
      else if (source[end] === '$' && source[end + 1] === '{') {
        templates.push(0)
        return { kind: 'template', to: end + 2 }
      }
    }
    return { kind: 'template', to: source.length }
  }
}

/** A comment or a regular expression; undefined where the `/` is neither. */
function slash(source: string, at: number): { kind: 'comment' | 'regex'; to: number } | undefined {
  const next = source[at + 1]
  if (next === '/' || next === '*') {
    const end = source.indexOf(next === '/' ? '\n' : '*/', at + 2)
    return { kind: 'comment', to: end < 0 ? source.length : end + 1 + Number(next === '*') }
  }
  if (!BEFORE_REGEX.test(source.slice(Math.max(0, at - 12), at))) return undefined
  let inClass = false
  for (let end = at + 1; end < source.length && source[end] !== '\n'; end++) {
    const character = source[end]
    if (character === '\\') end += 1
    else if (character === '[') inClass = true
    else if (character === ']') inClass = false
    else if (character === '/' && !inClass) return { kind: 'regex', to: end + 1 }
  }
  return undefined
}

/** The place after the closing quote, or after the opening one where the line ends first. */
function endOfLiteral(source: string, at: number, quote: string): number {
  for (let end = at + 1; end < source.length && source[end] !== '\n'; end++) {
    if (source[end] === '\\') end += 1
    else if (source[end] === quote) return end + 1
  }
  return at + 1
}

/** Splits the text of a rule into tokens. */
import { Fault } from '../../contract/fault.ts'

/** A part of a rule as it was written. `at` is its offset. */
export interface Token {
  kind: 'name' | 'string' | 'number' | 'symbol'
  text: string
  at: number
}

/** Enough for a list of some dozens of names. */
const MAX_BYTES = 2048

/** No comments, no arithmetic but `+`, no maps: any other symbol is refused before parsing. */
const SYMBOLS = ['&&', '||', '==', '!=', '<=', '>=', '<', '>', '!', '+', '(', ')', '[', ']', ',', '.']

const INSTEAD: Readonly<Record<string, string>> = { '=': '==', '&': '&&', '|': '||' }

/** @param at offset in the rule; people count columns from 1 */
export function ruleFault(at: number, what: string, hint?: string): Fault {
  return new Fault('usage', `the rule has an error at column ${at + 1}: ${what}`, { hint })
}

/** @throws Fault `usage` for a character that no rule can contain */
export function tokenize(rule: string): Token[] {
  if (Buffer.byteLength(rule) > MAX_BYTES) {
    throw new Fault('usage', `a rule has at most ${MAX_BYTES} bytes`)
  }
  const tokens: Token[] = []
  let at = 0
  while (at < rule.length) {
    if (/\s/.test(rule.charAt(at))) {
      at += 1
      continue
    }
    const token = readToken(rule, at)
    tokens.push(token)
    at += token.text.length
  }
  return tokens
}

function readToken(rule: string, at: number): Token {
  const char = rule.charAt(at)
  if (char === '"' || char === "'") return { kind: 'string', text: readString(rule, at), at }
  const word = /^(?:([A-Za-z_]\w*)|\d+)/.exec(rule.slice(at))
  if (word !== null) return { kind: word[1] === undefined ? 'number' : 'name', text: word[0], at }
  const symbol = SYMBOLS.find((text) => rule.startsWith(text, at))
  if (symbol !== undefined) return { kind: 'symbol', text: symbol, at }
  const instead = INSTEAD[char]
  throw ruleFault(
    at,
    `${JSON.stringify(char)} has no meaning here`,
    instead === undefined ? undefined : `did you mean ${instead}?`,
  )
}

/** A string literal with its quotes, exactly as it was written. */
function readString(rule: string, at: number): string {
  const quote = rule.charAt(at)
  for (let end = at + 1; end < rule.length; end++) {
    const char = rule.charAt(end)
    if (char === '\\') end += 1
    else if (char === '\n' || char === '\r') break
    else if (char === quote) {
      // The library would read `"""` as the start of a multi-line string, where we read an empty one.
      if (rule.charAt(end + 1) === quote) throw ruleFault(end + 1, 'a quote follows a quote')
      return rule.slice(at, end + 1)
    }
  }
  throw ruleFault(at, 'this text does not end')
}

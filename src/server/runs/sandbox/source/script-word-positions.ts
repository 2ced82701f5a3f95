/** The words of a script, each with its place. */
import { lexScript } from './script-lexer.ts'

/** A word, or the `@` of a decorator, and where it starts. */
export interface Token {
  text: string
  at: number
  /** The characters before and after it, spaces left out. */
  around: string
  /** It is a word of a literal, a template or a regular expression. */
  isQuoted: boolean
}

const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$]*|@/gu

/** All words of a script but those of its comments. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  for (const { kind, from, to } of lexScript(source)) {
    if (kind === 'comment') continue
    for (const { 0: text, index } of source.slice(from, to).matchAll(WORD)) {
      const at = from + index
      tokens.push({ text, at, around: around(source, at, at + text.length), isQuoted: kind !== 'code' })
    }
  }
  return tokens
}

function around(source: string, from: number, to: number): string {
  const before = /(\S)\s*$/.exec(source.slice(Math.max(0, from - 16), from))?.[1] ?? ' '
  const after = /^\s*(\S)/.exec(source.slice(to, to + 16))?.[1] ?? ' '
  return before + after
}

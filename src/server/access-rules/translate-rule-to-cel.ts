/** Translates a rule to CEL. */
import { nearest } from '../../contract/nearest-word.ts'
import { ATTRIBUTES } from './caller-attributes.ts'
import { ruleFault, type Token, tokenize } from './rule-tokenizer.ts'

/** A rule in CEL, and the offset in the rule for an offset in the CEL. */
interface Translation {
  cel: string
  sourceOffset(celOffset: number): number
}

/** Operators that are words in a rule and methods in CEL: `Email endsWith "x"` → `Email.endsWith("x")`. */
const WORD_OPERATORS: ReadonlySet<string> = new Set(['contains', 'startsWith', 'endsWith'])
const LOGIC: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!' }
const METHODS: ReadonlySet<string> = new Set([...WORD_OPERATORS, 'size', 'lowerAscii', 'upperAscii'])
const CLOSER: Readonly<Record<string, string>> = { '(': ')', '[': ']' }

/** What a rule can be about. */
export interface Vocabulary {
  variables: readonly string[]
  /** Words that are neither variables nor operators. */
  words: readonly string[]
  /** Whether any name can follow a dot: what a claim is called is up to its issuer. */
  hasFields: boolean
}

const CALLER: Vocabulary = {
  variables: Object.keys(ATTRIBUTES),
  words: ['true', 'false', 'in', 'size'],
  hasFields: false,
}

/** Of brackets; deeper than people write. */
const MAX_DEPTH = 24

/**
 * Translates token by token; string literals are copied unchanged. Names are checked here, everything else by CEL.
 * @throws Fault `usage` with the column, and the nearest name for an unknown one
 */
export function translate(rule: string, vocabulary = CALLER): Translation {
  const tokens = tokenize(rule)
  const pieces: { text: string; at: number }[] = []
  let next = 0
  let depth = 0
  const end = { kind: 'symbol', text: '', at: rule.length } as const satisfies Token
  const peek = (): Token => tokens[next] ?? end
  const emit = (text: string, at: number) => pieces.push({ text, at })

  /** Up to `closer`, which is not taken. */
  const sequence = (closer: string): void => {
    let before: Token | undefined
    while (peek() !== end && peek().text !== closer) {
      const token = peek()
      if (token.kind === 'name' && WORD_OPERATORS.has(token.text) && endsOperand(before)) wordOperator(token)
      else element(token, before)
      before = tokens[next - 1]
    }
  }

  /** One token, or a whole group in brackets. */
  const element = (token: Token, before: Token | undefined): void => {
    next += 1
    emit(celOf(vocabulary, token, before, peek()), token.at)
    const closer = token.kind === 'symbol' ? CLOSER[token.text] : undefined
    if (closer === undefined) return
    depth += 1
    if (depth > MAX_DEPTH) throw ruleFault(token.at, 'there are too many brackets inside each other')
    sequence(closer)
    if (peek().text !== closer) throw ruleFault(token.at, `this ${token.text} is not closed`)
    emit(closer, peek().at)
    next += 1
    depth -= 1
  }

  /** A method call in CEL binds to the value before it; the value after it goes between brackets. */
  const wordOperator = (operator: Token): void => {
    next += 1
    emit(`.${operator.text}(`, operator.at)
    const first = peek()
    if (first.kind === 'symbol' && CLOSER[first.text] === undefined) {
      throw ruleFault(operator.at, `${operator.text} needs a value after it`)
    }
    element(first, operator)
    while (peek().kind === 'symbol' && ['.', '(', '['].includes(peek().text)) {
      const postfix = peek()
      element(postfix, tokens[next - 1])
      if (postfix.text === '.' && peek().kind === 'name') element(peek(), postfix)
    }
    emit(')', operator.at)
  }

  sequence('')
  return join(pieces)
}

function endsOperand(token: Token | undefined): boolean {
  if (token === undefined) return false
  if (token.kind === 'symbol') return token.text === ')' || token.text === ']'
  return token.kind !== 'name' || !['in', 'and', 'or', 'not'].includes(token.text)
}

function celOf(vocabulary: Vocabulary, token: Token, before: Token | undefined, after: Token): string {
  const { kind, text, at } = token
  if (kind !== 'name') return text
  if (before?.kind === 'symbol' && before.text === '.') {
    if (METHODS.has(text) || (vocabulary.hasFields && after.text !== '(')) return text
    throw unknownName(vocabulary, { at, name: text, known: METHODS })
  }
  if (text === 'not' && after.text === 'in') {
    throw ruleFault(at, '"not in" is not known', 'write !("x" in Groups)')
  }
  const logic = LOGIC[text]
  if (logic !== undefined) return logic
  const words = [...vocabulary.variables, ...vocabulary.words]
  if (words.includes(text)) return text
  if (WORD_OPERATORS.has(text)) throw ruleFault(at, `${text} needs a value before it`)
  const known = [...words, ...WORD_OPERATORS, ...Object.keys(LOGIC)]
  throw unknownName(vocabulary, { at, name: text, known })
}

function unknownName(
  { variables }: Vocabulary,
  { at, name, known }: { at: number; name: string; known: Iterable<string> },
) {
  if (name === 'matches') {
    return ruleFault(at, 'matches is not supported', 'use startsWith, endsWith or contains')
  }
  const candidates = [...known]
  const shown = name.slice(0, 40)
  const same = candidates.find((candidate) => candidate.toLowerCase() === shown.toLowerCase())
  const near = same ?? nearest(shown, candidates)
  const hint =
    near === undefined ? `there ${isOrAre(variables)} ${variables.join(', ')}` : `did you mean ${near}?`
  return ruleFault(at, `"${shown}" is not known`, hint)
}

function isOrAre({ length }: readonly string[]): string {
  return length === 1 ? 'is' : 'are'
}

function join(pieces: readonly { text: string; at: number }[]): Translation {
  const starts: number[] = []
  let cel = ''
  for (const piece of pieces) {
    // Separated by blanks, so that no two tokens of a rule become one of CEL.
    if (cel !== '') cel += ' '
    starts.push(cel.length)
    cel += piece.text
  }
  return {
    cel,
    sourceOffset: (offset) => {
      if (offset >= cel.length) return (pieces.at(-1)?.at ?? 0) + (pieces.at(-1)?.text.length ?? 0)
      const i = starts.findLastIndex((start) => start <= offset)
      const piece = pieces[Math.max(0, i)]
      return (
        (piece?.at ?? 0) + Math.max(0, Math.min(offset - (starts[i] ?? 0), (piece?.text.length ?? 1) - 1))
      )
    },
  }
}

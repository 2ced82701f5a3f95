/** What a string looks like in JSON, and as a literal of a language, without the quotes around it. */
import { codeOf, lower, upper } from './hex-of-code.ts'

type Names = Readonly<Record<string, string>>
type Write = (text: string) => string

/** The control characters of ASCII, in a class of a regular expression. */
export const CONTROLS = '\\x00-\\x1f'
const JSON_ALWAYS = new RegExp(`["\\\\${CONTROLS}]`, 'g')
const JSON_ASCII = /["\\]|[^ -~]/g
const JSON_HTML = new RegExp(`["\\\\<>&\\u2028\\u2029${CONTROLS}]`, 'g')
const JSON_DOTNET = /["\\&'+<>`]|[^ -~]/g
const LITERAL = new RegExp(`['\\\\\\x7f${CONTROLS}]`, 'g')
const LITERAL_BYTES = new RegExp(`['\\\\\\x7f-\\xff${CONTROLS}]`, 'g')
/** What Python's `repr` does not take for printable, and its `ascii`. */
const NOT_PRINTABLE = /['\\]|(?! )[\p{C}\p{Z}]/gu
const NOT_PRINTABLE_ASCII = /['\\]|[^ -~]/gu

const JSON_NAMES: Names = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}
const LITERAL_NAMES: Names = {
  "'": "\\'",
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}
const JAVASCRIPT_NAMES: Names = { ...LITERAL_NAMES, '\b': '\\b', '\v': '\\v', '\f': '\\f' }

/** RFC 8259 §7, by encoder. */
const plain: Write = (text) => jsonString(text, JSON_ALWAYS)
const python: Write = (text) => jsonString(text, JSON_ASCII)
const php: Write = (text) => python(text).replaceAll('/', '\\/')
const phpUnicode: Write = (text) => plain(text).replaceAll('/', '\\/')
const go: Write = (text) => jsonString(text, JSON_HTML)
const java: Write = (text) => jsonString(text, JSON_ASCII, upper)
const dotnet: Write = (text) => jsonString(text, JSON_DOTNET, upper, { ...JSON_NAMES, '"': '\\u0022' })

/** As a string of JSON, and as one within a string of JSON, such as log collectors write. */
export function* json(text: string): Generator<string> {
  yield plain(text)
  yield python(text)
  yield plain(plain(text))
  for (const write of [php, phpUnicode, go, java, dotnet]) yield write(text)
  for (const inner of [plain, python, php, phpUnicode, go, dotnet]) {
    const text2 = inner(text)
    for (const outer of [plain, python, php]) yield outer(text2)
  }
}

/** Literals of Python and JavaScript, in 'quotes' and in those that need not be escaped. */
export function* literals(text: string): Generator<string> {
  // Node.js and Bun, which write \x1B, then Python
  for (const [hexOf, names] of [
    [lower, LITERAL_NAMES],
    [upper, JAVASCRIPT_NAMES],
  ] as const) {
    yield* inBothQuotes(text.replace(LITERAL, (unit) => names[unit] ?? `\\x${hexOf(codeOf(unit, 2))}`))
  }
  yield* inBothQuotes(text.replace(NOT_PRINTABLE, pythonEscape))
  yield* inBothQuotes(text.replace(NOT_PRINTABLE_ASCII, pythonEscape))
  // Python's b'bytes'
  const bytes = Buffer.from(text).toString('latin1')
  yield* inBothQuotes(bytes.replace(LITERAL_BYTES, (byte) => LITERAL_NAMES[byte] ?? `\\x${codeOf(byte, 2)}`))
}

function* inBothQuotes(literal: string): Generator<string> {
  yield literal
  yield literal.replaceAll("\\'", "'")
}

function jsonString(text: string, escaped: RegExp, hexOf = lower, names = JSON_NAMES): string {
  return text.replace(escaped, (unit) => names[unit] ?? `\\u${hexOf(codeOf(unit, 4))}`)
}

function pythonEscape(character: string): string {
  const name = LITERAL_NAMES[character]
  if (name !== undefined) return name
  const code = (character.codePointAt(0) ?? 0).toString(16)
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`
}

/** The encodings in which tools print a value. */

/**
 * Those that write special characters with escapes give their dialects, the commonest first.
 */
export const ESCAPES: readonly ((text: string) => Iterable<string>)[] = [
  (text) => url(Buffer.from(text)),
  json,
  shell,
  xml,
]

/** Columns at which `openssl base64` and PEM break lines, and at which `base64` and MIME do (RFC 2045 §6.8). */
const BASE64_COLUMNS = [64, 76]
/** `xxd -p` */
const HEX_COLUMNS = 60

/**
 * Base64 and base64url (RFC 4648 §4, §5) of `bytes` wherever they stand in what was encoded: as three
 * alignments. Characters that mix in a neighbour's bits are left out, as they can have any value; at the end
 * of what was encoded there is no neighbour, so the padded and the unpadded end are forms too.
 */
export function* base64(bytes: Buffer): Generator<string> {
  for (const shift of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
    // 8 bits a byte over 6 bits a character: the first character without, and the last one with, a foreign bit.
    const first = Math.ceil((8 * shift) / 6)
    const inner = text.slice(first, Math.floor((8 * (shift + bytes.length)) / 6))
    const padded = text.slice(first)
    for (const form of [inner, padded, padded.replace(/=+$/, '')]) {
      yield form
      yield form.replaceAll('+', '-').replaceAll('/', '_')
    }
    if (shift > 0) continue
    for (const columns of BASE64_COLUMNS) {
      for (const form of [inner, padded]) yield* wrapped(form, columns, 8)
    }
  }
}

export function* hex(bytes: Buffer): Generator<string> {
  const lower = bytes.toString('hex')
  for (const form of [lower, ...wrapped(lower, HEX_COLUMNS, 12)]) {
    yield form
    yield form.toUpperCase()
  }
}

/**
 * The lines into which an encoder breaks a text that begins with the value; none when it fits on one.
 * @param least characters that stand for enough bytes to be looked for.
 */
function* wrapped(text: string, columns: number, least: number): Generator<string> {
  for (let at = 0; text.length > columns && at + least <= text.length; at += columns) {
    yield text.slice(at, at + columns)
  }
}

/** What each encoder escapes, and what it makes of a space. */
const URL_DIALECTS: readonly [escaped: RegExp, space: string][] = [
  // JavaScript's encodeURIComponent
  [/[^\w.!~*'()-]/g, '%20'],
  // RFC 3986 §2.3: curl, Go
  [/[^\w.~-]/g, '%20'],
  // A form's body (WHATWG URL §5.2), and what Python, Go and PHP take for it
  [/[^\w.*-]/g, '+'],
  [/[^\w.~-]/g, '+'],
  [/[^\w.-]/g, '+'],
  // Python's quote
  [/[^\w.~/-]/g, '%20'],
  // encodeURI
  [/[^\w.!~*'();,/?:@&=+$#-]/g, '%20'],
]

/** Percent-encoding (RFC 3986 §2.1), which takes any bytes. */
export function* url(bytes: Buffer): Generator<string> {
  const text = bytes.toString('latin1')
  for (const [escaped, space] of URL_DIALECTS) {
    for (const hexOf of [upper, lower]) {
      yield text.replace(escaped, (byte) => (byte === ' ' ? space : `%${hexOf(codeOf(byte, 2))}`))
    }
  }
}

const CONTROLS = '\\x00-\\x1f'
const NOT_ASCII = /[^ -~]/gu
const JSON_ALWAYS = new RegExp(`["\\\\${CONTROLS}]`, 'g')
const JSON_ASCII = /["\\]|[^ -~]/g
const JSON_HTML = new RegExp(`["\\\\<>&\\u2028\\u2029${CONTROLS}]`, 'g')
const JSON_DOTNET = /["\\&'+<>`]|[^ -~]/g
const LITERAL = new RegExp(`['\\\\\\x7f${CONTROLS}]`, 'g')
const LITERAL_BYTES = new RegExp(`['\\\\\\x7f-\\xff${CONTROLS}]`, 'g')

/** RFC 8259 §7, without the quotes; and what a string looks like as a literal of a language. */
function* json(text: string): Generator<string> {
  const write = (escaped: RegExp, hexOf = lower, names = JSON_NAMES) =>
    text.replace(escaped, (unit) => names[unit] ?? `\\u${hexOf(codeOf(unit, 4))}`)
  const plain = write(JSON_ALWAYS)
  yield plain
  // Python
  yield write(JSON_ASCII)
  // JSON within JSON, as log collectors write it
  yield plain.replace(/["\\]/g, '\\$&')
  // PHP
  yield write(JSON_ASCII).replaceAll('/', '\\/')
  yield plain.replaceAll('/', '\\/')
  // Go
  yield write(JSON_HTML)
  // Java, .NET
  yield write(JSON_ASCII, upper)
  yield write(JSON_DOTNET, upper, { ...JSON_NAMES, '"': '\\u0022' })
  // Literals of Python and JavaScript, in 'quotes' and in those that need not be escaped
  for (const hexOf of [lower, upper]) {
    const literal = text.replace(LITERAL, (unit) => LITERAL_NAMES[unit] ?? `\\x${hexOf(codeOf(unit, 2))}`)
    yield literal
    yield literal.replaceAll("\\'", "'")
  }
  // Python's b'bytes'
  const bytes = Buffer.from(text).toString('latin1')
  yield bytes.replace(LITERAL_BYTES, (byte) => LITERAL_NAMES[byte] ?? `\\x${codeOf(byte, 2)}`)
}

/** Within quotes of each kind, and as `printf %q` has it. */
function* shell(text: string): Generator<string> {
  // set -x, ${x@Q}
  yield text.replaceAll("'", `'\\''`)
  // $'…'
  yield octal(text, LITERAL)
  // The same where the locale has no letters but ASCII
  yield octal(Buffer.from(text).toString('latin1'), LITERAL_BYTES)
  // Python's shlex
  yield text.replaceAll("'", `'"'"'`)
  yield text.replace(/[\\"$`]/g, '\\$&')
  yield text.replace(/[ !"$&'()*,;<>?[\\\]^`{|}]|^[#~]/g, '\\$&')
}

function octal(text: string, escaped: RegExp): string {
  return text.replace(
    escaped,
    (unit) => SHELL_NAMES[unit] ?? `\\${unit.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
}

const LITERAL_NAMES: Record<string, string> = {
  "'": "\\'",
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}
const SHELL_NAMES: Record<string, string> = {
  ...LITERAL_NAMES,
  '\x07': '\\a',
  '\b': '\\b',
  '\v': '\\v',
  '\f': '\\f',
  '\x1b': '\\E',
}
const JSON_NAMES: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** XML 1.0 §2.4 and HTML, by name and by number. */
function* xml(text: string): Generator<string> {
  const named = (quote: string, apostrophe: string) =>
    text.replace(/[&<>"']/g, (unit) => {
      if (unit === '"') return quote
      return unit === "'" ? apostrophe : (XML_NAMES[unit] ?? unit)
    })
  const attribute = named('&quot;', '&apos;')
  yield attribute
  yield named('"', "'")
  // Line ends in an attribute (§3.3.3)
  yield numbered(attribute, /[\t\n\r]/g, decimal)
  yield named('&quot;', "'")
  // PHP, JavaScript
  yield named('&quot;', '&#39;')
  // Python
  yield named('&quot;', '&#x27;')
  yield named('&quot;', '&#x27;').replaceAll('/', '&#x2F;')
  // Go
  yield named('&#34;', '&#39;')
  for (const write of [decimal, hexadecimal(lower), hexadecimal(upper)]) {
    yield numbered(attribute, /[\t\n\r]/g, write)
    yield numbered(attribute, NOT_ASCII, write)
    yield numbered(named('&quot;', '&#39;'), NOT_ASCII, write)
    yield numbered(text, /[&<>"']|[^ -~]/gu, write)
  }
}

function numbered(text: string, which: RegExp, write: (code: number) => string): string {
  return text.replace(which, (character) => write(character.codePointAt(0) ?? 0))
}

function decimal(code: number): string {
  return `&#${code};`
}

function hexadecimal(hexOf: (code: string) => string) {
  return (code: number) => `&#x${hexOf(code.toString(16))};`
}

const XML_NAMES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

function codeOf(unit: string, digits: number): string {
  return unit.charCodeAt(0).toString(16).padStart(digits, '0')
}

function lower(code: string): string {
  return code
}

function upper(code: string): string {
  return code.toUpperCase()
}

/** How shells and regular expressions quote a text, and how CSV and SQL do. */
import { codeOf } from './hex-of-code.ts'
import { CONTROLS } from './string-literals.ts'

const SPECIAL = new RegExp(`['\\\\\\x7f${CONTROLS}]`, 'g')
const SPECIAL_BYTES = new RegExp(`['\\\\\\x7f-\\xff${CONTROLS}]`, 'g')
/** In "quotes", as C and git write them (`core.quotePath`). */
const C_SPECIAL_BYTES = new RegExp(`["\\\\\\x7f-\\xff${CONTROLS}]`, 'g')

const SHELL_NAMES: Readonly<Record<string, string>> = {
  "'": "\\'",
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\x07': '\\a',
  '\b': '\\b',
  '\v': '\\v',
  '\f': '\\f',
  '\x1b': '\\E',
}

/** Within quotes of each kind, and as `printf %q` has it. */
export function* shell(text: string): Generator<string> {
  // set -x, ${x@Q}
  yield text.replaceAll("'", `'\\''`)
  // $'…'
  yield octal(text, SPECIAL)
  // The same where the locale has no letters but ASCII
  yield octal(bytesOf(text), SPECIAL_BYTES)
  // Python's shlex
  yield text.replaceAll("'", `'"'"'`)
  yield text.replace(/[\\"$`]/g, '\\$&')
  yield text.replace(/[ !"$&'()*,;<>?[\\\]^`{|}]|^[#~]/g, '\\$&')
  yield octal(bytesOf(text), C_SPECIAL_BYTES)
}

/** A quote within quotes is written twice. */
export function* doubledQuotes(text: string): Generator<string> {
  // CSV (RFC 4180 §2), then SQL
  for (const quote of ['"', "'"]) yield text.replaceAll(quote, quote + quote)
}

/** What a regular expression needs to match a text, as the functions for it write it. */
export function* patterns(text: string): Generator<string> {
  // Perl's quotemeta and Python before 3.7: whatever is not a letter, a digit or `_`
  yield text.replace(/\W/gu, '\\$&')
  yield text.replace(/[^\w\x80-\u{10ffff}]/gu, '\\$&')
  // Go and JavaScript's libraries
  yield text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  yield text.replace(/[-/\\^$.*+?()[\]{}|]/g, '\\$&')
  // Python
  yield text.replace(/[\t-\r #$&()*+.?[\\\]^{|}~-]/g, '\\$&')
  // PHP, where `/` is the delimiter and where it is not
  yield text.replace(/[.\\+*?[^\]$(){}=!<>|:#/-]/g, '\\$&')
  yield text.replace(/[.\\+*?[^\]$(){}=!<>|:#-]/g, '\\$&')
  // Ruby
  yield text.replace(/[ .\\+*?[^\]$(){}|#-]/g, '\\$&')
  // What bash makes of [[ $a =~ "$b" ]], and what is escaped for sed
  yield text.replace(/[\\^$.*+?()[{|]/g, '\\$&')
  yield text.replace(/[\\^$.*[\]/]/g, '\\$&')
  yield regExpEscape(text)
}

/** Escapes that change a text without any special character, too: nearly all of them leave no character as it was. */
export function* everyCharacter(text: string): Generator<string> {
  // What bash's `set -x` shows of [[ $a == "$b" ]]
  yield text.replace(/[^]/gu, '\\$&')
  yield bytesOf(text).replace(/[^]/g, (byte) => `\\${octalCode(byte)}`)
  // Where a pattern begins with the text
  yield regExpEscape(text).replace(/^[A-Za-z0-9]/, hexEscape)
}

/** JavaScript's RegExp.escape (ECMA-262 §22.2.5.1), for a text that is not at the beginning. */
function regExpEscape(text: string): string {
  return text
    .replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    .replace(/[\t\n\v\f\r]/g, (unit) => SHELL_NAMES[unit] ?? unit)
    .replace(/[- ,=<>#&!%:;@~'`"\xa0]/g, hexEscape)
}

function hexEscape(unit: string): string {
  return `\\x${codeOf(unit, 2)}`
}

/** @returns bytes, one a character: what programs make of a text where the locale has no letters but ASCII. */
export function* everyByte(text: string): Generator<string> {
  if (/^[\0-\x7f]*$/.test(text)) return
  const bytes = bytesOf(text)
  // bash's `set -x`, Perl's quotemeta
  yield bytes.replace(/[^]/g, '\\$&')
  yield bytes.replace(/\W/g, '\\$&')
}

function octal(text: string, escaped: RegExp): string {
  return text.replace(escaped, (unit) => SHELL_NAMES[unit] ?? `\\${octalCode(unit)}`)
}

function octalCode(unit: string): string {
  return unit.charCodeAt(0).toString(8).padStart(3, '0')
}

/** UTF-8, one byte a character. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}
